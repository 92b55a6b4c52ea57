"""boto3 for tests that run beside others, on a thread of their own."""

import os

import boto3
import botocore.session


def session(**arguments):
    """A session that looks at no profile: the others set variables for their own, in the same process."""
    fixed = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=fixed), **arguments)
