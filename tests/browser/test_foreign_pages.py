"""A page of another site, in a real browser, can do nothing to an emulator on the same machine."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode, urlsplit

import pytest

from tests.browser.test_mounted import client, up  # noqa: F401

pytestmark = pytest.mark.browser

REBOUND = "rebound.example"
"""A name that the browser takes for this machine's, as a page does that has its own name resolve so."""
SCOPE = "ASIAIOSFODNN7EXAMPLE/20260101/us-east-1/{}/aws4_request"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
PRESIGNED = urlencode(
    {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": SCOPE.format("s3"),
        "X-Amz-Date": "20990101T000000Z",
        "X-Amz-Expires": "99999",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0",
    }
)


class Site:
    """A web site of somebody else's: answers every path with the same page."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><body></body>")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def emulator(up):  # noqa: F811
    """Address of an emulator with something worth stealing."""
    url, _ = up
    s3 = client("s3", url)
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="secret", Body=b"s3cret")
    s3.delete_public_access_block(Bucket="data")
    s3.delete_bucket_ownership_controls(Bucket="data")
    s3.put_object(Bucket="data", Key="open.png", Body=b"x", ACL="public-read", ContentType="image/png")
    return url


@pytest.fixture
def evil(emulator, launch):
    """A page of another site in a browser for which :data:`REBOUND` is this machine."""
    site = Site()
    browser = launch(f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP evil.example 127.0.0.1")
    page = browser.new_page()
    page.goto(f"http://evil.example:{site.port}/")
    yield page
    browser.close()
    site.close()


FETCH = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return [answer.type, answer.status, await answer.text()];
    } catch (error) { return ["error", 0, ""]; }
}"""


def fetch(page, url, **options):
    return page.evaluate(FETCH, [url, options])


def signed(service, **headers):
    authorization = f"AWS4-HMAC-SHA256 Credential={SCOPE.format(service)}, SignedHeaders=host, Signature=0"
    return {"Authorization": authorization, **headers}


def untouched(url):
    s3 = client("s3", url)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["data"]
    assert {item["Key"] for item in s3.list_objects_v2(Bucket="data")["Contents"]} == {"secret", "open.png"}
    assert not [role for role in client("iam", url).list_roles()["Roles"] if role["RoleName"] == "evil"]
    assert client("lambda", url).list_functions()["Functions"] == []
    assert client("stepfunctions", url).list_state_machines()["stateMachines"] == []
    assert client("sqs", url).list_queues().get("QueueUrls", []) == []


def requests(url):
    """Everything a page would ask for, as fetch() takes it."""
    role = urlencode({"Action": "CreateRole", "RoleName": "evil", "AssumeRolePolicyDocument": json.dumps(TRUST)})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    machine = {"name": "evil", "definition": "{}", "roleArn": "arn:aws:iam::123456789012:role/evil"}
    target = {"X-Amz-Target": "AWSStepFunctions.CreateStateMachine", "Content-Type": "application/x-amz-json-1.0"}
    text = {"Content-Type": "text/plain"}
    delete = "<Delete><Object><Key>secret</Key></Object></Delete>"
    yield f"{url}/data/secret", {}
    yield f"{url}/data/open.png", {}
    yield f"{url}/data/secret?{PRESIGNED}", {}
    yield f"{url}/data/secret", {"headers": signed("s3")}
    yield f"{url}/data", {"headers": signed("s3")}
    yield f"{url}/data/secret", {"method": "DELETE", "headers": signed("s3")}
    yield f"{url}/data/secret?{PRESIGNED}", {"method": "DELETE"}
    yield f"{url}/evil", {"method": "PUT", "headers": signed("s3")}
    yield (
        f"{url}/data?delete&{PRESIGNED}",
        {"method": "POST", "body": delete, "headers": text},
    )
    yield url, {"method": "POST", "body": role, "headers": signed("iam", **form)}
    yield url, {"method": "POST", "body": role, "headers": form}
    yield f"{url}/?{role}&{PRESIGNED.replace('%2Fs3%2F', '%2Fiam%2F')}", {}
    yield url, {"method": "POST", "body": json.dumps(machine), "headers": signed("states", **target)}
    yield f"{url}/2015-03-31/functions", {"method": "POST", "body": "{}", "headers": signed("lambda")}
    yield f"{url}/sqs_us-east-1/", {"method": "POST", "body": "Action=CreateQueue&QueueName=evil", "headers": form}
    yield f"{url}/moto-api/reset", {"method": "POST"}
    yield f"{url}/_harness/environment", {}
    yield f"{url}/_harness/flush", {"method": "POST"}
    yield (
        f"{url}/_harness/faults",
        {"method": "POST", "body": '{"bucket": "data"}', "headers": text},
    )


