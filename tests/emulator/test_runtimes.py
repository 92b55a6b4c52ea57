"""Functions run on the runtime that they name, or it is said that they do not."""

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import uuid
import zipfile
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.emulator.lambda_.interpreters import Interpreters
from harness.emulator.lambda_.package import compiled_folder, make_runtime_folder
from harness.emulator.lambda_.provided import provided
from harness.emulator.lambda_.runtime import OF_PYTHON
from harness.emulator.lambda_.template import RuntimeTemplate
from harness.settings import Settings
from tests.emulator.packages import package
from tests.waiting import active

SHOWS = "import sys\ndef lambda_handler(event, context):\n    return '%d.%d' % sys.version_info[:2]\n"
OF_3_12 = "def lambda_handler(event, context):\n    return f'{event['name']}'\n"
"""Quotes inside of an f-string that are those around it: Python 3.11 cannot read it."""
PANDAS = "arn:aws:lambda:us-east-1:336392948345:layer:AWSSDKPandas-Python311:12"


@pytest.fixture(scope="module")
def client(target):
    return boto3.client("lambda")


@pytest.fixture
def deploy(client, role):
    made = []

    def make(source, **settings):
        name = f"runtime-{uuid.uuid4().hex[:8]}"
        given = {"Runtime": "python3.11", "Handler": "lambda_function.lambda_handler", **settings}
        client.create_function(FunctionName=name, Role=role, Code={"ZipFile": package(source)}, **given)
        active(client, name)
        made.append(name)
        return name

    yield make
    for name in made:
        client.delete_function(FunctionName=name)


def here(runtime):
    return Interpreters({}).python(runtime).runtime == runtime


def answer(client, name, event=None):
    return json.loads(client.invoke(FunctionName=name, Payload=json.dumps(event or {}))["Payload"].read())


@pytest.mark.parametrize("minor", [10, 11, 12, 13, 14])
def test_a_function_runs_on_its_python_or_says_that_it_does_not(client, deploy, minor):
    runtime = f"python3.{minor}"
    name = deploy(SHOWS, Runtime=runtime)
    version = client.get_function_configuration(FunctionName=name)["RuntimeVersionConfig"]
    if here(runtime):
        assert answer(client, name) == f"3.{minor}"
        assert "Error" not in version
    else:
        assert answer(client, name) == f"{sys.version_info.major}.{sys.version_info.minor}"
        assert version["Error"]["Message"].startswith(f"not emulated: {runtime}")
        assert f"HARNESS_PYTHON_3_{minor}" in version["Error"]["Message"]


@pytest.mark.skipif(not here("python3.12"), reason="needs a Python 3.12 on this machine")
def test_what_only_the_named_python_can_read_runs(client, deploy):
    name = deploy(OF_3_12, Runtime="python3.12")
    assert answer(client, name, {"name": "scones"}) == "scones"
    failing = deploy("def lambda_handler(event, context):\n    raise ValueError('no')\n", Runtime="python3.12")
    said = answer(client, failing)
    assert (said["errorType"], said["errorMessage"]) == ("ValueError", "no")
    assert '"/var/task/lambda_function.py"' in said["stackTrace"][-1]


def test_a_python_that_the_user_names_is_the_one(tmp_path):
    program = tmp_path / "mine"
    program.symlink_to(sys.executable)
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = Interpreters({own: str(program)}).python(own)
    assert found.program == str(program)
    with pytest.raises(ValueError, match=r"HARNESS_PYTHON_3_99=.* is not python3\.99"):
        Interpreters({"python3.99": str(program)}).python("python3.99")
    assert Settings.from_environment({"HARNESS_PYTHON_3_12": "/x"}).pythons == {"python3.12": "/x"}


def test_pythons_of_pyenv_and_uv_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    for folder, runtime in (("pyenv/versions/3.98.1", "python3.98"), ("uv/cpython-3.97.4-linux-x86_64", "python3.97")):
        program = tmp_path / folder / "bin" / runtime
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho {runtime}\n")
        program.chmod(0o755)
        assert Interpreters({}).python(runtime).program == str(program)


def test_no_shim_of_pyenv_is_asked_for_what_it_may_not_have(tmp_path, monkeypatch):
    shim, program = tmp_path / "shims" / "python3.98", tmp_path / "versions" / "3.98.1" / "bin" / "python3.98"
    for path, says in ((shim, f"touch {tmp_path}/asked; exit 127"), (program, "echo python3.98")):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{says}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert Interpreters({}).python("python3.98").program == str(program)
    assert not (tmp_path / "asked").exists()


