"""AWS's limits through boto3: what is just allowed works, one more is refused with AWS's error."""

import io
import json
import os
import uuid
import zipfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.emulator import limits
from tests.emulator.packages import package
from tests.waiting import execution_ended

ROLE = "arn:aws:iam::123456789012:role/everything"
SIZES = (
    "def lambda_handler(event, context):\n    return event['sign'] * (event['bytes'] // len(event['sign'].encode()))\n"
)


@pytest.fixture(scope="module")
def states(target, role):
    return boto3.client("stepfunctions")


@pytest.fixture(scope="module")
def functions(target):
    # What is below a range gets to the emulator too, past botocore's own check.
    return boto3.client("lambda", config=Config(parameter_validation=False))


@pytest.fixture(scope="module")
def settings(role):
    """A function that can be created."""
    return {
        "FunctionName": f"limits-{uuid.uuid4().hex[:8]}",
        "Runtime": "python3.12",
        "Role": role,
        "Handler": "lambda_function.lambda_handler",
        "Code": {"ZipFile": package(SIZES)},
    }


@pytest.fixture(scope="module")
def function(functions, settings):
    made = functions.create_function(**settings)
    functions.get_waiter("function_active_v2").wait(FunctionName=made["FunctionName"])
    yield made["FunctionArn"]
    functions.delete_function(FunctionName=settings["FunctionName"])


@pytest.fixture(scope="module")
def machine(states, function):
    """Makes state machines."""
    made = []

    def make(definition, name=None):
        made.append(
            states.create_state_machine(
                name=name or f"limits-{uuid.uuid4().hex[:8]}", definition=definition, roleArn=ROLE
            )["stateMachineArn"]
        )
        return made[-1]

    yield make
    for arn in made:
        states.delete_state_machine(stateMachineArn=arn)


def one_task(resource, **members):
    state = {"Type": "Task", "Resource": resource, **members, "End": True}
    return json.dumps({"StartAt": "Answer", "States": {"Answer": state}})


PASS = json.dumps({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})


def run(states, arn, given):
    execution = states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
    return execution_ended(states, execution)


