"""Lambda through boto3: what a handler gets, and how its failures are reported."""

import base64
import contextlib
import json
import os
import re
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.packages import package
from tests.waiting import active, until

ECHO = "def lambda_handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def client(target):
    return boto3.client("lambda")


@pytest.fixture
def deploy(client, role):
    """Creates a function from its source and gives back its name."""
    made = []

    def make(source, handler="lambda_function.lambda_handler", **settings):
        name = f"function-{uuid.uuid4().hex[:8]}"
        client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler=handler,
            Code={"ZipFile": package(source)},
            **settings,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        made.append(name)
        return name

    yield make
    for name in made:
        client.delete_function(FunctionName=name)


def invoke(client, name, event=None, **arguments):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event or {}), **arguments)
    return answer, json.loads(answer["Payload"].read())


def test_a_handler_gets_its_event_and_answers(client, deploy):
    answer, result = invoke(client, deploy(ECHO), {"a": [1, "é", None]})
    assert result == {"a": [1, "é", None]}
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer


def test_bytes_in_a_result_become_text_as_on_aws(client, deploy):
    _, result = invoke(client, deploy("def lambda_handler(event, context):\n    return {'data': b'abc'}\n"))
    assert result == {"data": "abc"}


def test_a_handler_sees_the_variables_that_aws_sets(client, deploy):
    name = deploy(
        "import os\ndef lambda_handler(event, context):\n    return dict(os.environ)\n",
        MemorySize=192,
        Environment={"Variables": {"STAGE": "test"}},
    )
    _, seen = invoke(client, name)
    assert seen["STAGE"] == "test"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
    assert seen["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert seen["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{name}"
    assert seen["_HANDLER"] == "lambda_function.lambda_handler"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"]
    assert not [name for name in seen if name.startswith(("HARNESS_", "PYTEST_"))]


def test_the_context_tells_request_arn_and_time_left(client, deploy):
    name = deploy(
        "def lambda_handler(event, context):\n"
        "    return [context.aws_request_id, context.invoked_function_arn, context.get_remaining_time_in_millis(),\n"
        "            context.function_name, context.memory_limit_in_mb, context.client_context.custom['who']]\n",
        Timeout=7,
    )
    who = base64.b64encode(json.dumps({"custom": {"who": "me"}}).encode()).decode()
    answer, (request_id, arn, left, function_name, memory, custom) = invoke(client, name, ClientContext=who)
    assert request_id == answer["ResponseMetadata"]["RequestId"]
    assert arn.endswith(f":function:{name}")
    assert 6000 < left <= 7000
    assert (function_name, memory, custom) == (name, "128", "me")


def test_an_environment_starts_cold_once_and_stays_warm(client, deploy):
    name = deploy(
        "import os\nn = 0\ndef lambda_handler(event, context):\n    global n\n    n += 1\n    return [n, os.getpid()]\n"
    )
    (first, pid), (second, same) = (invoke(client, name)[1] for _ in range(2))
    assert (first, second) == (1, 2)
    assert pid == same != os.getpid()


MEETING = """
import os, pathlib, time
def lambda_handler(event, context):
    folder = pathlib.Path(event["folder"])
    (folder / context.aws_request_id).touch()
    deadline = time.monotonic() + 25
    while len(list(folder.iterdir())) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.getpid()
"""


def test_concurrent_invocations_run_in_environments_of_their_own(client, deploy, tmp_path):
    name, event = deploy(MEETING, Timeout=30), {"folder": str(tmp_path)}  # each waits until all three are there
    with ThreadPoolExecutor(3) as threads:
        pids = list(threads.map(lambda _: invoke(client, name, event)[1], range(3)))
    assert len(set(pids)) == 3


def test_new_code_takes_effect(client, deploy):
    name = deploy("def lambda_handler(event, context):\n    return 'old'\n")
    assert invoke(client, name)[1] == "old"
    client.update_function_code(
        FunctionName=name, ZipFile=package("def lambda_handler(event, context):\n    return 'new'\n")
    )
    assert invoke(client, name)[1] == "new"


def test_new_variables_take_effect(client, deploy):
    name = deploy("import os\ndef lambda_handler(event, context):\n    return os.environ.get('STAGE')\n")
    assert invoke(client, name)[1] is None
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"STAGE": "two"}})
    assert invoke(client, name)[1] == "two"


