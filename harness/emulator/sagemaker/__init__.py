"""SageMaker: jobs, models, endpoints, capture, pipelines."""