def refusal(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def test_each_limit_says_where_aws_states_it():
    table = [value for value in vars(limits).values() if isinstance(value, limits.Limit)]
    assert len(table) == 15
    for limit in table:
        assert limit.document.startswith("https://docs.aws.amazon.com/") and limit.unit and limit.error


@pytest.mark.parametrize("sign", ["a", "é"])
def test_a_task_gives_256_kib(states, machine, function, sign):
    arn = machine(one_task(function))
    most = limits.STATE_DATA.most - 2  # a text's two quotes count
    fits = run(states, arn, json.dumps({"sign": sign, "bytes": most}))
    assert fits["status"] == "SUCCEEDED", fits["cause"]
    assert len(json.loads(fits["output"]).encode()) == most
    over = run(states, arn, json.dumps({"sign": sign, "bytes": most + 2}))
    assert (over["status"], over["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert over["cause"] == (
        f"The state/task '{function}' returned a result with a size exceeding the maximum number of bytes service "
        "limit."
    )


def test_the_integration_with_lambda_gives_256_kib(states, machine, function):
    parameters = {"FunctionName": function, "Payload.$": "$"}
    arn = machine(one_task("arn:aws:states:::lambda:invoke", Parameters=parameters, OutputPath="$.StatusCode"))
    over = run(states, arn, json.dumps({"sign": "a", "bytes": 2 + limits.STATE_DATA.most}))
    assert (over["status"], over["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert run(states, arn, json.dumps({"sign": "a", "bytes": 250_000}))["status"] == "SUCCEEDED"


def test_an_image_of_190_kib_does_not_fit_in_base64(states, machine, function):
    """What users of this workflow meet: the image is small enough, its base64 form is not."""
    image = 190 * 1024
    over = run(states, machine(one_task(function)), json.dumps({"sign": "a", "bytes": (image + 2) // 3 * 4 + 100_000}))
    assert over["error"] == "States.DataLimitExceeded"


def test_an_execution_takes_256_kib(states, machine):
    arn = machine(PASS)
    fits = json.dumps("é" * ((limits.EXECUTION_INPUT.most - 2) // 2), ensure_ascii=False)
    assert len(fits.encode()) == limits.EXECUTION_INPUT.most
    assert run(states, arn, fits)["status"] == "SUCCEEDED"
    code, message = refusal(states.start_execution, stateMachineArn=arn, input=fits + " ")
    assert code == "ValidationException"
    assert message == (
        "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than "
        "or equal to 262144"
    )


def test_names_of_state_machines_and_executions_have_80_characters(states, machine):
    arn = machine(PASS, name="m" * 80)
    assert states.start_execution(stateMachineArn=arn, name="e" * 80)["executionArn"].endswith(":" + "e" * 80)
    for call, arguments in (
        (states.create_state_machine, {"name": "m" * 81, "definition": PASS, "roleArn": ROLE}),
        (states.start_execution, {"name": "m" * 81, "stateMachineArn": arn}),
    ):
        code, message = refusal(call, **arguments)
        assert code == "ValidationException"
        assert message.endswith(
            "at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"
        )


@pytest.mark.parametrize("name", ["a b", "a<b", "a:b", "a/b", "a*b", 'a"b', "a#b", "a\tb"])
def test_names_have_no_characters_that_aws_refuses(states, machine, name):
    arn = machine(PASS)
    expected = ("InvalidName", f"Invalid Name: '{name}'")
    assert refusal(states.create_state_machine, name=name, definition=PASS, roleArn=ROLE) == expected
    assert refusal(states.start_execution, name=name, stateMachineArn=arn) == expected


def test_a_definition_has_a_mebibyte(states, machine):
    document = json.loads(PASS)
    document["Comment"] = "c" * (1_048_576 - len(json.dumps({**document, "Comment": ""})))
    fits = json.dumps(document)
    assert len(fits) == 1_048_576
    machine(fits)
    code, message = refusal(states.create_state_machine, name="large", definition=fits + " ", roleArn=ROLE)
    assert (code, message) == (
        "ValidationException",
        "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must have length less "
        "than or equal to 1048576",
    )


@pytest.mark.parametrize(
    ("member", "least", "most"),
    [("Timeout", 1, limits.FUNCTION_TIMEOUT.most), ("MemorySize", 128, limits.FUNCTION_MEMORY.most)],
)
def test_time_out_and_memory_of_a_function_have_their_ranges(functions, function, settings, member, least, most):
    name = settings["FunctionName"]
    for value in (least, most):
        functions.update_function_configuration(FunctionName=name, **{member: value})
        assert functions.get_function_configuration(FunctionName=name)[member] == value
    wire = member[0].lower() + member[1:]
    for value, words in ((least - 1, f"greater than or equal to {least}"), (most + 1, f"less than or equal to {most}")):
        expected = (
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{wire}' failed to satisfy constraint: Member must have "
            f"value {words}",
        )
        new = {**settings, "FunctionName": "refused", member: value}
        assert refusal(functions.create_function, **new) == expected
        assert refusal(functions.update_function_configuration, FunctionName=name, **{member: value}) == expected
    assert functions.get_function_configuration(FunctionName=name)[member] == most


def test_the_temporary_folder_of_a_function_has_its_range(functions, function, settings):
    name = settings["FunctionName"]
    for value in (512, 10_240):
        functions.update_function_configuration(FunctionName=name, EphemeralStorage={"Size": value})
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    for value, words in ((511, "greater than or equal to 512"), (10_241, "less than or equal to 10240")):
        code, message = refusal(
            functions.update_function_configuration, FunctionName=name, EphemeralStorage={"Size": value}
        )
        assert code == "ValidationException"
        assert message == (
            f"1 validation error detected: Value '{value}' at 'ephemeralStorage.size' failed to satisfy constraint: "
            f"Member must have value {words}"
        )


def test_the_variables_of_a_function_have_4_kib(functions, function, settings):
    name = settings["FunctionName"]
    fits = {"TEXT": "a" * (limits.FUNCTION_VARIABLES.most - len('{"TEXT":""}'))}
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": fits})
    over = {"TEXT": fits["TEXT"] + "a"}
    code, message = refusal(functions.update_function_configuration, FunctionName=name, Environment={"Variables": over})
    assert code == "InvalidParameterValueException"
    assert message.startswith(
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        'exceeded the 4KB limit. String measured: {"TEXT":"aaa'
    )
    assert functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"] == fits


def test_variables_that_lambda_sets_cannot_be_set(functions, settings):
    variables = {"Variables": {"AWS_REGION": "eu-west-1", "MINE": "1"}}
    code, message = refusal(functions.create_function, **{**settings, "FunctionName": "refused"}, Environment=variables)
    assert code == "InvalidParameterValueException"
    assert message.endswith("Reserved keys used in this request: AWS_REGION")


def test_an_invocation_takes_and_gives_six_megabytes(functions, settings, function):
    name = settings["FunctionName"]

    def give(size):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps({"sign": "a", "bytes": size}))
        return answer.get("FunctionError"), answer["Payload"].read()

    most = limits.INVOCATION_RESPONSE.most
    assert give(most - 2) == (None, b'"' + b"a" * (most - 2) + b'"')
    failed, payload = give(most - 1)
    assert failed == "Unhandled"
    assert json.loads(payload) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    event = json.dumps({"sign": "a", "bytes": 1, "rest": ""})
    rest = limits.INVOCATION_REQUEST.most - len(event)
    fits = event.replace('""', f'"{"a" * rest}"')
    assert functions.invoke(FunctionName=name, Payload=fits)["Payload"].read() == b'"a"'
    assert refusal(functions.invoke, FunctionName=name, Payload=fits + " ") == (
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )


def test_a_request_that_creates_a_function_is_limited(functions, settings):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("noise", os.urandom(limits.FUNCTION_ZIPPED.most - 200))
    code = {"ZipFile": package.getvalue()}
    left = limits.CREATE_REQUEST.most - len(code["ZipFile"]) * 4 // 3
    given = {**settings, "FunctionName": "large", "Code": code, "Environment": {"Variables": {"TEXT": "a" * left}}}
    assert refusal(functions.create_function, **given) == (
        "RequestEntityTooLargeException",
        "Request must be smaller than 70167211 bytes for the CreateFunction operation",
    )


def test_a_package_holds_250_mib(functions, settings, function):
    def zeros(size):
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("lambda_function.py", SIZES)
            archive.writestr("zeros", bytes(size - len(SIZES)))
        return package.getvalue()

    over = zeros(limits.FUNCTION_UNZIPPED.most + 1)
    assert refusal(functions.update_function_code, FunctionName=settings["FunctionName"], ZipFile=over) == (
        "InvalidParameterValueException",
        "Unzipped size must be smaller than 262144000 bytes",
    )
