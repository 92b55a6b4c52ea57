"""What cannot be answered is refused in AWS's words, or by name: no InternalFailure, no traceback, no HTML."""

import errno

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.emulator.door.errors import explained
from tests.door.test_bodies import post, signed
from tests.door.test_boundary import ask, bucket  # noqa: F401

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ENTITIES = (
    b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 99 + b'">]><Tagging><TagSet><Tag><Key>&a;</Key></Tag></TagSet></Tagging>'
)


@pytest.fixture
def refused(ask, bucket):  # noqa: F811
    """Status and code of S3's answer to a request."""

    def refused(method, path, body=b"", **headers):
        status, _, said = ask(method, path.replace("BUCKET", bucket), body, **signed("s3"), **headers)
        return status, said.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()

    return refused


REFUSALS = [
    ("PUT", "/BUCKET/" + "k" * 1025, b"x", (400, "KeyTooLongError")),
    ("PUT", "/BUCKET/" + "%C3%A9" * 513, b"x", (400, "KeyTooLongError")),
    ("POST", "/BUCKET/" + "k" * 1025 + "?uploads", b"", (400, "KeyTooLongError")),
    ("GET", "/BUCKET/%ff%fe", b"", (400, "InvalidURI")),
    ("POST", "/BUCKET/k", b"", (405, "MethodNotAllowed")),
    ("PATCH", "/BUCKET/k", b"", (405, "MethodNotAllowed")),
    ("POST", "/BUCKET", b"", (400, "MalformedPOSTRequest")),
    ("POST", "/BUCKET?delete", b"{}", (400, "MalformedXML")),
    ("POST", "/BUCKET?delete", b"<a>" * 20_000 + b"</a>" * 20_000, (400, "MalformedXML")),
    ("PUT", "/BUCKET?versioning", b"<a", (400, "MalformedXML")),
    ("PUT", "/BUCKET?lifecycle", b"", (400, "MalformedXML")),
    ("PUT", "/BUCKET?notification", b"<x/>", (400, "MalformedXML")),
    ("PUT", "/BUCKET?tagging", ENTITIES, (400, "MalformedXML")),
    ("PUT", "/BUCKET?policy", b"zz", (400, "MalformedPolicy")),
    ("PUT", "/BUCKET?policy", b"[" * 50_000, (400, "MalformedPolicy")),
    ("GET", "/BUCKET?list-type=2&max-keys=abc", b"", (400, "InvalidArgument")),
    ("GET", "/BUCKET?list-type=2&continuation-token=abc", b"", (400, "InvalidArgument")),
    ("PUT", "/BUCKET/k?partNumber=abc&uploadId=x", b"x", (400, "InvalidArgument")),
    ("PUT", "/BUCKET/k?partNumber=1&uploadId=x", b"x", (404, "NoSuchUpload")),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), REFUSALS, ids=[row[1][:40] for row in REFUSALS])
def test_s3_refuses_in_its_own_words(refused, method, path, body, expected):
    assert refused(method, path, body) == expected


def test_s3_refuses_other_signatures(ask, bucket):  # noqa: F811
    for authorization in ("AWS4-HMAC-SHA256 Credential=a/b/c", "AWS a:b", "Bearer x", "x"):
        status, _, said = ask("GET", f"/{bucket}/secret", Authorization=authorization)
        assert status == 400 and b"<Error><Code>" in said and b"s3cret" not in said


def test_a_key_of_1024_bytes_is_one(bucket):  # noqa: F811
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="k" * 1024, Body=b"x")
    with pytest.raises(ClientError, match="KeyTooLongError"):
        s3.put_object(Bucket=bucket, Key="k" * 1025, Body=b"x")


@pytest.mark.parametrize("service", ["states", "sagemaker", "logs", "dynamodb", "lambda", "iam", "sts", "sns", "sqs"])
def test_a_region_that_is_none_is_refused(target, service):
    given = {"Authorization": signed(service)["Authorization"].replace("us-east-1", "moon-1")}
    status, said = post(target, "/", b"{}", **given)
    assert status == 403 and b"Credential should be scoped to a valid region, not 'moon-1'." in said


@pytest.mark.parametrize("service", ["nosuch", "moto_api", "motoapi", "instance_metadata", "chime-sdk-voice"])
def test_a_service_that_is_not_emulated_says_so(target, service):
    status, said = post(target, "/", b"{}", **signed(service), **{"X-Amz-Target": "X.Y"})
    assert status in (400, 501) and (b"not emulated" in said or b"has no operation" in said)


@pytest.mark.parametrize("service", ["logs", "dynamodb", "sqs", "ecs", "kinesis", "events", "states"])
def test_an_operation_that_is_none_is_refused(target, service):
    for target_header in ({"X-Amz-Target": "Foo.Bar"}, {}):
        status, said = post(target, "/", b"{}", **signed(service), **target_header)
        assert status in (400, 404) and b"UnknownOperationException" in said


@pytest.mark.parametrize("service", ["iam", "sts", "sns", "ec2", "rds"])
def test_an_action_that_is_none_is_refused(target, service):
    for body in (b"Action=ListFoo", b"\xff\xfe=%zz&Action", b""):
        status, said = post(target, "/", body, **signed(service), **FORM)
        assert status == 400 and b"<Code>InvalidAction</Code>" in said


def test_what_moto_lacks_is_named(target):
    events = boto3.client("events", config=boto3.session.Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError, match=r"not emulated: events\.UpdateEventBus") as refused:
        events.update_event_bus(Name="x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_no_more_files_is_said_in_words():
    for number in (errno.EMFILE, errno.ENFILE):
        refusal = explained(OSError(number, "Too many open files"))
        assert refusal.status == 503 and "ulimit -n" in refusal.message
    assert explained(ValueError("x")).code == "InternalFailure"


def test_what_moto_fails_over_is_refused_in_words_and_not_tried_again():
    """boto3 tries a 500 again and again; AWS refuses these at once."""
    refused = {
        ("sns", "publish"): {"TopicArn": "xxx", "Message": "m"},
        ("sagemaker", "list_tags"): {"ResourceArn": "xxx"},
        ("dynamodb", "execute_statement"): {"Statement": "xxx"},
        ("s3", "put_bucket_acl"): {"Bucket": "none-of-this-name"},
    }
    said = {}
    for (service, operation), parameters in refused.items():
        with pytest.raises(ClientError) as caught:
            getattr(boto3.client(service), operation)(**parameters)
        error = caught.value.response["Error"]
        said[operation] = caught.value.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]
    assert said["publish"] == (
        400,
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
    )
    assert said["list_tags"][:2] == (400, "ValidationException") and "'xxx' at 'resourceArn'" in said["list_tags"][2]
    assert said["execute_statement"][:2] == (501, "NotImplemented")
    assert said["execute_statement"][2].startswith("not emulated: dynamodb.ExecuteStatement with these parameters")
    assert said["put_bucket_acl"][0] in (400, 404, 501)
