"""Train with a user's script: by AWS's training toolkit where the environment has it, else as that does.

https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CODE = BASE / "code"


def read(name: str) -> dict[str, Any]:
    """Return a configuration file; empty where there is none."""
    path = BASE / "input" / "config" / name
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def decoded(value: Any) -> Any:
    """Return a hyperparameter as the SDK's ``json.dumps`` had it."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def text(value: Any) -> str:
    """Return a value as an argument or a variable."""
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """``--name value`` for each hyperparameter, sorted."""
    found: list[str] = []
    for name in sorted(hyperparameters):
        found += [f"-{name}" if len(name) == 1 else f"--{name}", text(hyperparameters[name])]
    return found


def variables(script: str, hyperparameters: dict[str, Any], given: list[str]) -> dict[str, str]:
    """Return the ``SM_*`` variables that sagemaker-training gives to a script.

    Args:
        script: file name of the entry point, ``SM_USER_ENTRY_POINT``.
        hyperparameters: the user's, read from JSON; each is ``SM_HP_<NAME>`` too.
        given: the arguments that the script is called with, ``SM_USER_ARGS``.

    Returns:
        by name; what is no text is JSON.
    """
    resources, channels = read("resourceconfig.json"), read("inputdataconfig.json")
    places = {name: str(BASE / "input" / "data" / name) for name in channels}
    module = script.rpartition(".")[0] or script
    values: dict[str, Any] = {
        "SM_MODEL_DIR": str(BASE / "model"),
        "SM_OUTPUT_DATA_DIR": str(BASE / "output" / "data"),
        "SM_OUTPUT_DIR": str(BASE / "output"),
        "SM_OUTPUT_INTERMEDIATE_DIR": str(BASE / "output" / "intermediate"),
        "SM_INPUT_DIR": str(BASE / "input"),
        "SM_INPUT_CONFIG_DIR": str(BASE / "input" / "config"),
        "SM_CHANNELS": sorted(channels),
        "SM_HPS": hyperparameters,
        "SM_USER_ARGS": given,
        "SM_USER_ENTRY_POINT": script,
        "SM_MODULE_NAME": module,
        "SM_MODULE_DIR": str(CODE),
        "SM_CURRENT_HOST": resources.get("current_host", "algo-1"),
        "SM_HOSTS": resources.get("hosts", ["algo-1"]),
        "SM_CURRENT_INSTANCE_TYPE": resources.get("current_instance_type", ""),
        "SM_NETWORK_INTERFACE_NAME": resources.get("network_interface_name", "eth0"),
        "SM_NUM_CPUS": os.cpu_count(),
        "SM_NUM_GPUS": gpus(),
        "SM_NUM_NEURONS": 0,
        "SM_LOG_LEVEL": 20,
        "SM_IS_MASTER": "true",
        "SM_RESOURCE_CONFIG": resources,
        "SM_INPUT_DATA_CONFIG": channels,
        "SM_FRAMEWORK_PARAMS": {},
    }
    values.update({f"SM_CHANNEL_{name.upper()}": place for name, place in places.items()})
    values.update({f"SM_HP_{name.upper()}": value for name, value in hyperparameters.items()})
    known = {name: text(value) for name, value in values.items()}
    known["SM_TRAINING_ENV"] = json.dumps(
        {
            "additional_framework_parameters": {},
            "channel_input_dirs": places,
            "current_host": values["SM_CURRENT_HOST"],
            "current_instance_type": values["SM_CURRENT_INSTANCE_TYPE"],
            "framework_module": framework_module(),
            "hosts": values["SM_HOSTS"],
            "hyperparameters": hyperparameters,
            "input_config_dir": values["SM_INPUT_CONFIG_DIR"],
            "input_data_config": channels,
            "input_dir": values["SM_INPUT_DIR"],
            "is_master": True,
            "job_name": os.environ.get("TRAINING_JOB_NAME", ""),
            "log_level": values["SM_LOG_LEVEL"],
            "master_hostname": values["SM_CURRENT_HOST"],
            "model_dir": values["SM_MODEL_DIR"],
            "module_dir": str(CODE),
            "module_name": module,
            "network_interface_name": values["SM_NETWORK_INTERFACE_NAME"],
            "num_cpus": values["SM_NUM_CPUS"],
            "num_gpus": values["SM_NUM_GPUS"],
            "num_neurons": values["SM_NUM_NEURONS"],
            "output_data_dir": values["SM_OUTPUT_DATA_DIR"],
            "output_dir": values["SM_OUTPUT_DIR"],
            "output_intermediate_dir": values["SM_OUTPUT_INTERMEDIATE_DIR"],
            "resource_config": resources,
            "user_entry_point": script,
        }
    )
    return known