def test_a_page_fetches_nothing(evil, emulator):
    for url, options in requests(emulator):
        assert fetch(evil, url, **options) == ["error", 0, ""], (url, options)
        simple = options.get("headers", {}).get("Content-Type") not in ("application/x-amz-json-1.0",)
        if simple and "Authorization" not in options.get("headers", {}):
            said = fetch(evil, url, **{**options, "mode": "no-cors"})
            assert said[2] == "", (url, said)  # opaque, or refused by the browser itself
    untouched(emulator)


def test_a_page_that_rebinds_its_name_fetches_nothing(evil, emulator):
    port = urlsplit(emulator).port
    evil.goto(f"http://{REBOUND}:{port}/_harness/environment")
    assert "AWS_" not in evil.content()
    for url, options in requests(f"http://{REBOUND}:{port}"):
        kind, status, body = fetch(evil, url, **options)
        assert status in (0, 403), (url, options, kind, body)
        assert "s3cret" not in body and "AWS_" not in body
    untouched(emulator)


def test_forms_pictures_frames_and_scripts_do_nothing(evil, emulator):
    asked = []
    evil.on("response", lambda response: asked.append((response.url, response.status)))
    evil.evaluate(
        """(url) => {
            for (const [name, source] of [["img", "/data/open.png"], ["script", "/data/secret"],
                                          ["iframe", "/_harness/environment"], ["iframe", "/_harness/dashboard/"]]) {
                const element = document.createElement(name);
                element.src = url + source;
                document.body.append(element);
            }
            const form = (action, kind, fields) => {
                const element = document.createElement("form");
                const frame = document.createElement("iframe");
                frame.name = "frame" + Math.random();
                document.body.append(frame, element);
                Object.assign(element, {method: "POST", action: url + action, enctype: kind, target: frame.name});
                for (const [name, value] of Object.entries(fields)) {
                    const input = document.createElement("textarea");
                    Object.assign(input, {name, value});
                    element.append(input);
                }
                element.submit();
            };
            form("/data", "multipart/form-data", {key: "evil", policy: "e30=", "x-amz-signature": "0", file: "x"});
            form("/", "application/x-www-form-urlencoded",
                 {Action: "CreateRole", RoleName: "evil", AssumeRolePolicyDocument: "{}"});
            form("/_harness/faults", "text/plain", {'{"bucket": "data", "x': '"}'});
            form("/moto-api/reset", "text/plain", {a: "b"});
        }""",
        emulator,
    )
    evil.wait_for_load_state("networkidle")
    to_emulator = [(url, status) for url, status in asked if url.startswith(emulator)]
    assert to_emulator and all(status == 403 or "/_harness/dashboard" in url for url, status in to_emulator), asked
    assert not [frame for frame in evil.frames if "AWS_" in frame.content()]
    untouched(emulator)


def test_a_websocket_is_refused(evil, emulator):
    opened = evil.evaluate(
        """(url) => new Promise((resolve) => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("refused");
        })""",
        emulator.replace("http://", "ws://") + "/_harness/environment",
    )
    assert opened == "refused"
    untouched(emulator)


def test_a_page_that_is_sent_there_sees_no_more_than_its_visitor(evil, emulator):
    """A link from elsewhere leads to the dashboard, which is meant for people, and to nothing else."""
    for path in ("/_harness/environment", "/data/open.png", "/data/secret"):
        evil.evaluate("(url) => { location.href = url; }", emulator + path)
        evil.wait_for_url(re.compile(re.escape(path)))
        assert "refused" in evil.content()
        evil.go_back()
