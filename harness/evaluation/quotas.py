"""What AWS documents of quotas and prices, each number with its document; and times that were measured.

Quotas are the defaults of an account in us-east-1, prices those of us-east-1 in US dollars. Both change: look at the
document beside the number before you rely on it. New accounts have less until AWS raises it: the documents say so of
Lambda's concurrency and of state transitions.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.cloud import prices

AS_OF = "2026-09"
"""Of these numbers. The documents could not be opened: each was held against a stored copy or a dated quotation of its
document, named in :attr:`Number.seen`."""
_STATES = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"
_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
_STATES_PRICES = "https://aws.amazon.com/step-functions/pricing/"
_LAMBDA_PRICES = "https://aws.amazon.com/lambda/pricing/"
_S3_PRICES = "https://aws.amazon.com/s3/pricing/"
_SAGEMAKER_PRICES = "https://aws.amazon.com/sagemaker/pricing/"


@dataclass(frozen=True)
class Number:
    """A number that AWS documents."""

    name: str
    value: float
    unit: str
    document: str
    seen: str
    """What it was held against, and of which date that is."""
    confirmed: bool = True


_COPY = "a public copy of the page, of 2025 or later"
_COPIES = f"{_COPY}; alike in awsdocs/aws-step-functions-developer-guide at fafab31, 2022-08"
_LAMBDA_COPY = "a public copy of scaling-behavior.html; quoted alike on 2026-10-01"
_S3_COPY = "awsdocs/amazon-s3-userguide at 548f742, 2023-06-09"
_TABLE = "harness/cloud/prices.py"
_HOUR = prices.INSTANCE_HOURS[prices.HOSTING, "ml.m5.xlarge"]
QUOTAS = {
    "map_concurrency": Number("child executions of a Map Run at a time", 10_000, "", _STATES, _COPY),
    "map_dispatch": Number("Standard children that a Map Run starts", 100, "a second", _STATES, _COPY),
    "map_express_dispatch": Number("Express children that a Map Run starts", 1_000, "a second", _STATES, _COPY),
    "starts": Number("StartExecution, Standard, refill of the bucket", 300, "a second", _STATES, _COPIES),
    "starts_burst": Number("StartExecution, Standard, size of the bucket", 1_300, "", _STATES, _COPIES),
    "express_starts": Number("StartExecution, Express, refill of the bucket", 6_000, "a second", _STATES, _COPIES),
    "transitions": Number("state transitions, Standard, refill of the bucket", 5_000, "a second", _STATES, _COPY),
    "history": Number("events of an execution's history", 25_000, "", _STATES, _COPIES),
    "lambda_concurrency": Number("Lambda, concurrent executions", 1_000, "", _LAMBDA, _LAMBDA_COPY),
    "lambda_requests": Number("Lambda, requests for each unit of concurrency", 10, "a second", _LAMBDA, _LAMBDA_COPY),
    "lambda_scaling": Number("Lambda, further environments of a function every 10 s", 1_000, "", _LAMBDA, _LAMBDA_COPY),
    "s3_gets": Number("S3, GET requests of a prefix", 5_500, "a second", _S3, _S3_COPY),
}
PRICES = {
    "transition": Number(
        "Step Functions, Standard, a state transition", prices.STATE_TRANSITION, "$", _STATES_PRICES, _TABLE
    ),
    "express_request": Number(
        "Step Functions, Express, a request", prices.EXPRESS_REQUEST, "$", _STATES_PRICES, _TABLE
    ),
    "express_gb_second": Number(
        "Step Functions, Express, a GB-second (64 MB at least)", prices.EXPRESS_GB_SECOND, "$", _STATES_PRICES, _TABLE
    ),
    "lambda_request": Number("Lambda, a request", prices.LAMBDA_REQUEST, "$", _LAMBDA_PRICES, _TABLE),
    "lambda_gb_second": Number("Lambda, x86, a GB-second", prices.LAMBDA_GB_SECOND, "$", _LAMBDA_PRICES, _TABLE),
    "s3_get": Number("S3 Standard, a GET request", prices.S3_GET, "$", _S3_PRICES, _TABLE),
    "s3_put": Number("S3 Standard, a PUT or LIST request", prices.S3_PUT, "$", _S3_PRICES, _TABLE),
    "endpoint_hour": Number(
        "ml.m5.xlarge, real-time inference, an hour", _HOUR.usd, "$", _SAGEMAKER_PRICES, _HOUR.seen, _HOUR.confirmed
    ),
    "transform_hour": Number(
        "ml.m5.xlarge, batch transform, an hour",
        _HOUR.usd,
        "$",
        _SAGEMAKER_PRICES,
        "hosting's, which it equals for ml.g4dn.xlarge in eu-west-3 in the price file of 2026-10-04",
        confirmed=False,
    ),
}
ENDPOINT_CPUS = 4
"""vCPUs of an ml.m5.xlarge: https://aws.amazon.com/sagemaker/pricing/"""
EXPRESS_MB = 64
LIST_PAGE = 1_000
"""Objects that ListObjectsV2 answers at a time."""


@dataclass(frozen=True)
class Times:
    """Seconds that parts of the work take.

    The functions' and Step Functions' own are of a real execution on AWS, of August 2025, that the console exported:
    one run, of which it is not known whether the functions were warm. The model's is what InvokeEndpoint
    took here for the shipped model, on one core (``make bench``).
    """

    serialize: float = 0.321
    classify: float = 0.365
    """Without the model's part in it."""
    threshold: float = 0.055
    transition: float = 0.074
    """From one function's end to the next one's start."""
    start: float = 0.080
    """Of an execution: from StartExecution to the first task, and from the last to its end."""
    inference: float = 0.0035
    """Of the model, on one vCPU."""
    instance_start: float = 300.0
    """Until a batch transform's instances are there."""

    @property
    def functions(self) -> float:
        """Of an image's three functions, the wait for the model included."""
        return self.serialize + self.classify + self.inference + self.threshold