def test_an_exception_is_reported_with_its_type_and_trace(client, deploy):
    name = deploy("class Unsure(Exception): pass\ndef lambda_handler(event, context):\n    raise Unsure('0.5 < 0.9')\n")
    answer, error = invoke(client, name)
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert error == {
        "errorType": "Unsure",
        "errorMessage": "0.5 < 0.9",
        "requestId": answer["ResponseMetadata"]["RequestId"],
        "stackTrace": [
            "  File \"/var/task/lambda_function.py\", line 3, in lambda_handler\n    raise Unsure('0.5 < 0.9')\n"
        ],
    }


@pytest.mark.parametrize(
    ("source", "error_type", "message"),
    [
        ("import nowhere\n", "Runtime.ImportModuleError", "Unable to import module 'lambda_function': No module"),
        ("def lambda_handler(event, context)\n", "Runtime.UserCodeSyntaxError", "Syntax error in module"),
        ("def other(): pass\n", "Runtime.HandlerNotFound", "Handler 'lambda_handler' missing on module"),
        ("raise ValueError('at import')\n", "ValueError", "at import"),
        ("def lambda_handler(e, c):\n    return object()\n", "Runtime.MarshalError", "Unable to marshal response"),
        ("def lambda_handler(e, c):\n    raise 'text'\n", "TypeError", "exceptions must derive from BaseException"),
        ("def lambda_handler(e, c):\n    import os\n    os._exit(3)\n", "Runtime.ExitError", "exit status 3"),
        (
            "def lambda_handler(e, c):\n    import os\n    os._exit(0)\n",
            "Runtime.ExitError",
            "without providing a reason",
        ),
        (
            "def lambda_handler(e, c):\n    import os\n    os.kill(os.getpid(), 11)\n",
            "Runtime.ExitError",
            "segmentation",
        ),
    ],
)
def test_what_goes_wrong_is_named_as_lambda_names_it(client, deploy, source, error_type, message):
    name = deploy(source)
    for _ in range(2):  # the second finds no healthy environment left over either
        answer, error = invoke(client, name, LogType="Tail")
        assert answer["FunctionError"] == "Unhandled"
        assert error["errorType"] == error_type
        report = base64.b64decode(answer["LogResult"]).decode().splitlines()[-1]
        of_runtime = "lambda_handler(e, c)" not in source or error_type == "Runtime.ExitError"
        assert report.endswith(f"\tStatus: error\tError Type: {error_type}") is of_runtime
        assert message in error["errorMessage"]


def test_a_handler_sees_no_packages_that_aws_lacks(client, deploy):
    _, error = invoke(client, deploy("import numpy\n"))
    assert error["errorMessage"] == "Unable to import module 'lambda_function': No module named 'numpy'"
    assert invoke(client, deploy("import boto3\n" + ECHO), {"a": 1})[1] == {"a": 1}


def test_a_time_out_ends_the_environment_and_nothing_else(client, deploy):
    name = deploy(
        "import os, time\ndef lambda_handler(event, context):\n"
        "    time.sleep(event['seconds'])\n    return os.getpid()\n",
        Timeout=1,
    )
    pid = invoke(client, name, {"seconds": 0})[1]
    began = time.monotonic()
    answer, error = invoke(client, name, {"seconds": 30})
    assert 0.9 < time.monotonic() - began < 5
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    assert invoke(client, name, {"seconds": 0})[1] != pid


def test_too_much_memory_ends_the_environment(client, deploy):
    name = deploy(
        "import time\ndef lambda_handler(event, context):\n    kept = []\n"
        "    while True:\n        kept.append(bytearray(8 << 20))\n        time.sleep(0.005)\n",
        MemorySize=128,
        Timeout=20,
    )
    answer, error = invoke(client, name, LogType="Tail")
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert "signal: killed" in error["errorMessage"]
    assert b"Max Memory Used: 128 MB" in base64.b64decode(answer["LogResult"])


