"""What made what: the merger of manifests and events into `lineage.duckdb`, and the answers that it gives."""
