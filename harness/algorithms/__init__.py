"""SageMaker's built-in algorithms, as programs behind the container contract: ``train`` and ``serve``."""
