"""All DuckDB: one catalog of every row, made anew from the artifacts at any time."""
