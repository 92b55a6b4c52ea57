"""Pages that are allowed by name: their bucket's own CORS configuration decides, as on AWS."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
from werkzeug import Request, Response
from werkzeug.test import EnvironBuilder

from harness.emulator.door.boundary import Boundary
from harness.emulator.door.cors import CorsRule, answer_page, permission
from harness.emulator.moto.s3_cors import cors_rules
from tests.door.test_boundary import bucket  # noqa: F401

SITE = "http://localhost:3000"
RULES = [
    CorsRule([SITE], ["PUT"], ["x-amz-*", "content-type"], ["ETag"], 60),
    CorsRule(["http://*.example"], ["GET"]),
    CorsRule(["*"], ["HEAD"]),
]


def test_the_first_rule_that_fits_decides():
    allowed = dict(permission(RULES, SITE, "PUT", ["X-Amz-Date", "Content-Type"]))
    assert allowed["Access-Control-Allow-Origin"] == SITE and allowed["Access-Control-Max-Age"] == "60"
    assert allowed["Access-Control-Allow-Headers"] == "X-Amz-Date, Content-Type"
    assert allowed["Access-Control-Expose-Headers"] == "ETag"
    assert dict(permission(RULES, "http://a.example", "GET"))["Access-Control-Allow-Origin"] == "http://a.example"
    assert dict(permission(RULES, SITE, "HEAD"))["Access-Control-Allow-Origin"] == "*"
    assert permission(RULES, SITE, "GET") is None
    assert permission(RULES, SITE, "PUT", ["authorization"]) is None
    assert permission(RULES, "http://a.example.evil", "GET") is None
    assert permission([], SITE, "GET") is None


def page(method="GET", path="/b/k", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(EnvironBuilder(path, method=method, headers={"Origin": SITE, **named}).get_environ())


def answer(_):
    return Response("said", headers={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "DELETE"})


def test_a_page_reads_what_its_bucket_lets_it():
    read = [CorsRule([SITE], ["GET"])]
    assert answer_page(page(), answer, lambda _: read).headers["Access-Control-Allow-Origin"] == SITE
    refused = answer_page(page(), answer, lambda _: [])
    assert not [name for name, _ in refused.headers if name.startswith("Access-Control-")]
    asked = page("OPTIONS", Access_Control_Request_Method="GET")
    assert answer_page(asked, answer, lambda _: read).status_code == 200
    assert answer_page(asked, answer, lambda _: []).status_code == 403


def test_moto_keeps_the_rules(bucket):  # noqa: F811
    assert cors_rules("123456789012", "no-such-bucket") is None
    assert cors_rules("123456789012", bucket) == []
    rule = {"AllowedOrigins": [SITE], "AllowedMethods": ["GET"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 5}
    boto3.client("s3").put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert cors_rules("123456789012", bucket) == [CorsRule([SITE], ["GET"], [], ["ETag"], 5)]


def test_an_origin_that_is_allowed_passes_the_boundary():
    boundary = Boundary(origins=[SITE])
    asked = {"HTTP_HOST": "localhost", "REQUEST_METHOD": "GET", "PATH_INFO": "/b/k", "HTTP_SEC_FETCH_SITE": "same-site"}
    assert boundary.refusal({**asked, "HTTP_ORIGIN": SITE}) is None
    assert boundary.refusal({**asked, "HTTP_REFERER": f"{SITE}/page"}) is None  # a picture
    for others in ({"HTTP_ORIGIN": "http://localhost:3001"}, {"HTTP_REFERER": "http://evil.example/"}, {}):
        assert boundary.refusal({**asked, **others}).status == 403
    control = {**asked, "PATH_INFO": "/_harness/environment", "HTTP_ORIGIN": SITE}
    assert boundary.refusal(control).status == 403
    assert boundary.leaving({**asked, "HTTP_ORIGIN": "null"}, [("Access-Control-Allow-Origin", "*")]) == []


OF_A_URL = """
import json, sys, urllib.request
import boto3
from harness.emulator.door.boundary import Boundary
from harness.emulator.emulator import Emulator
from harness.emulator.options import EmulatorOptions
from tests.emulator.packages import package

SITE = "http://localhost:3000"
code = "def lambda_handler(e, c):\\n    return {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': 'http://own'}}\\n"

def ask(url, method, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers={"Origin": SITE, **named})
    with urllib.request.urlopen(request) as answer:
        return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}

with Emulator(EmulatorOptions(boundary=Boundary(origins=[SITE]), enforce_policies=False)) as emulator:
    given = {"endpoint_url": emulator.url, "region_name": "us-east-1"}
    given |= {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("lambda", **given)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = boto3.client("iam", **given)
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    client.create_function(FunctionName="f", Runtime="python3.11", Role=role, Handler="lambda_function.lambda_handler",
                           Code={"ZipFile": package(code)})
    client.get_waiter("function_active_v2").wait(FunctionName="f")
    url = client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    client.add_permission(FunctionName="f", StatementId="u", Action="lambda:InvokeFunctionUrl", Principal="*",
                          FunctionUrlAuthType="NONE")
    seen = [ask(url, "GET")]
    cors = {"AllowOrigins": [SITE], "AllowMethods": ["GET"], "AllowHeaders": ["x-one"], "MaxAge": 9}
    client.update_function_url_config(FunctionName="f", Cors=cors)
    seen.append(ask(url, "GET"))
    seen.append(ask(url, "OPTIONS", Access_Control_Request_Method="GET", Access_Control_Request_Headers="x-one"))
    seen.append(ask(url, "OPTIONS", Access_Control_Request_Method="PUT"))
    print(json.dumps(seen))
"""


def test_a_functions_url_lets_pages_ask_as_its_cors_says_or_the_function_itself():
    command = [sys.executable, "-c", OF_A_URL]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120)
    assert done.returncode == 0, done.stderr
    own, allowed, preflight, refused = json.loads(done.stdout.splitlines()[-1])
    assert own == {"Access-Control-Allow-Origin": "http://own"}
    names = ("Origin", "Methods")
    assert [allowed[f"Access-Control-Allow-{name}"] for name in names] == [SITE, "GET"]
    assert preflight == {**allowed, "Access-Control-Allow-Headers": "x-one"}
    assert preflight["Access-Control-Max-Age"] == "9"
    assert refused == {}