def test_a_killed_worker_is_replaced(client, deploy, control):
    name = deploy("import os\ndef lambda_handler(event, context):\n    return os.getpid()\n")
    pid = invoke(client, name)[1]
    assert pid in control.get("functions/processes")["processes"]
    os.kill(pid, signal.SIGKILL)
    answer, result = invoke(client, name)  # before anybody has been told of its end
    assert "FunctionError" not in answer
    assert result != pid


def test_a_worker_killed_in_the_middle_is_an_exit_error(client, deploy, tmp_path):
    name = deploy(
        "import os, pathlib, time\ndef lambda_handler(event, context):\n    pathlib.Path(event['begun']).touch()\n"
        "    time.sleep(event['seconds'])\n    return os.getpid()\n",
        Timeout=30,
    )
    first, second = tmp_path / "first", tmp_path / "second"
    pid = invoke(client, name, {"seconds": 0, "begun": str(first)})[1]
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(invoke, client, name, {"seconds": 20, "begun": str(second)})
        until(second.exists)
        os.kill(pid, signal.SIGKILL)
        _, error = answer.result(10)
    assert error["errorType"] == "Runtime.ExitError"
    assert "Runtime exited with error: signal: killed" in error["errorMessage"]


def test_output_goes_to_the_log_with_start_end_and_report(client, deploy, control):
    name = deploy(
        "import logging\ndef lambda_handler(event, context):\n    print('first')\n"
        "    logging.warning('two\\nlines')\n    print('last')\n"
    )
    answer, _ = invoke(client, name, LogType="Tail")
    control.flush()
    events = boto3.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    first, *messages = [event["message"] for event in events]
    assert re.fullmatch(
        r"INIT_START Runtime Version: python:3\.12\.v\d+\tRuntime Version ARN: arn:aws:lambda:.*\n", first
    )
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert messages[0] == f"START RequestId: {request_id} Version: $LATEST\n"
    assert messages[1] == "first\n"
    assert re.fullmatch(rf"\[WARNING\]\t[\d:.TZ-]+\t{request_id}\ttwo\nlines\n", messages[2])
    assert messages[3] == "last\n"
    assert messages[4] == f"END RequestId: {request_id}\n"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n",
        messages[5],
    )
    assert len(messages) == 6
    assert "first\n" in base64.b64decode(answer["LogResult"]).decode()


LOGS = """
import logging
def lambda_handler(event, context):
    logging.getLogger().debug("fine")
    logging.getLogger().warning("coarse")
    if event.get("raise"):
        raise KeyError("plum")
"""


@pytest.mark.parametrize(
    ("levels", "own", "platform"),
    [
        ({}, ["coarse"], ["initStart", "start", "report"]),
        (
            {"ApplicationLogLevel": "DEBUG", "SystemLogLevel": "DEBUG"},
            ["fine", "coarse"],
            ["initStart", "start", "runtimeDone", "report"],
        ),
        ({"ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN"}, ["coarse"], []),
    ],
)
def test_a_log_in_json_has_what_its_levels_let_through(client, deploy, control, levels, own, platform):
    name = deploy(LOGS, LoggingConfig={"LogFormat": "JSON", **levels})
    answer, _ = invoke(client, name)
    control.flush()
    events = boto3.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    lines = [json.loads(event["message"]) for event in events]
    assert [line["message"] for line in lines if "level" in line] == own
    told = {line["type"].removeprefix("platform."): line["record"] for line in lines if "type" in line}
    assert list(told) == platform
    if "report" in told:
        assert told["report"]["requestId"] == answer["ResponseMetadata"]["RequestId"]
        assert told["report"]["status"] == "success"
        assert {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"} == set(
            told["report"]["metrics"]
        )


def test_what_fails_is_told_at_the_level_of_warnings(client, deploy, control):
    name = deploy(LOGS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "FATAL", "SystemLogLevel": "WARN"})
    invoke(client, name, {"raise": True})
    control.flush()
    events = boto3.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{name}", filterPattern='{ $.type = "*" }'
    )
    lines = [json.loads(event["message"]) for event in events["events"]]
    assert [(line["type"], line["record"]["status"]) for line in lines] == [
        ("platform.runtimeDone", "error"),
        ("platform.report", "error"),
    ]


