"""Deploys public SAM templates as ``sam package`` and a change set do, starts their state machines, prints a table.

    python -m tests.public.sam_templates FOLDER [NAMES] [--only NAME]

FOLDER holds aws-samples/step-functions-workflows-collection, a working tree or a bare repository; NAMES is a file with
the names of its folders, one a line: all of those with a template by default. Each template has an emulator to itself.
Functions of runtimes that AWS makes no new ones of (nodejs14.x, python3.7) are made: the templates are of their time.
Templates that fail on AWS as well (``as on AWS``) count for nothing, as long as they fail here for that reason.
"""

import argparse
import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import boto3
from botocore.config import Config

from harness.project.packaging import package
from harness.project.template import TemplateError, load_template
from harness.project.zipping import zip_folder
from harness.settings import Settings
from harness.targets.embedded import embedded
from tests.waiting import until

BUCKET = "packaged-templates"
VALUES = {"CommaDelimitedList": "subnet-12345678,subnet-23456789", "Number": "1"}
"""For parameters without a default, by type."""

FAIL_ON_AWS = {
    "_workflow_model": (r"At least one Resources member", "it is a form to be filled in, without resources"),
    "account-vending-machine": (r"there is no .*/statemachines/", "its file lies in statemachine/"),
    "event-sourcing": (r"not YAML", "its description is not indented"),
    "eventbridge-custom-sam": (r"extraneous key \[Name\]", "a queue has no property Name"),
    "explicit-failure-with-parallel-states": (r"arn:aws-us-gov:iam", "it is for GovCloud alone"),
    "generate-thumbnail": (r"Unrecognized resource types: \[AWS-Events\]", "CloudFormation has no such type"),
    "parallelized-embedding-pipeline": (r"not YAML", "!GetAZs !Ref: a value of YAML has one tag"),
    "saga-pattern-sam": (r"there is no .*/dist/flights", "its own npm script makes dist/, sam does not"),
    "sfn-query-large-datasets-sam": (r"attribute Name does not exist", "a bucket has no attribute Name"),
    "sfn-textract-callback-ts-cdk": (r"At least one Resources member", "a project of the CDK's, its template is empty"),
    "shared-fallback-state-jsonata": (r"at /States/QueryLanguage", "it is no state"),
    "simple-retry": (r"attribute BucketName", "a bucket has no attribute BucketName; its name has capitals"),
    "step-functions-athena-glue-sam": (r"Bucket cannot have ACLs set", "new buckets have no ACLs since April 2023"),
    "wait-for-callback": (r"permissions to call ReceiveMessage", "the function's own role may not read its queue"),
}
"""Templates of the collection that fail on AWS: with which words here, and why."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", type=Path, nargs="?")
    parser.add_argument("--only")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.folder
        if not any(folder.glob("*/template.y*ml")):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            extract(given.folder, folder)
        names = [line.strip() for line in given.names.read_text().splitlines()] if given.names else None
        found = sorted(path.parent.name for path in folder.glob("*/template.y*ml"))
        wanted = [name for name in (names or found) if name in found and given.only in (None, name)]
        rows = [deploy(name, next((folder / name).glob("template.y*ml"))) for name in wanted]
    count = Counter(row[1] for row in rows)
    sound = len(rows) - count["as on AWS"]
    print(
        f"{count['deployed']} of {sound} templates deploy and their state machines start, {count['refused']} are "
        f"refused by name; {count['as on AWS']} more fail as on AWS"
    )
    sys.exit(count["deployed"] < 0.9 * sound)


def extract(repository, folder):
    """Writes the files of a bare repository that are there; a mirror may lack large ones."""
    listed = subprocess.run(
        ["git", "-C", repository, "ls-tree", "-r", "-z", "HEAD"], capture_output=True, text=True, check=True
    ).stdout
    blobs = {}
    for line in filter(None, listed.split("\0")):
        meta, path = line.split("\t")
        mode, kind, digest = meta.split()
        if kind == "blob" and mode != "120000":
            blobs.setdefault(digest, []).append(path)
    answer = subprocess.run(
        ["git", "-C", repository, "cat-file", "--batch"], input="\n".join(blobs).encode(), capture_output=True
    ).stdout
    stream = io.BytesIO(answer)
    while head := stream.readline():
        digest, kind, *size = head.split()
        if kind == b"missing":
            continue
        content = stream.read(int(size[0]))
        stream.read(1)
        for path in blobs[digest.decode()]:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def deploy(name, template):
    started = time.monotonic()
    with embedded(Settings(port=0, ended_runtimes="take"), 0):
        try:
            outcome, words = _deploy(name, template)
        except (TemplateError, OSError) as error:
            outcome, words = "failed", str(error)
        except Exception as error:
            outcome, words = "failed", f"{type(error).__name__}: {error}"
    words_on_aws, why = FAIL_ON_AWS.get(name, ("", ""))
    if why and outcome != "deployed" and re.search(words_on_aws, words):
        outcome, words = "as on AWS", f"{why}: {words}"
    print(f"{name:55} {outcome:9} {time.monotonic() - started:5.1f} s  {words[:400]}", flush=True)
    return name, outcome, words


def _deploy(name, template):
    config = Config(read_timeout=300, retries={"total_max_attempts": 1})
    s3, cfn, states = (boto3.client(service, config=config) for service in ("s3", "cloudformation", "stepfunctions"))
    stack_name = name[:24].strip("-")
    s3.create_bucket(Bucket=BUCKET)
    packaged = package(template, BUCKET, "us-east-1", install=zip_folder)
    for key, content in packaged.uploads.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=packaged.body.encode())
    parameters = [
        {"ParameterKey": key, "ParameterValue": value_of(key, declared)}
        for key, declared in (load_template(template).get("Parameters") or {}).items()
        if declared.get("Default", "") == ""
    ]
    made = cfn.create_change_set(
        StackName=stack_name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateURL=f"https://s3.us-east-1.amazonaws.com/{BUCKET}/template.json",
        Parameters=parameters,
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )["Id"]
    described = cfn.describe_change_set(ChangeSetName=made)
    if described["Status"] != "CREATE_COMPLETE":
        return _refused(described["StatusReason"])
    cfn.execute_change_set(ChangeSetName=made)
    stack = _settled(cfn, stack_name)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cfn.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        reasons = [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
        ]
        return _refused("; ".join(reasons[:2]) or stack.get("StackStatusReason", stack["StackStatus"]))
    ended = []
    for machine in states.list_state_machines()["stateMachines"]:
        arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps({}))["executionArn"]
        ended.append(arn)
    return "deployed", f"{len(ended)} state machines"


def value_of(name, declared):
    """Something for a parameter without a default, by its name and type."""
    words = name.lower()
    fitting = {
        "layer": "arn:aws:lambda:us-east-1:111122223333:layer:public:1",
        "bucket": f"{words}-of-it",
        "tablearn": "arn:aws:dynamodb:us-east-1:123456789012:table/records",
        "table": "records",
        "arn": "arn:aws:sns:us-east-1:123456789012:topic",
        "email": "somebody@example.com",
        "url": "https://example.com/",
        "password": "Passw0rdPassw0rd",
    }
    found = next((value for word, value in fitting.items() if word in words), "value")
    return found if declared.get("Type") == "String" else VALUES.get(declared.get("Type"), found)


def _settled(cfn, name):
    return until(
        lambda: cfn.describe_stacks(StackName=name)["Stacks"][0],
        seconds=300,
        every=0.2,
        enough=lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
    )


def _refused(words):
    return ("refused" if "not emulated" in words else "failed"), words


if __name__ == "__main__":
    main()
