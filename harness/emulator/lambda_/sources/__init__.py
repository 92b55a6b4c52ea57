"""Sources that event source mappings read: queues and streams."""
