"""What Dagster sees of the pipeline: thin wiring over the packages beside this one."""
