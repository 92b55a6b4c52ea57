"""Pipelines whose steps are the jobs that run here."""
