"""Evaluates many images with the workflow's own batch evaluation, and says what came of it."""
