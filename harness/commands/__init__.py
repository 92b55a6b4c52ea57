"""The sub-commands of ``harness``: thin; what they call is imported when they run."""
