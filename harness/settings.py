"""Names and numbers that every part agrees on, and the only reader of ``HARNESS_*`` variables.

Each field of :class:`Settings` can be set by the environment variable ``HARNESS_<FIELD>`` in capitals:
``HARNESS_THRESHOLD=0.8``, ``HARNESS_PORT=0``, ``HARNESS_REGION=eu-west-1``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path

RECIPES = ("auto", "aws", "fast", "linear")
_OTHER_NAMES = {"sfn_mock_config": "SFN_MOCK_CONFIG"}
"""Variables that others have named: Step Functions Local's."""


class SettingsError(ValueError):
    """A ``HARNESS_*`` variable holds a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """What a run is called, where it happens and which limit it applies."""

    target: str = "embedded"
    """Where AWS answers: ``embedded``, ``compose`` or ``aws``."""
    host: str = "127.0.0.1"
    """Address the emulator listens on. Loopback unless asked otherwise."""
    control_token: str = ""
    """With what an emulator's own API is asked where others than this machine reach it; empty for one made up."""
    port: int = 4566
    """Port the emulator listens on; 0 picks a free one."""
    public_url: str = ""
    """What the emulator tells people of its address, where that is another outside its container; empty for its own."""
    region: str = "us-east-1"
    account_id: str = "123456789012"
    """Account the local targets answer for: the placeholder of AWS's own documentation."""
    threshold: float = 0.93
    """Confidence, between 0 and 1, that a prediction must exceed."""
    bucket: str = "scones-unlimited"
    """Prefix of the bucket that holds images and captures; the account number is appended."""
    endpoint: str = "scones-image-classification"
    capture_seconds: float = 60.0
    """Seconds for which a Data Capture file gathers records before it is written, AWS's unless a test wants fewer."""
    pace: str = ""
    """How SageMaker is seen to come up. ``aws``: who looks late, as the SDK's ``fit()`` and ``deploy()`` do, finds a
    job or an endpoint still on its way, so that their output is as on AWS; ``quick``: it is seen as it is, up to 30 s
    sooner. Empty for ``quick`` in tests and ``aws`` elsewhere."""
    capture_prefix: str = "data_capture"
    """S3 prefix below which the endpoint's Data Capture files are written."""
    training_instance: str = "ml.p3.2xlarge"
    endpoint_instance: str = "ml.m5.xlarge"
    recipe: str = "auto"
    """How the built-in image-classification trains here: ``aws`` as the hyperparameters say, ``fast`` or ``linear`` as
    our own recipes do, ``auto``: ``fast`` where torch is installed, else ``linear``."""
    sagemaker_env: str = ""
    """A virtual environment, or an interpreter, that stands in for AWS's framework containers; empty for one that
    ``harness sagemaker prepare`` made, or the one that runs the emulator."""
    iam: str = "enforced"
    """``enforced``: functions and state machines may do what the policies of their roles allow; ``ignored``: all."""
    ended_runtimes: str = "refuse"
    """Runtimes that AWS makes no new functions of: ``refuse``, as it does, or ``take``, for stacks that are there."""
    pending: str = "run"
    """A new function that is invoked before anybody has waited for it: ``refuse``, as AWS does, or ``run``, which the
    log tells."""
    past_schedules: str = "run"
    """A schedule ``at()`` a time in the past: ``run`` carries it out at once, as AWS was recorded to, or ``refuse``."""
    unsupported: str = "fail"
    """What stacks do with types of resources that are not emulated: ``fail``, or ``skip`` them with a note."""
    http_hosts: str = ""
    """Hosts that ``http:invoke`` tasks may call by HTTPS beside this machine's own, with commas between them."""
    sfn_mock_config: str = ""
    """A MockConfigFile of Step Functions Local, whose test cases ``machine#TestCase`` starts; ``SFN_MOCK_CONFIG`` is
    its other name."""
    base_image: str = ""
    """Base of the container images that are built here, where the usual one from a registry cannot be had."""
    localstack_url: str = ""
    """Where the compose stack's LocalStack answers; empty for where localstack-client finds one."""
    stepfunctions_url: str = "http://127.0.0.1:8083"
    """Where the compose stack's Step Functions Local answers."""
    lambda_url: str = "http://127.0.0.1:4574"
    """Where the compose stack's Lambda and CloudFormation answer."""
    sagemaker_url: str = "http://127.0.0.1:4575"
    """Where the compose stack's SageMaker answers, control plane and runtime."""
    stack_patience: float = 0.0
    """Seconds to wait for a service of the compose stack that does not answer yet."""
    aws_account: str = ""
    """On the aws target: the account that is meant, 12 digits. Credentials of another one are refused."""
    aws_stand_in: str = ""
    """What the aws target takes for AWS: ``http://127.0.0.1:PORT`` of an emulator, or a recording of requests."""
    aws_stand_in_role: str = ""
    """ARN of a role there, as which everything is done; its policies are evaluated. Empty for one that may do all."""
    consent: str = ""
    """On the aws target: ``yes`` takes the plan and its price without a question; needs ``max_cost``."""
    max_cost: float = 0.0
    """On the aws target: what a run may cost at most, in USD, whatever goes wrong; 0 for no limit but the question."""
    lifetime_hours: float = 3.0
    """On the aws target: hours after which what was made has expired, and the watchdog deletes the endpoint."""
    training_minutes: int = 60
    """Minutes after which SageMaker stops the training job."""
    spot: str = ""
    """``yes`` trains on spare instances (managed spot training): cheaper, but it may wait or be interrupted."""
    permissions_boundary: str = ""
    """On the aws target: ARN of a managed policy that bounds what the roles that are made may do; empty for none."""
    owner: str = ""
    """Whose the resources are, for their tags; empty for the name that AWS knows the caller by."""
    model: str = ""
    """On the aws target: ``s3://...`` or a file with the ``model.tar.gz`` to serve, in place of training one."""
    data: str = ""
    """On the aws target: folder of the images to train on; empty for drawings."""
    layers: str = ""
    """Folders, or packages on PyPI, that stand for layers of other accounts: ``ARN=FOLDER;ARN=REQUIREMENT``."""
    pythons: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Programs for functions, by runtime: ``HARNESS_PYTHON_3_12`` names that of ``python3.12``."""
    recordings: str = ""
    """Folder into which a test run writes its executions, as ``harness parity --record`` does; empty for none. On the
    aws target, requests to AWS and their answers go there, too, and without it below ``cache``."""
    cache: Path = Path(".harness")
    """Folder for what can be downloaded or made again: archives, images, logs."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the ``HARNESS_*`` variables of *environ*; fields without one keep their default.

        Raises:
            SettingsError: naming the variable, its value and what was expected.
        """
        values: dict[str, object] = {"pythons": _pythons(environ)}
        for each in fields(cls):
            name = f"HARNESS_{each.name.upper()}"
            text = environ.get(name) or environ.get(_OTHER_NAMES.get(each.name, ""))
            if text is None or text == "" or each.name in values:
                continue
            kind: Callable[[str], object] = type(getattr(cls, each.name))
            try:
                values[each.name] = kind(text)
            except ValueError:
                raise SettingsError(f"{name}={text!r}: expected {type(getattr(cls, each.name)).__name__}.") from None
        settings = cls(**values)  # type: ignore[arg-type]
        if not 0 <= settings.threshold <= 1:
            raise SettingsError(f"HARNESS_THRESHOLD={settings.threshold}: expected a number from 0 to 1.")
        if settings.recipe not in RECIPES:
            raise SettingsError(f"HARNESS_RECIPE={settings.recipe!r}: expected one of {', '.join(RECIPES)}.")
        if settings.iam not in ("enforced", "ignored"):
            raise SettingsError(f"HARNESS_IAM={settings.iam!r}: expected enforced or ignored.")
        if settings.pace not in ("", "aws", "quick"):
            raise SettingsError(f"HARNESS_PACE={settings.pace!r}: expected aws or quick.")
        if settings.unsupported not in ("fail", "skip"):
            raise SettingsError(f"HARNESS_UNSUPPORTED={settings.unsupported!r}: expected fail or skip.")
        if settings.ended_runtimes not in ("refuse", "take"):
            raise SettingsError(f"HARNESS_ENDED_RUNTIMES={settings.ended_runtimes!r}: expected refuse or take.")
        if settings.pending not in ("refuse", "run"):
            raise SettingsError(f"HARNESS_PENDING={settings.pending!r}: expected refuse or run.")
        if settings.past_schedules not in ("refuse", "run"):
            raise SettingsError(f"HARNESS_PAST_SCHEDULES={settings.past_schedules!r}: expected refuse or run.")
        for name, value in (("CONSENT", settings.consent), ("SPOT", settings.spot)):
            if value not in ("", "yes"):
                raise SettingsError(f"HARNESS_{name}={value!r}: expected yes, or nothing.")
        for name, number in (
            ("MAX_COST", settings.max_cost),
            ("LIFETIME_HOURS", settings.lifetime_hours),
            ("CAPTURE_SECONDS", settings.capture_seconds),
        ):
            if not 0 <= number < float("inf"):
                raise SettingsError(f"HARNESS_{name}={number}: expected a number, 0 or more.")
        if settings.aws_account and not re.fullmatch(r"\d{12}", settings.aws_account):
            raise SettingsError(f"HARNESS_AWS_ACCOUNT={settings.aws_account!r}: expected an account number, 12 digits.")
        if not 0 <= settings.port <= 65535:
            raise SettingsError(f"HARNESS_PORT={settings.port}: expected a port from 0 to 65535.")
        return settings


def _pythons(environ: Mapping[str, str]) -> dict[str, str]:
    named = ((re.fullmatch(r"HARNESS_PYTHON_(\d+)_(\d+)", name), text) for name, text in environ.items())
    return {f"python{match[1]}.{match[2]}": text for match, text in named if match and text}


def surrounding_proxy(environ: Mapping[str, str]) -> str | None:
    """Return the HTTP proxy by which this machine reaches others, from the variables that every HTTP client reads."""
    return environ.get("https_proxy") or environ.get("HTTPS_PROXY") or None


def surrounding_authorities(environ: Mapping[str, str]) -> Path | None:
    """Return the file of certificate authorities that this machine was told to trust, where it was."""
    path = environ.get("REQUESTS_CA_BUNDLE")
    return Path(path) if path and Path(path).is_file() else None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings.from_environment(os.environ)
