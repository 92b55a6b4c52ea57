"""The reference workload's own files: template, functions, state machines, the small model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.project.scaffold import write_files
from harness.project.template import TemplateError, load_template

_PARTS = ("template.yaml", "lambdas", "statemachine", "fixtures")
_PACKAGE = Path(__file__).parent
_OF_THE_REFERENCE_WORKLOAD = frozenset({"BucketName", "EndpointName", "Threshold"})
_PYPROJECT = """\
[tool.harness]
template = "template.yaml"
stack = "scones"

[tool.harness.parameters]
BucketName = "scones-images"
EndpointName = "scones-image-classification"

[tool.pytest.ini_options]
testpaths = ["tests"]
"""
_TEST = '''\
"""The image classifier: it succeeds when the model is sure enough, and fails as designed when it is not."""

import json

import pytest

pytestmark = pytest.mark.local

MACHINE = "ImageClassificationStateMachine"
EVENT = {"image_data": "", "s3_bucket": "scones-images", "s3_key": "test/bicycle_s_000030.png"}


@pytest.fixture
def model(mocks):
    """Have the endpoint's function answer with these probabilities."""

    def says(*probabilities):
        image = {"image_data": "aW1hZ2U=", "s3_bucket": EVENT["s3_bucket"], "s3_key": EVENT["s3_key"], "inferences": []}
        mocks.function("SerializeFunction", output={"statusCode": 200, "body": image})
        mocks.function("ClassifyFunction", output={"statusCode": 200, "body": json.dumps(probabilities)})

    return says


def test_a_sure_prediction_passes(run, model):
    model(0.97, 0.03)
    execution = run(MACHINE, EVENT)
    assert execution.status == "SUCCEEDED"
    assert json.loads(execution.output["body"])["body"] == "[0.97, 0.03]"


def test_a_doubtful_one_fails_the_execution(run, model):
    model(0.55, 0.45)
    execution = run(MACHINE, EVENT)
    assert execution.status == "FAILED"
    assert execution.error == "ThresholdConfidenceNotMet"


def test_a_busy_lambda_is_tried_again(run, model, clock, faults):
    model(0.97, 0.03)
    faults.add(function="ThresholdFunction", error="ServiceException", times=1)
    assert run(MACHINE, EVENT).status == "SUCCEEDED"
'''


def workload_folder(folder: Path) -> Path:
    """Find the workload: *folder* where it has a template, else what came with this package.

    Raises:
        ValueError: there is neither.
    """
    for place in (folder, _PACKAGE / "reference", _PACKAGE.parents[1]):
        if all((place / part).exists() for part in _PARTS):
            return place
    raise ValueError(
        f"{folder} has no template.yaml with its lambdas/, statemachine/ and fixtures/, nor has the package"
    )


def is_reference_workload(folder: Path) -> bool:
    """Whether the template in *folder* is the reference workload's, told by its parameters."""
    path = folder / "template.yaml"
    try:
        return set(load_template(path).get("Parameters", {})) >= _OF_THE_REFERENCE_WORKLOAD
    except (OSError, TemplateError, TypeError):
        return False


def copy_workload(folder: Path) -> Iterator[Path]:
    """Write the workload, a test of it and pytest's configuration into *folder*; what is there stays.

    Yields:
        Each file that was written.

    Raises:
        ValueError: there is a template already.
    """
    source = workload_folder(folder)
    files = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for part in _PARTS
        for path in ([source / part] if (source / part).is_file() else sorted((source / part).rglob("*")))
        if path.is_file() and "__pycache__" not in path.parts
    }
    more = {"pyproject.toml": _PYPROJECT.encode(), "tests/test_workflow.py": _TEST.encode()}
    yield from write_files(folder, {**files, **more})
