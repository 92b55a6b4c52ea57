"""Data Capture: read, select, export, plot."""
