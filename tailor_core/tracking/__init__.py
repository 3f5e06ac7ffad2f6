"""What a run tells the outside: MLflow runs and OpenLineage events. Neither ever fails a stage."""
