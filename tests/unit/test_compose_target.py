"""The compose target, without a stack: what it refuses, whom it waits for, and where it leads."""

import http.server
import os
import threading
import time
from dataclasses import replace

import boto3
import pytest

from harness.settings import Settings
from harness.targets.compose import StackError, compose


class Answers(http.server.BaseHTTPRequestHandler):
    """Tells whom a request was for."""

    def do_GET(self):
        self.send_response(404)
        self.end_headers()

    def do_POST(self):
        self.server.asked.append(self.headers.get("Host"))
        body = (
            b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(port=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Answers)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def settings(url, **more):
    names = ("localstack_url", "stepfunctions_url", "lambda_url", "sagemaker_url")
    return replace(Settings(target="compose"), **{**dict.fromkeys(names, url), **more})


@pytest.fixture
def stack():
    server = serve()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(stack):
    return f"http://127.0.0.1:{stack.server_port}"


def test_it_refuses_where_a_call_would_reach_aws(url):
    with (
        pytest.raises(StackError, match=r"AWS's own"),
        compose(settings(url, lambda_url="https://lambda.us-east-1.amazonaws.com")),
    ):
        pass


def test_it_names_the_service_that_does_not_answer(url):
    with (
        pytest.raises(StackError, match=r"nothing answers at http://127\.0\.0\.1:1 \(stepfunctions\)"),
        compose(settings(url, stepfunctions_url="http://127.0.0.1:1")),
    ):
        pass


def test_it_waits_as_long_as_it_is_told(stack, url):
    late = serve()
    address = f"http://127.0.0.1:{late.server_port}"
    late.shutdown()
    late.server_close()
    starter = threading.Timer(0.8, lambda: serve(late.server_port))
    starter.start()
    began = time.monotonic()
    with compose(settings(url, lambda_url=address, stack_patience=20.0)):
        assert time.monotonic() - began > 0.5


def test_it_leads_there_and_back(url, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    with compose(settings(url)) as target:
        assert "AWS_PROFILE" not in os.environ
        assert boto3.client("stepfunctions").meta.endpoint_url == url
        assert boto3.client("s3").meta.endpoint_url == url
        assert target.environment["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == url
    assert os.environ["AWS_PROFILE"] == "somebody"


def test_a_program_that_names_aws_own_host_gets_to_the_stack(stack, url):
    with compose(settings(url)):
        sts = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
        assert sts.get_caller_identity()["Account"] == "123456789012"
    assert len(stack.asked) == 1


def test_a_service_of_the_stack_that_has_ended_is_named_with_where_its_reasons_are():
    wanted = settings("http://stepfunctions:1")
    with pytest.raises(StackError, match="docker compose logs stepfunctions"), compose(wanted):
        pass


def test_localstack_is_where_its_own_client_finds_it(stack, monkeypatch):
    url = f"http://127.0.0.1:{stack.server_port}"
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("LOCALSTACK_HOST", f"127.0.0.1:{stack.server_port}")
    with compose(settings(url, localstack_url="")):
        assert os.environ["AWS_ENDPOINT_URL_S3"] == url
        assert os.environ["AWS_ENDPOINT_URL_CLOUDFORMATION"] == url