@pytest.mark.skipif(not here("python3.12"), reason="needs a Python 3.12 on this machine")
def test_another_python_compiles_the_runtimes_packages_once(tmp_path):
    found = []
    for start in ("first", "second"):
        runtime = make_runtime_folder(tmp_path / start / "python3.12", own=False)
        compiled = compiled_folder(runtime, tmp_path / start / "compiled", tmp_path / "cache")
        template = RuntimeTemplate(Interpreters({}).python("python3.12").program, runtime, OF_PYTHON, compiled)
        template.load()
        template.close()
        found.append({path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.pyc")})
    assert [path for path in found[0] if path.name == "session.cpython-312.pyc"]
    assert found[0] == found[1]


def test_a_stack_s_functions_are_expected_once_its_template_is_read(target, monkeypatch):
    loaded = threading.Event()
    monkeypatch.setattr(RuntimeTemplate, "load", lambda self: loaded.set())
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python3.11"}}
    boto3.client("cloudformation").create_change_set(
        StackName=f"expects-{uuid.uuid4().hex[:8]}",
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"F": function}}),
    )
    assert loaded.wait(10)


def test_nodejs_without_its_client_is_refused_with_the_remedy(client, deploy):
    if shutil.which("aws-lambda-ric"):
        pytest.skip("aws-lambda-ric is on this machine")
    name = deploy(SHOWS, Runtime="nodejs20.x")
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName=name)
    assert error.value.response["Error"]["Code"] == "NotImplemented"
    assert "npm install --global aws-lambda-ric" in error.value.response["Error"]["Message"]


NODE_CLIENT = r"""
const http = require('http');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = http.request({host, port, method, path: '/2018-06-01/runtime/invocation/' + path}, answer => {
    let text = ''; answer.on('data', part => text += part); answer.on('end', () => resolve([answer.headers, text]));
  });
  request.on('error', reject); request.end(body);
});
(async () => {
  const [file, name] = process.argv[2].split('.');
  const handler = require(process.env.LAMBDA_TASK_ROOT + '/' + file)[name];
  for (;;) {
    const [headers, event] = await ask('GET', 'next');
    const result = await handler(JSON.parse(event));
    await ask('POST', headers['lambda-runtime-aws-request-id'] + '/response', JSON.stringify(result));
  }
})();
"""
"""What aws-lambda-ric does, as far as the Runtime API goes; the real one has to be compiled."""


@pytest.fixture
def node_client(tmp_path, monkeypatch):
    """What stands for AWS's client, on ``PATH``; packages lie beside it, as the AWS SDK does."""
    if not shutil.which("node"):
        pytest.skip("needs node on this machine")
    packages = tmp_path / "node_modules"
    program = packages / "aws-lambda-ric" / "bin" / "aws-lambda-ric"
    program.parent.mkdir(parents=True)
    program.write_text(NODE_CLIENT)
    program.chmod(0o755)
    (packages / "the-sdk.js").write_text("exports.version = 3;")
    (packages / "the-module").mkdir()
    (packages / "the-module" / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (packages / "the-module" / "index.js").write_text("export default 4;")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def nodejs(client, role, node_client):
    """Makes a function of the source of a module ``index``."""
    made = []

    def make(source):
        buffer, name = io.BytesIO(), f"node-{uuid.uuid4().hex[:8]}"
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.js", source)
        code = {"ZipFile": buffer.getvalue()}
        given = {"Role": role, "Code": code, "Runtime": "nodejs20.x", "Handler": "index.handler"}
        made.append(name)
        arn = client.create_function(FunctionName=name, **given)["FunctionArn"]
        active(client, name)
        return arn

    yield make
    for name in made:
        client.delete_function(FunctionName=name)


def test_nodejs_runs_under_the_client_on_the_path(client, nodejs):
    name = nodejs(
        "exports.handler = async event => "
        "({twice: 2 * event.n, at: process.env._HANDLER, sdk: require('the-sdk').version, "
        "module: (await import('the-module')).default})"
    )
    assert answer(client, name, {"n": 21}) == {"twice": 42, "at": "index.handler", "sdk": 3, "module": 4}


CUSTOM = """
const https = require('https');
exports.handler = event => new Promise((resolve, reject) => {
  const {hostname, pathname, search} = new URL(event.ResponseURL);
  const body = JSON.stringify({...event, Status: 'SUCCESS', PhysicalResourceId: 'made', Data: {By: 'https'}});
  const headers = {'content-length': body.length};
  const request = https.request({hostname, port: 443, path: pathname + search, method: 'PUT', headers}, resolve);
  request.on('error', reject); request.end(body);
}).then(answer => answer.statusCode);
"""
"""Answers as AWS's cfn-response for Node.js and the CDK's own do: by https, to the name of the host alone."""


def test_a_custom_resource_in_nodejs_answers_to_the_name_of_the_host_alone(nodejs):
    cfn, stack = boto3.client("cloudformation"), f"custom-{uuid.uuid4().hex[:8]}"
    resource = {"Type": "Custom::Thing", "Properties": {"ServiceToken": nodejs(CUSTOM)}}
    outputs = {"By": {"Value": {"Fn::GetAtt": ["Thing", "By"]}}}
    cfn.create_stack(StackName=stack, TemplateBody=json.dumps({"Resources": {"Thing": resource}, "Outputs": outputs}))
    cfn.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    (output,) = cfn.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    assert output["OutputValue"] == "https"
    cfn.delete_stack(StackName=stack)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


DOCKER = """#!/bin/sh
"exec" "{python}" "$0" "$@"
import json, os, sys
if sys.argv[1] == "version":
    print("27.0")
elif sys.argv[1] == "run":
    open({seen!r}, "w").write(json.dumps(sys.argv[2:]))
    os.environ["_HANDLER"] = sys.argv[-1]
    sys.path.insert(0, {folder!r})
    os.chdir({folder!r})
    os.execv(sys.executable, [sys.executable, "-m", "awslambdaric", sys.argv[-1]])
"""


def test_an_image_is_run_by_docker_as_its_configuration_says(client, role, tmp_path, monkeypatch):
    seen, code = tmp_path / "seen.json", tmp_path / "image"
    code.mkdir()
    (code / "app.py").write_text("import os\ndef handler(event, context):\n    return [event, os.environ['COLOUR']]\n")
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(python=sys.executable, seen=str(seen), folder=str(code)))
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    name = f"image-{uuid.uuid4().hex[:8]}"
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1"
    client.create_function(
        FunctionName=name,
        Role=role,
        PackageType="Image",
        Code={"ImageUri": uri},
        ImageConfig={"Command": ["app.handler"], "WorkingDirectory": "/var/task"},
        Environment={"Variables": {"COLOUR": "plum"}},
        MemorySize=256,
    )
    active(client, name)
    assert answer(client, name, {"a": 1}) == [{"a": 1}, "plum"]
    arguments = json.loads(seen.read_text())
    assert arguments[-2:] == [uri, "app.handler"]
    for wanted in (["--memory", "256m"], ["--workdir", "/var/task"], ["--network", "host"], ["--env", "COLOUR"]):
        at = arguments.index(wanted[1])
        assert arguments[at - 1 : at + 1] == wanted
    assert "plum" not in arguments
    client.delete_function(FunctionName=name)


