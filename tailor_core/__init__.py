"""Tailor's library: what each stage does. Knows nothing of Prefect, and loads no torch on import."""