def test_a_handler_opens_as_many_files_as_on_aws(client, deploy):
    source = (
        "import resource\ndef lambda_handler(event, context):\n    return resource.getrlimit(resource.RLIMIT_NOFILE)\n"
    )
    assert invoke(client, deploy(source))[1] == [1024, 1024]


def test_an_event_invocation_answers_before_it_runs(client, deploy, control):
    name = deploy("def lambda_handler(event, context):\n    print('ran', event)\n")
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')
    assert answer["StatusCode"] == 202
    logs = boto3.client("logs")

    def events():
        control.flush()
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
            return logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="ran")["events"]

    assert [event["message"] for event in until(events, every=0.05)] == ["ran {'n': 1}\n"]


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        ({"FunctionName": "missing"}, "ResourceNotFoundException", 404),
        ({"FunctionName": "FUNCTION", "Payload": b"{not json"}, "InvalidRequestContentException", 400),
        ({"FunctionName": "FUNCTION", "Payload": b'"' + b"a" * 6291456 + b'"'}, "RequestEntityTooLargeException", 413),
    ],
)
def test_requests_are_refused_as_lambda_refuses_them(client, deploy, arguments, code, status):
    name = deploy(ECHO)
    arguments = {key: name if value == "FUNCTION" else value for key, value in arguments.items()}
    with pytest.raises(ClientError) as refused:
        client.invoke(**arguments)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_reserved_concurrency_of_nothing_throttles(client, deploy):
    name = deploy(ECHO)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    once = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(once.exceptions.TooManyRequestsException) as refused:
        once.invoke(FunctionName=name)
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_result_past_six_megabytes_is_refused(client, deploy):
    name = deploy("def lambda_handler(event, context):\n    return 'a' * event\n")
    assert len(invoke(client, name, 6 * 1024 * 1024 - 2)[1]) == 6 * 1024 * 1024 - 2
    answer, error = invoke(client, name, 7 * 1024 * 1024)
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_deleted_log_group_stays_deleted(client, deploy, control):
    logs = boto3.client("logs")
    name = deploy(ECHO)
    invoke(client, name)
    control.flush()
    invoke(client, name)
    logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
    control.flush()
    assert logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"] == []


def test_deleting_a_function_writes_its_log_and_ends_its_environments(client, role, control):
    name = f"function-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package("import os\ndef lambda_handler(event, context):\n    return os.getpid()\n")},
    )
    active(client, name)
    pid = invoke(client, name)[1]
    client.delete_function(FunctionName=name)
    events = boto3.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert [event["message"].split()[0] for event in events] == ["INIT_START", "START", "END", "REPORT"]
    assert pid not in control.get("functions/processes")["processes"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName=name)


def test_a_package_that_brings_a_boto3_of_its_own_gets_it(client, role):
    name = f"function-{uuid.uuid4().hex[:8]}"
    source = "import boto3\ndef lambda_handler(event, context):\n    return boto3.__version__\n"
    code = package(source, **{"boto3/__init__.py": "__version__ = 'vendored'\n"})
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": code},
    )
    active(client, name)
    assert invoke(client, name)[1] == "vendored"
    client.delete_function(FunctionName=name)


def test_variables_that_python_reads_at_its_start_work(client, deploy):
    source = "import sys\ndef lambda_handler(event, context):\n    return [sys.flags.optimize, __debug__]\n"
    assert invoke(client, deploy(source, Environment={"Variables": {"PYTHONOPTIMIZE": "1"}}))[1] == [1, False]


def test_a_handler_that_ends_its_process_tells_with_which_status(client, deploy):
    answer, result = invoke(client, deploy("import os\ndef lambda_handler(event, context):\n    os._exit(3)\n"))
    assert answer["FunctionError"] == "Unhandled"
    assert result["errorMessage"].endswith("Runtime exited with error: exit status 3")


def test_without_the_process_that_is_copied_functions_run_as_well(client, deploy):
    parent = "import os\ndef lambda_handler(event, context):\n    return os.getppid()\n"
    template = invoke(client, deploy(parent))[1]
    assert template != os.getpid()
    os.kill(template, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(template)] if psutil.pid_exists(template) else [], timeout=20)
    assert invoke(client, deploy(parent))[1] == os.getpid()
