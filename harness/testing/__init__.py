"""The pytest plugin: fixtures, mocks, coverage of state machines."""
