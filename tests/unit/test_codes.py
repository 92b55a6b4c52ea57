"""Packages of functions, kept once for each content and removed when nothing uses them."""

from types import SimpleNamespace

from harness.emulator.lambda_ import codes
from tests.emulator.packages import package

ONE, OTHER = (package(f"def handler(event, context):\n    return {number}\n") for number in range(2))


def test_what_was_taken_for_a_function_that_is_being_made_stays_when_others_go(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(codes, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept = codes.Codes(tmp_path, None)
    one, other = kept.keep(ONE), kept.keep(OTHER)
    kept.forget({other.digest})
    assert kept.path(one.digest).is_file()
    kept.forget(set())
    kept.forget(set())
    now[0] += 61
    kept.forget(set())
    assert not kept.path(one.digest).exists()
    assert not kept.path(other.digest).exists()
