"""A bucket on the session's target."""

import pytest


@pytest.fixture
def bucket(new_bucket):
    """A bucket for one test, which reads all that is in it."""
    return new_bucket()
