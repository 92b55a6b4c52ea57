"""Which Python stands in for which of AWS's framework containers."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.emulator.sagemaker.frameworks import (
    Framework,
    FrameworkEnvironments,
    MissingFrameworkError,
    framework_command,
    framework_of,
)
from harness.emulator.sagemaker.prepare import prepare_environment
from harness.settings import Settings

NOWHERE = Framework("sklearn", "no_such_module", "no-such-distribution", "no_such_container", "1.2")


def environment(folder, version):
    """An environment whose Python has every distribution, in *version*."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return python


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("sagemaker-scikit-learn:1.2-1-cpu-py3", ("sklearn", "1.2")),
        ("sagemaker-xgboost:1.7-1", ("xgboost", "1.7")),
        ("pytorch-training:2.1.0-gpu-py310", ("pytorch", "2.1.0")),
        ("pytorch-inference:2.1-cpu-py310", ("pytorch", "2.1")),
        ("huggingface-pytorch-inference:2.1.0-transformers4.37.0-cpu", ("huggingface", "4.37.0")),
    ],
)
def test_images_are_read(image, expected):
    found = framework_of(f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{image}")
    assert (found.name, found.version) == expected


def test_other_images_are_no_frameworks():
    assert framework_of("my-image:1") is None


def test_the_version_asked_for_comes_first(tmp_path):
    wanted = environment(tmp_path / "sklearn==1.2", "1.2.2")
    environment(tmp_path / "sklearn==1.4", "1.4.0")
    assert FrameworkEnvironments(None, tmp_path).python_for(NOWHERE) == (wanted, "1.2.2")
    own = environment(tmp_path / "own", "0.9")
    assert FrameworkEnvironments(tmp_path / "own", tmp_path).python_for(NOWHERE) == (own, "0.9")
    assert FrameworkEnvironments(own, tmp_path).python_for(NOWHERE) == (own, "0.9")


def test_where_there_is_none_the_remedy_is_named(tmp_path):
    with pytest.raises(MissingFrameworkError, match=r"harness sagemaker prepare sklearn==1\.2"):
        FrameworkEnvironments(None, tmp_path).python_for(NOWHERE)
    with pytest.raises(MissingFrameworkError, match=r"HARNESS_SAGEMAKER_ENV\) lacks no-such-distribution"):
        FrameworkEnvironments(tmp_path / "gone", tmp_path).python_for(NOWHERE)


@pytest.mark.parametrize(("version", "noted"), [("1.2.2", False), ("1.9.1", True)])
def test_a_version_that_differs_from_the_container_s_is_noted(tmp_path, version, noted):
    own = environment(tmp_path / "own", version)
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    found = framework_command(FrameworkEnvironments(own, tmp_path), image, tmp_path / "job" / "ml", ("train",))
    words = f"[harness] AWS's container has scikit-learn 1.2; this process has {version}."
    assert (words in found.notes) is noted


@pytest.mark.skipif(
    subprocess.run(["unshare", "--user", "--mount", "true"], capture_output=True).returncode != 0,
    reason="this machine makes no mount namespaces, as in a chroot",
)
def test_aws_s_own_toolkit_comes_first(tmp_path):
    programs = Path(__file__).parents[2] / "harness" / "algorithms" / "script_mode"
    config = tmp_path / "ml" / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text('{"sagemaker_program": "train.py"}')
    package = tmp_path / "sagemaker_training" / "cli"
    package.mkdir(parents=True)
    tell = "import os, socket\nprint('toolkit', os.listdir('/opt/ml'), socket.gethostbyname('algo-1'))\n"
    (package / "train.py").write_text(tell)
    launch, train = programs / "launch.py", programs / "train.py"
    command = [sys.executable, launch, tmp_path / "ml", "preferred", sys.executable, train]
    read, write = os.pipe()  # it ends when this closes
    try:
        done = subprocess.run(
            command,
            stdin=read,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            timeout=60,
            check=False,
            start_new_session=True,
        )
    finally:
        os.close(read)
        os.close(write)
    assert done.stdout == "toolkit ['input'] 127.0.0.1\n", done.stderr


def test_an_old_framework_gets_the_numpy_that_it_needs(tmp_path):
    """A made-up Python, whose scikit-learn is imported beside NumPy 1 alone."""
    made = (
        '#!/bin/sh\ncase "$*" in\n*"numpy<2"*) touch "$0.old" ;;\n"-c import sklearn") test -e "$0.old" ;;\n'
        "*importlib.metadata*) echo 1.2.2 ;;\nesac\n"
    )
    (tmp_path / "made").write_text(made)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nmkdir -p "$3/bin"\ncp "{tmp_path}/made" "$3/bin/python"\nchmod +x "$3/bin/python"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    settings = replace(Settings.from_environment({}), cache=tmp_path / "cache")
    folder, installed = prepare_environment(settings, "sklearn==1.2-1", str(python))
    assert (folder.name, installed) == ("sklearn==1.2", "scikit-learn 1.2.2")
    assert (folder / "bin" / "python.old").exists()


def test_tensorflow_serving_is_refused_by_name(tmp_path):
    environment(tmp_path / "tensorflow==2.13", "2.13.0")
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-inference:2.13.0-cpu"
    with pytest.raises(MissingFrameworkError, match="not emulated: TensorFlow Serving"):
        framework_command(FrameworkEnvironments(None, tmp_path), image, tmp_path, ("serve",))
