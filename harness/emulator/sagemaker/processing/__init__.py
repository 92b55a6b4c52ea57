"""Processing jobs that really run."""
