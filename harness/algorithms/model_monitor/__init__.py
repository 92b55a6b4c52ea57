"""Stands in for Amazon SageMaker Model Monitor's analyzer: statistics, constraints and violations of a data set.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-quality.html
"""
