"""Events on their way: what S3, SNS and EventBridge have to tell reaches functions, machines, queues and topics."""
