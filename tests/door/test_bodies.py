"""Bodies of requests: read as far as they say, refused where that is not so, with memory for what has come."""

import gzip
import http.client
import io
import json
import socket
import tracemalloc
from email.parser import Parser
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.door.body import BodyError, check_signed_chunks, check_unpacked, read_body


def headers(**given):
    return Parser().parsestr("".join(f"{name.replace('_', '-')}: {value}\n" for name, value in given.items()))


def chunked(pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=10))
def test_a_body_is_read_and_what_follows_is_left(pieces, rest):
    stream = io.BytesIO(chunked(pieces) + rest)
    assert read_body(stream, headers(Transfer_Encoding="chunked")) == b"".join(pieces)
    assert stream.read() == rest
    whole = b"".join(pieces)
    stream = io.BytesIO(whole + rest)
    assert read_body(stream, headers(Content_Length=len(whole))) == whole
    assert stream.read() == rest


WRONG = [b"", b"5\r\nab", b"EE6B2800\r\n{}", b"-1\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5 5\r\nhello\r\n0\r\n\r\n"]
WRONG += [b"2\r\nabc\r\n0\r\n\r\n", b"f" * 20 + b"\r\n", b"5;" + b"x" * 10_000, b"0\r\n", b"0\r\n" + b"a: b\r\n" * 200]
WRONG += [b"\r\n", b"_5\r\nhello\r\n0\r\n\r\n", b"FFFFFFFFFFFFF\r\nx"]


@pytest.mark.parametrize("body", WRONG)
def test_a_false_chunk_is_refused_without_memory_for_it(body):
    tracemalloc.start()
    try:
        with pytest.raises(BodyError):
            read_body(io.BytesIO(body), headers(Transfer_Encoding="chunked"))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", ["-1", "", "1e3", "0x5", "5, 6", "+5", "99999999999", "9" * 30, "５"])
def test_a_false_length_is_refused(length):
    with pytest.raises(BodyError):
        read_body(io.BytesIO(b"hello"), headers(Content_Length=length))


@pytest.mark.parametrize("encoding", ["gzip", "chunked, gzip", "identity", "gzip, chunked", "xchunked"])
def test_other_encodings_are_refused(encoding):
    with pytest.raises(BodyError):
        read_body(io.BytesIO(chunked([b"a"])), headers(Transfer_Encoding=encoding))


def test_two_ways_to_say_a_length_are_refused():
    both = headers(Content_Length=1, Transfer_Encoding="chunked")
    with pytest.raises(BodyError):
        read_body(io.BytesIO(chunked([b"a"])), both)
    two = Parser().parsestr("Content-Length: 1\nContent-Length: 2\n")
    with pytest.raises(BodyError):
        read_body(io.BytesIO(b"ab"), two)


def test_awss_own_chunks_are_held_to_what_they_say():
    said = {"Content_Encoding": "aws-chunked", "X_Amz_Decoded_Content_Length": "5"}
    for body in (
        b"5;chunk-signature=0\r\nhello\r\n0;chunk-signature=0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nx-amz-c:1\r\n\r\n",
    ):
        check_signed_chunks(body, headers(**said))
    for body in (b"", b"hello", b"ff\r\nhello\r\n0\r\n", b"4\r\nhello\r\n0\r\n", b"zz\r\n", b"4\r\nhell\r\n0\r\n\r\n"):
        with pytest.raises(BodyError):
            check_signed_chunks(body, headers(**said))
    with pytest.raises(BodyError):
        check_signed_chunks(b"5\r\nhello\r\n0\r\n\r\n", headers(**{**said, "X_Amz_Decoded_Content_Length": "9" * 12}))


HEADS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -5\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"no header\r\nContent-Length: 5\r\n",
    b"A: b\r\n folded\r\nContent-Length: 5\r\n",
    b"A: b\rContent-Length: 3\r\nContent-Length: 5\r\n",
]


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_means_two_things_is_refused(target, head):
    address = urlsplit(target.control_url)
    inner = b"GET /_harness/environment HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(b"POST /_harness/flush HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n0\r\n\r\n" + inner)
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert said.split()[1] in (b"400", b"501") and said.count(b"HTTP/1.1 ") <= 1 and b"AWS_" not in said