def test_a_public_layer_is_refused_by_name_with_the_remedy(client, deploy):
    with pytest.raises(ClientError) as error:
        deploy(SHOWS, Layers=[PANDAS])
    assert "harness up --layer AWSSDKPandas-Python311=FOLDER" in error.value.response["Error"]["Message"]


UNDER_LAYERS = """
import json, sys
import boto3
from harness.settings import Settings
from harness.targets.embedded import embedded
from tests.emulator.packages import package
from tests.waiting import active

arns = json.loads(sys.argv[2])
code = "import first, second\\ndef lambda_handler(event, context):\\n    return [first.TEXT, second.TEXT]\\n"
with embedded(Settings(layers=sys.argv[1], iam="ignored")):
    client = boto3.client("lambda")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    made = client.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=made["Role"]["Arn"],
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package(code)},
        Layers=arns,
    )
    active(client, "f")
    print(json.dumps([made["Layers"], json.loads(client.invoke(FunctionName="f")["Payload"].read())]))
"""


def test_folders_stand_for_public_layers(tmp_path):
    first, second = tmp_path / "packages", tmp_path / "layer" / "python"
    for folder, name in ((first, "first"), (second, "second")):
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(f"TEXT = {name!r}\n")
    powertools = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python311-x86_64:27"
    layers = f"AWSSDKPandas-Python311={first};{powertools}={tmp_path / 'layer'}"
    command = [sys.executable, "-c", UNDER_LAYERS, layers, json.dumps([PANDAS, powertools])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120)
    assert done.returncode == 0, done.stderr
    described, said = json.loads(done.stdout.splitlines()[-1])
    assert [each["Arn"] for each in described] == [PANDAS, powertools]
    assert said == ["first", "second"]


def test_a_layer_that_cannot_be_had_is_said_at_once(tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        provided(Settings(), [f"a={tmp_path}/missing"])
    with pytest.raises(ValueError, match="expected ARN=FOLDER"):
        provided(Settings(), ["a"])


def test_code_and_layers_together_are_limited(client, role):
    def of(megabytes):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("lambda_function.py", "def lambda_handler(event, context): pass")
            archive.writestr("zeros", bytes(megabytes << 20))
        return buffer.getvalue()

    name = f"large-{uuid.uuid4().hex[:8]}"
    arn = client.publish_layer_version(LayerName=name, Content={"ZipFile": of(150)})["LayerVersionArn"]
    given = {"Role": role, "Runtime": "python3.11", "Handler": "lambda_function.lambda_handler", "Layers": [arn]}
    with pytest.raises(ClientError, match=r"combined with layers exceeds the maximum allowed size of 262144000 bytes"):
        client.create_function(FunctionName=name, Code={"ZipFile": of(101)}, **given)
    with pytest.raises(ClientError, match="Function not found"):
        client.get_function(FunctionName=name)
