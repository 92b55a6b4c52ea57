"""Monitoring schedules that really run."""
