import os

import six


def handler(event, context):
    return six.ensure_str(f"{os.environ['GREETING']} {event['name']}")
