"""Distributed Map: child executions, Map Runs and their API, which moto's Step Functions engine lacks.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""
