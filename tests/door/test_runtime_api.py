"""The Runtime API of an environment: its own process asks, and no web page that has found the port."""

import http.client

import pytest

from harness.emulator.lambda_.runtime_api import RuntimeApi, RuntimeEvents

PAGES = [
    {"Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-origin", "Host": "evil.example"},
    {"Host": "localhost"},
]


@pytest.mark.parametrize("headers", PAGES, ids=str)
def test_a_page_takes_no_invocation_and_answers_none(headers):
    told = []
    events = RuntimeEvents(*(lambda *said: told.append(said) for _ in range(4)))
    api = RuntimeApi(events, lambda: 0)
    try:
        for method, path in (("GET", "invocation/next"), ("POST", "invocation/1/response"), ("POST", "init/error")):
            connection = http.client.HTTPConnection(api.address, timeout=5)
            connection.request(method, f"/2018-06-01/runtime/{path}", b"{}" if method == "POST" else None, headers)
            assert connection.getresponse().status == 403
            connection.close()
    finally:
        api.close()
    assert told == []
