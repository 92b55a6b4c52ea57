"""What the emulator replaces in moto is in one registry, and is put back when it stops."""

import os
import subprocess
import sys

import pytest

from harness.emulator.moto.patches import Patch, PatchError, Patches

BEFORE_AND_AFTER = """
import sys
import moto.core.utils, moto.events.models, moto.sns.models, moto.sns.responses
import moto.iam.responses, moto.logs.responses, moto.s3.responses
import moto.sqs.models, moto.sts.responses, moto.sagemaker.responses, moto.core.authorization
import moto.resourcegroupstaggingapi.models, moto.scheduler.models, moto.stepfunctions.responses

def attributes():
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith("moto."):
            for key, value in list(vars(module).items()):
                if callable(value) or key == "re":
                    found[name, key] = value
                if isinstance(value, type) and value.__module__.startswith("moto."):
                    inside = vars(value).items()
                    told = ((inner, member) for inner, member in inside if callable(member) or isinstance(member, str))
                    found |= {(name, f"{key}.{inner}"): member for inner, member in told}
    return found

before = attributes()
from harness.emulator.emulator import Emulator
with Emulator() as emulator:
    replaced = [(patch.module, patch.attribute) for patch in emulator.patches.applied]
    during = attributes()
after = attributes()
print(len(replaced), sum(during[name] is not before[name] for name in replaced))
print(sorted(name for name in before if after.get(name) is not before[name]))
"""


MOCK_AWS = """
import boto3
from moto import mock_aws
from harness.emulator.emulator import Emulator

with Emulator():
    pass
with mock_aws():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    s3.create_bucket(Bucket="mocked")
    print([bucket["Name"] for bucket in s3.list_buckets()["Buckets"]])
"""


def run(program):
    """The lines that *program* prints, in a process where no emulator runs."""
    command = [sys.executable, "-c", program]
    elsewhere = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ended = subprocess.run(command, env=elsewhere, capture_output=True, text=True, timeout=60, check=True)
    return ended.stdout.strip().splitlines()


def test_moto_is_as_it_was_when_the_emulator_has_stopped():
    counts, changed = run(BEFORE_AND_AFTER)
    there, replaced = counts.split()
    assert int(there) == int(replaced) > 0
    assert changed == "[]"


def test_mock_aws_works_in_the_same_process_afterwards():
    assert run(MOCK_AWS) == ["['mocked']"]


def test_a_patch_of_what_is_not_there_names_the_version_of_moto():
    import moto.core.utils  # noqa: F401

    patches = Patches()
    with pytest.raises(PatchError, match=r"moto \d.* has no moto.core.utils.no_such_thing, .*\(a reason\)"):
        patches.apply([Patch("moto.core.utils", "no_such_thing", "a reason", "ours", lambda original: original)])


def test_patches_are_undone_in_reverse():
    from moto.core import utils

    original = utils.create_loader
    patches = Patches()
    patches.apply(
        [Patch("moto.core.utils", "create_loader", "first", "ours", lambda found: ("first", found)) for _ in range(2)]
    )
    assert utils.create_loader == ("first", ("first", original))
    patches.undo()
    assert utils.create_loader is original


LATE = """
import sys
from functools import reduce
from harness.emulator.emulator import Emulator

def member(name):
    return reduce(getattr, name.split("."), models)

late = "moto.logs.models"
with Emulator() as emulator:
    before = late in sys.modules
    import moto.logs.models as models
    patched = {patch.attribute for patch in emulator.patches.applied if patch.module == late}
    during = {name: member(name) for name in patched}
    print(before, len(patched) > 0, type(models.__loader__).__name__, models.__loader__ is models.__spec__.loader)
print(any(member(name) is during[name] for name in patched))
print([each for each in sys.meta_path if type(each).__module__.startswith("harness")])
"""


MISSING = """
from harness.emulator.moto.patches import Patch, PatchError, Patches

patches = Patches()
patches.apply([Patch("moto.logs.models", "no_such_thing", "a reason", "ours", lambda original: original)])
try:
    import moto.logs.models
except PatchError as error:
    print(error)
"""


def test_what_is_loaded_late_is_patched_when_it_is_loaded():
    assert run(LATE) == ["False True SourceFileLoader True", "False", "[]"]


def test_a_late_patch_of_what_is_not_there_fails_the_import():
    assert "has no moto.logs.models.no_such_thing" in run(MISSING)[0]