def framework_module() -> str:
    """Return what AWS's container of this framework calls its entry: ``sagemaker_sklearn_container.training:main``."""
    return sys.argv[1] if len(sys.argv) > 1 else ""


def gpus() -> int:
    """How many NVIDIA devices there are."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run *command*; its exit code and the last thing it wrote to standard error."""
    process = subprocess.Popen(command, cwd=CODE, env=environment, stderr=subprocess.PIPE)
    last = ""
    assert process.stderr is not None
    for line in process.stderr:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        last = line.decode("utf-8", "replace").strip() or last
    code = process.wait()
    return (code if code >= 0 else 128 - code), last


def fail(kind: str, code: int, last: str, command: list[str]) -> int:
    """Leave the failure file that SageMaker shows as the job's ``FailureReason``; one that the script wrote stays.

    Args:
        kind: the first line, e.g. ``ExecuteUserScriptError``.
        code: exit code of the script.
        last: the error's last line, for ``ErrorMessage``.
        command: what was run, word by word.

    Returns:
        *code*, to exit with.
    """
    path = BASE / "output" / "failure"
    if not path.is_file():
        path.write_text(f'{kind}:\nExitCode {code}\nErrorMessage "{last}"\nCommand "{" ".join(command)}"')
    return code


def say(message: str, who: str = "sagemaker-training-toolkit") -> None:
    """Write a line as AWS's training toolkit does, which parsers of logs look for.

    Args:
        message: what is behind the time.
        who: says it.
    """
    now = datetime.now()
    stamp = f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}"
    print(f"{stamp} {who} INFO     {message}", flush=True)


def say_framework() -> None:
    """Write a container's first lines."""
    module = framework_module().partition(":")[0]
    say(f"Imported framework {module}")
    if not gpus():
        say("No GPUs detected (normal if no gpus installed)")
    say("Invoking user training script.", module)


def say_invocation(environment: dict[str, str], command: list[str]) -> None:
    """Write what a script is run with.

    Args:
        environment: its variables.
        command: that runs it.
    """
    say("Invoking user script\n")
    known = json.dumps(json.loads(environment["SM_TRAINING_ENV"]), indent=4)
    names = [name for name in environment if name.startswith("SM_")] + ["PYTHONPATH"]
    print(f"Training Env:\n\n{known}\n\nEnvironment variables:\n")
    print("\n".join(f"{name}={environment[name]}" for name in names))
    print(f"\nInvoking script with the following command:\n\n{' '.join(command)}\n\n", flush=True)


def main() -> int:
    """Run the user's script; return its exit code."""
    settings = {name: decoded(value) for name, value in read("hyperparameters.json").items()}
    script = settings.get("sagemaker_program") or os.environ.get("SAGEMAKER_PROGRAM")
    if not script and os.environ.get("SM_BUILT_IN"):
        os.execv(sys.executable, [sys.executable, os.environ["SM_BUILT_IN"], "train"])
    if not script:
        return fail("ClientError", 1, "no entry point: set the hyperparameter sagemaker_program", ["train"])
    if settings.get("sagemaker_mpi_enabled") or settings.get("sagemaker_distributed_dataparallel_enabled"):
        return fail("ClientError", 1, "not emulated: distributed training", ["train"])
    if framework_module():
        say_framework()
    sys.path.pop(0)  # this file's own folder
    # AWS's own toolkit waits for the host's name, which is known where /opt/ml is shown.
    if Path("/opt/ml") == BASE and find_spec("sagemaker_training") is not None:
        os.execv(sys.executable, [sys.executable, "-m", "sagemaker_training.cli.train"])
    hyperparameters = {name: value for name, value in settings.items() if not name.startswith("sagemaker_")}
    given = arguments(hyperparameters)
    environment = {**os.environ, **variables(script, hyperparameters, given)}
    environment["PYTHONPATH"] = os.pathsep.join([str(CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
    if (CODE / "requirements.txt").is_file():
        command = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        say("Installing dependencies from requirements.txt:")
        print(" ".join(command), flush=True)
        code, last = run(command, environment)
        if code:
            return fail("InstallRequirementsError", code, last, command)
    if script.endswith(".sh"):
        command = ["/bin/sh", "-c", "./{} {}".format(script, " ".join(given))]
    else:
        command = [sys.executable, script, *given]
    say_invocation(environment, command)
    code, last = run(command, environment)
    if code:
        return fail("ExecuteUserScriptError", code, last, command)
    say("Waiting for the process to finish and give a return code.")
    say(f"Done waiting for a return code. Received {code} from exiting process.")
    say("Reporting training SUCCESS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
