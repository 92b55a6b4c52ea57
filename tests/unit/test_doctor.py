"""``harness doctor`` says what is installed, what is missing and what to do about it."""

import socket

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.emulator.moto.patches import Patch
from harness.settings import Settings


@pytest.fixture
def port(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    monkeypatch.setattr("harness.settings.get_settings", lambda: Settings(port=number))
    return number


def test_a_machine_on_which_all_is_well(port):
    ended = CliRunner().invoke(main, ["doctor", "--patches"])
    assert ended.exit_code == 0, ended.output
    assert f"  ok  port {port}: free" in ended.output
    assert "  ok  moto: 5." in ended.output
    assert "moto.s3.models.FakeBucket.get_permission: a bucket's policy" in ended.output


def test_a_port_that_is_taken_is_told_with_a_remedy(port):
    with socket.create_server(("127.0.0.1", port)):
        ended = CliRunner().invoke(main, ["doctor"])
    assert ended.exit_code == 0
    assert f"  !   port {port}: Address already in use\n        harness up --port 0" in ended.output


def test_a_moto_that_lacks_what_is_replaced_fails(port, monkeypatch):
    patch = Patch("moto.core.utils", "gone", "why", "ours", lambda original: original)
    monkeypatch.setattr("harness.emulator.moto.catalogue.all_patches", lambda permissions: (patch,))
    ended = CliRunner().invoke(main, ["doctor"])
    assert ended.exit_code == 1
    assert "FAILS patches of moto: do not fit" in ended.output
    assert "moto.core.utils.gone" in ended.output


def test_another_package_of_the_same_import_name_is_named(port, monkeypatch):
    both = {"harness": ["aws-ml-harness", "harness"]}
    monkeypatch.setattr("harness.commands.doctor.packages_distributions", lambda: both)
    ended = CliRunner().invoke(main, ["doctor"])
    assert ended.exit_code == 1
    assert "FAILS the import name harness: also installed by harness" in ended.output
    assert "pip uninstall harness" in ended.output
