"""What endpoints can be besides a process that answers at once: asynchronous, serverless, multi-model."""
