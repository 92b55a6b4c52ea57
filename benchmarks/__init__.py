"""Measurements, which docs/speed.md has the figures of."""
