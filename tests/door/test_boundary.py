"""Who may knock: programs that were led here, and no web page."""

import base64
import http.client
import json
import re
import socket
import uuid
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.door.boundary import Boundary, is_loopback

PAGE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


def signed(service):
    scope = f"ASIAIOSFODNN7EXAMPLE/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


@pytest.fixture
def ask(target):
    """Sends a request as it is; gives status, headers in small letters, body."""
    host = urlsplit(target.control_url).netloc

    def ask(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(host, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        try:
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return ask


@pytest.fixture
def bucket(s3, new_bucket):
    name = new_bucket()
    s3.put_object(Bucket=name, Key="secret", Body=b"s3cret")
    return name


def environ(**members):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost:4566", **members}


MINE = ["localhost", "LOCALHOST:80", "127.0.0.1:4566", "127.0.0.2", "[::1]:4566", "[::ffff:127.0.0.1]", "b.localhost."]
OTHERS = ["evil.example:4566", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0:4566", "127.1", "2130706433"]
OTHERS += ["0x7f.0.0.1", "localhostevil", "[::]:4566", "192.168.1.5", "169.254.169.254", "s3.amazonaws.com"]
NAMELESS = [
    ".localhost",
    "localhost:65536",
    "",
    "localhost@evil.example",
    "a, b",
    "localhost:4566,evil.example",
    "[::1",
    "localhost:4566/x",
    "a b",
]


@pytest.mark.parametrize("host", MINE)
def test_names_of_this_machine_are_answered(host):
    assert Boundary().refusal(environ(HTTP_HOST=host)) is None


@pytest.mark.parametrize("host", OTHERS)
def test_other_names_are_refused(host):
    assert Boundary().refusal(environ(HTTP_HOST=host)).status == 403


@pytest.mark.parametrize("host", NAMELESS)
def test_what_is_no_name_is_refused(host):
    assert Boundary().refusal(environ(HTTP_HOST=host)).status == 400


def test_names_that_it_was_told_are_answered_and_those_below_them():
    boundary = Boundary("0.0.0.0", ["lambda", "emulator.test"])
    for host in ("lambda:4566", "emulator.test", "bucket.emulator.test", "10.0.0.7:4566", "localhost"):
        assert boundary.refusal(environ(HTTP_HOST=host), "10.0.0.7") is None
    for host in ("evil.example", "emulator.test.evil.example", "notemulator.test", "10.0.0.8"):
        assert boundary.refusal(environ(HTTP_HOST=host), "10.0.0.7").status == 403
    assert Boundary("192.168.1.5").refusal(environ(HTTP_HOST="192.168.1.5")) is None


def test_names_of_aws_are_answered_in_a_tunnel_alone():
    host = "sts.us-east-1.amazonaws.com"
    assert Boundary().refusal(environ(HTTP_HOST=host, **{"wsgi.url_scheme": "https"})) is None
    assert Boundary().refusal(environ(HTTP_HOST="evil.example", **{"wsgi.url_scheme": "https"})).status == 403


@given(st.text(max_size=40))
def test_any_host_is_answered_or_refused(host):
    refusal = Boundary().refusal(environ(HTTP_HOST=host))
    local = re.fullmatch(r"(?i)([a-z0-9_-][a-z0-9._-]*\.)?localhost\.?(:\d+)?|127(\.\d+){3}(:\d+)?", host)
    assert refusal is not None or local


@pytest.mark.parametrize("text", ["", "a b", "http://x", "a/b"])
def test_a_name_that_is_none_is_told(text):
    with pytest.raises(ValueError, match="host name"):
        Boundary(hosts=[text])


@pytest.mark.parametrize("text", ["*", "null", "localhost:3000", "http://localhost:3000/", "ftp://x"])
def test_an_origin_that_is_none_is_told(text):
    with pytest.raises(ValueError, match="origin"):
        Boundary(origins=[text])


@pytest.mark.parametrize(
    ("host", "alone"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_where_others_reach_it_the_control_api_wants_a_token(host, alone):
    boundary = Boundary(host)
    assert is_loopback(host) is alone and (boundary.token == "") is alone
    asked = environ(PATH_INFO="/_harness/environment")
    assert (boundary.refusal(asked) is None) is alone
    assert boundary.refusal({**asked, "HTTP_X_HARNESS_CONTROL_TOKEN": boundary.token}) is None
    assert boundary.refusal(environ(PATH_INFO="/_harness/health")) is None


MARKS = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://localhost:3000"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "none, cross-site"},
    {"Host": "evil.example", "Sec_Fetch_Site": "same-origin"},
]


@pytest.mark.parametrize("marks", MARKS, ids=str)
def test_a_page_reads_nothing(ask, bucket, marks):
    for path in (
        f"/{bucket}/secret",
        "/_harness/environment",
        "/_harness/health",
        "/?Action=ListRoles&Version=2010-05-08",
    ):
        status, headers, body = ask("GET", path, **marks, **signed("s3"))
        assert status == 403 and b"s3cret" not in body
        assert not [name for name in headers if name.startswith("access-control-")]


def test_a_preflight_is_refused(ask):
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-amz-target"}
    status, headers, _ = ask("OPTIONS", "/", **PAGE, **asks)
    assert status == 403 and not [name for name in headers if name.startswith("access-control-")]


def test_no_permission_leaves_with_what_programs_ask_for(ask, bucket):
    status, headers, _ = ask("GET", f"/{bucket}/secret", **signed("s3"))
    assert status == 200 and not [name for name in headers if name.startswith("access-control-")]


def test_a_websocket_of_a_page_is_refused(ask):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert ask("GET", "/_harness/environment", Origin="http://evil.example", **upgrade)[0] == 403


PRESIGNED = urlencode(
    {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": "A/20260101/us-east-1/s3/aws4_request"}
)
PRESIGNED += "&X-Amz-Date=20990101T000000Z&X-Amz-Expires=99999&X-Amz-SignedHeaders=host&X-Amz-Signature=0"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_simple_request_of_an_old_browser_changes_nothing(ask, bucket, kind):
    body = b"<Delete><Object><Key>secret</Key></Object></Delete>"
    for path in (f"/{bucket}?delete", f"/{bucket}?delete&{PRESIGNED}", "/moto-api/reset", "/_harness/clock"):
        ask("POST", path, body, Content_Type=kind, X_HTTP_Method_Override="DELETE")
    ask("POST", "/", b"Action=CreateRole&RoleName=evil&AssumeRolePolicyDocument={}", Content_Type=kind)
    ask("GET", f"/?Action=CreateRole&Version=2010-05-08&RoleName=evil&{PRESIGNED.replace('/s3/', '/iam/')}")
    assert boto3.client("s3").get_object(Bucket=bucket, Key="secret")["Body"].read() == b"s3cret"
    with pytest.raises(boto3.client("iam").exceptions.NoSuchEntityException):
        boto3.client("iam").get_role(RoleName="evil")


@pytest.mark.parametrize("path", ["/moto-api/", "/moto-api/data.json", "/moto-api/reset", "/latest/meta-data/iam/"])
def test_motos_own_pages_are_not_served(ask, path):
    for headers in ({}, signed("s3"), signed("sqs")):
        assert ask("GET", path, **headers)[0] in (400, 403, 404)
    assert ask("POST", path)[0] == 403


def test_what_nobody_signed_reaches_no_other_service(ask):
    queue = f"door-{uuid.uuid4().hex[:8]}"
    body = urlencode({"Action": "CreateQueue", "QueueName": queue})
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    json_1_0 = {"Content_Type": "application/x-amz-json-1.0", "X_Amz_Target": "AmazonSQS.CreateQueue"}
    ask("POST", "/sqs_us-east-1/", body, **form)
    ask("POST", "/", body, **form)
    assert ask("POST", "/", json.dumps({"QueueName": queue}), **json_1_0)[0] == 403
    ask("PUT", f"/sqs_us-east-1/?Action=CreateQueue&QueueName={queue}")
    assert queue not in str(boto3.client("sqs").list_queues().get("QueueUrls"))


def test_what_nobody_signed_is_refused_by_s3(ask, bucket):
    assert ask("GET", f"/{bucket}/secret")[0] == 403
    for method, path in (
        ("GET", "/"),
        ("HEAD", f"/{bucket}"),
        ("GET", f"/{bucket}?policy"),
        ("PUT", f"/{bucket}/new"),
        ("DELETE", f"/{bucket}/secret"),
        ("PUT", f"/new-{bucket}"),
        ("DELETE", f"/{bucket}"),
        ("PUT", f"/{bucket}?acl"),
    ):
        assert ask(method, path)[0] == 403, (method, path)
    assert b"s3cret" not in ask("GET", f"/{bucket}")[2]


def test_what_is_public_is_answered(ask, bucket):
    s3 = boto3.client("s3")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="open", Body=b"for all", ACL="public-read")
    assert ask("GET", f"/{bucket}/open")[2] == b"for all"
    assert ask("GET", f"/{bucket}/secret")[0] == 403
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/s*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert ask("GET", f"/{bucket}/secret")[2] == b"s3cret"
    assert ask("DELETE", f"/{bucket}/secret")[0] == 403
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={"RestrictPublicBuckets": True, "IgnorePublicAcls": True},
    )
    assert ask("GET", f"/{bucket}/open")[0] == 403
    assert ask("GET", f"/{bucket}/secret")[0] == 403


def test_addresses_that_were_signed_beforehand_go_on_working(ask, bucket):
    s3 = boto3.client("s3")
    for method in ("get", "put", "delete"):
        url = urlsplit(s3.generate_presigned_url(f"{method}_object", {"Bucket": bucket, "Key": "secret"}))
        assert ask(method.upper(), f"{url.path}?{url.query}")[0] in (200, 204)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_signed_form_uploads(ask, bucket):
    post = boto3.client("s3").generate_presigned_post(bucket, "up", ExpiresIn=60)

    def send(fields):
        named = {f'"{name}"': value for name, value in fields.items()} | {'"file"; filename="f"': "hi"}
        parts = [f"--x\r\nContent-Disposition: form-data; name={n}\r\n\r\n{v}\r\n" for n, v in named.items()]
        body = "".join(parts) + "--x--\r\n"
        return ask("POST", f"/{bucket}", body.encode(), Content_Type="multipart/form-data; boundary=x")[0]

    assert send(post["fields"]) == 204
    assert send({**post["fields"], "key": "other"}) == 403
    assert send({"key": "up"}) == 403
    old = {"expiration": "2020-01-01T00:00:00Z", "conditions": [{"key": "up"}]}
    assert send({**post["fields"], "policy": base64.b64encode(json.dumps(old).encode()).decode()}) == 403


def test_a_body_that_was_refused_is_not_taken_for_a_request(target):
    address = urlsplit(target.control_url)
    inner = b"GET /_harness/environment HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Length: %d\r\n\r\n" % len(inner)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(head + inner)
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert said.count(b"HTTP/1.1 ") == 1 and b"403" in said.splitlines()[0] and b"AWS_" not in said


def test_the_control_api_is_told_nothing_in_a_simple_request(ask):
    assert ask("POST", "/_harness/clock", b'{"virtual": true}', Content_Type="text/plain;charset=UTF-8")[0] == 415


@pytest.mark.parametrize(
    "head",
    [
        b"GET /_harness/environment HTTP/1.1\r\n\r\n",
        b"GET /_harness/environment HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET http://localhost/_harness/environment HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/_harness/environment HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/_harness/environment HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /_harness/environment HTTP/1.0\r\n\r\n",
        b"GET /_harness/environment HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nOrigin: http://localhost\r\n\r\n",
        b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\nOrigin: http://evil.example\r\n\r\n",
    ],
)
def test_no_odd_head_gets_past(target, head):
    address = urlsplit(target.control_url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert said.split()[1] in (b"400", b"403") and b"AWS_" not in said
