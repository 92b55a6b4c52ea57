"""A page that shows what runs on a target: executions as they succeed and fail, their states, the endpoints."""
