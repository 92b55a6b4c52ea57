"""The way to the emulator for those who name AWS's hosts themselves, and the bar before real AWS."""

import contextlib
import os
import socket
import socketserver
import ssl
import threading
import urllib.request
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from harness.emulator.door.certificates import CertificateAuthority
from harness.emulator.door.forward_proxy import is_aws


def test_an_endpoint_that_the_sdk_builds_itself_answers_here(target):
    sts = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
    assert sts.get_caller_identity()["Arn"] == (
        "arn:aws:sts::123456789012:assumed-role/AmazonSageMaker-ExecutionRole/SageMaker"
    )


def test_the_caller_s_role_is_there(target):
    role = boto3.client("iam").get_role(RoleName="AmazonSageMaker-ExecutionRole")["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_s3_by_its_own_names(target, style):
    config = Config(s3={"addressing_style": style})
    s3 = boto3.client("s3", endpoint_url="https://s3.us-east-1.amazonaws.com", config=config)
    s3.create_bucket(Bucket=f"by-name-{style}")
    s3.put_object(Bucket=f"by-name-{style}", Key="a/key", Body=b"content" * 10_000)
    assert s3.get_object(Bucket=f"by-name-{style}", Key="a/key")["Body"].read() == b"content" * 10_000
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": f"by-name-{style}", "Key": "a/key"})
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler())
    assert opener.open(signed, timeout=10).read() == b"content" * 10_000


def test_a_request_that_got_past_the_proxy_would_end_in_its_handshake(target, tmp_path):
    """Anything that answers for AWS under another authority's certificate, as AWS itself does, is not spoken to."""
    stranger = CertificateAuthority(tmp_path).context_for("localhost")
    got = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                got.append(stranger.wrap_socket(self.request, server_side=True).recv(1))

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sts = boto3.client(
            "sts",
            endpoint_url=f"https://localhost:{server.server_address[1]}",
            config=Config(retries={"total_max_attempts": 1}),
        )
        with pytest.raises(SSLError):
            sts.get_caller_identity()
        server.shutdown()
    assert b"".join(got) == b""


def test_other_hosts_are_passed_on(target):
    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(1024):
                self.request.sendall(data.upper())

    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with dial(target) as connection:
            said = ask(connection, f"127.0.0.1:{server.server_address[1]}")
            assert said.startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b"HELLO"
            assert connection.recv(100) == b""
        server.shutdown()


@pytest.mark.parametrize(("place", "status"), [("nonsense", b"400"), ("127.0.0.1:1", b"502"), (":443", b"400")])
def test_what_cannot_be_reached_is_said(target, place, status):
    with dial(target) as connection:
        assert ask(connection, place).split()[1] == status


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("sts.eu-west-1.amazonaws.com", True),
        ("bucket.s3.amazonaws.com.cn", True),
        ("API.AWS", True),
        ("amazonaws.com.example.org", False),
        ("notamazonaws.com", False),
        ("pypi.org", False),
    ],
)
def test_whose_hosts_are_aws_s(host, expected):
    assert is_aws(host) is expected


def dial(target):
    address = urlsplit(target.control_url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def ask(connection, place):
    connection.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
    return connection.recv(4096)
