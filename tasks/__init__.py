"""How a stage is run: Prefect tasks around the stages of `tailor_core`."""
