"""Immutable artifacts: tables, references, manifests, the store and its locks. The only door to fsspec."""
