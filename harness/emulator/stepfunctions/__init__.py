"""Step Functions around the states language: API, executions, time, store."""
