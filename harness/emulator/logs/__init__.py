"""CloudWatch Logs: what functions and jobs write."""
