"""Pages of what a workflow is made of: functions, jobs, buckets, roles, stacks."""
