"""What Tasks call."""
