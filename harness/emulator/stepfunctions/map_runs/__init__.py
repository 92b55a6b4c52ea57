"""Distributed Maps: items, batches, results."""
