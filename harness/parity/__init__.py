"""Executions of AWS replayed here, and compared event by event."""