def test_sdks_own_chunks_still_work(s3, bucket):
    for algorithm in ("CRC32", "SHA256"):
        s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(b"x" * 300_000), ChecksumAlgorithm=algorithm)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x" * 300_000


DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
BODIES = [DEEP, b"[" * 10_000, b"{", b"\xff\xfe", b"[]", b'"text"', b"1", b"null", b"NaN", b"", b'{"a": NaN}']
JSON_SERVICES = {
    "states": "AWSStepFunctions.StartExecution",
    "sagemaker": "SageMaker.CreateModel",
    "logs": "Logs_20140328.CreateLogGroup",
    "sqs": "AmazonSQS.CreateQueue",
    "events": "AWSEvents.PutRule",
    "ssm": "AmazonSSM.PutParameter",
    "dynamodb": "DynamoDB_20120810.PutItem",
    "secretsmanager": "secretsmanager.CreateSecret",
}


def signed(service):
    scope = f"ASIAIOSFODNN7EXAMPLE/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


def post(target, path, body, **given):
    import http.client

    connection = http.client.HTTPConnection(urlsplit(target.control_url).netloc, timeout=20)
    try:
        connection.request("POST", path, body, given)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def assert_refused(status, said, body):
    assert 400 <= status < 500, (status, said[:300], body[:60])
    assert b"Traceback" not in said and b"InternalFailure" not in said and len(said) < 10_000


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_odd_json_is_refused(target, service):
    wrong = [json.dumps({name: value}).encode() for name in NAMES[service] for value in (1, [], {"a": {}}, True, 1.5)]
    for body in (*BODIES, *wrong):
        given = {"X-Amz-Target": JSON_SERVICES[service], "Content-Type": "application/x-amz-json-1.1"}
        assert_refused(*post(target, "/", body, **signed(service), **given), body)


NAMES = {
    "states": ["stateMachineArn"],
    "sagemaker": ["ModelName"],
    "logs": ["logGroupName"],
    "sqs": ["QueueName"],
    "events": ["Name"],
    "ssm": ["Name"],
    "dynamodb": ["TableName"],
    "secretsmanager": ["Name"],
}


@pytest.mark.parametrize("path", ["/2015-03-31/functions", "/2017-10-31/functions/f/concurrency"])
def test_odd_json_is_refused_by_lambda(target, path):
    for body in (*BODIES, b'{"FunctionName": 1}', b'{"Code": [], "FunctionName": {}}'):
        assert_refused(*post(target, path, body, **signed("lambda")), body)


def test_odd_json_is_refused_by_the_control_api(target, control):
    was_on = control.get("traces")["on"]
    for path in ("clock", "faults", "traces", "tasks/script", "endpoints/none/script"):
        for body in BODIES:
            status, said = post(target, f"/_harness/{path}", body, **{"Content-Type": "application/json"})
            assert status < 500 and b"Traceback" not in said, (path, body[:40], said[:200])
    assert control.get("traces")["on"] is was_on


def test_what_is_small_only_while_it_is_packed_is_refused():
    check_unpacked(gzip.compress(b"a" * 1000))
    bomb = gzip.compress(bytes(32 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BodyError, match="unpacks to more than") as caught:
            check_unpacked(bomb)
        assert caught.value.status == 413
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(BodyError, match="no gzip"):
        check_unpacked(b"plain")


@pytest.mark.parametrize(
    ("service", "path", "head", "body", "status"),
    [
        ("monitoring", "/", {"Content-Encoding": "gzip"}, gzip.compress(bytes(32 << 20)), 413),
        ("dynamodb", "/", {"Content-Encoding": "gzip"}, b"plain", 400),
        ("iam", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&" * 30_000, 400),
        ("scheduler", "/schedules/x", {"Content-Type": "application/json"}, b"[]", 400),
        ("apigateway", "/restapis", {"Content-Type": "application/json"}, b"[]", 400),
        ("apigateway", "/restapis", {"Content-Type": "application/json"}, b'"text"', 400),
    ],
)
def test_bodies_that_are_not_what_their_service_takes(target, service, path, head, body, status):
    address = urlsplit(target.control_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    signed = (
        f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
    connection.request("POST", path, body, {"Authorization": signed, **head})
    answer = connection.getresponse()
    assert answer.status == status
    assert b"InternalFailure" not in answer.read()
