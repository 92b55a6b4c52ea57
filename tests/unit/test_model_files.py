"""Models are read as botocore reads them."""

from pathlib import Path

import botocore
import pytest
from botocore.loaders import JSONFileLoader

from harness.emulator.model_files import ModelFiles

DATA = Path(botocore.__file__).parent / "data"


@pytest.mark.parametrize("name", ["s3/2006-03-01/service-2", "endpoints", "sagemaker/2017-07-24/waiters-2"])
def test_a_file_says_what_botocore_reads_in_it(name):
    path = str(DATA / name)
    assert ModelFiles().exists(path)
    assert ModelFiles().load_file(path) == JSONFileLoader().load_file(path)


def test_no_file_is_none():
    path = str(DATA / "nothing")
    assert not ModelFiles().exists(path)
    assert ModelFiles().load_file(path) is None
