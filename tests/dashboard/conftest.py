"""The page of the session's target, in process."""

import boto3
import pytest
from werkzeug.test import Client

from harness.dashboard.app import Dashboard
from harness.dashboard.clients import clients_of
from harness.dashboard.guard import TOKEN_HEADER
from tests.emulator.conftest import delete_role, make_role

HERE = "http://127.0.0.1:8090"


class Page:
    """A browser's view of the page, without a browser."""

    def __init__(self, dashboard):
        self.dashboard = dashboard
        self._client = Client(dashboard)

    def get(self, path="/", **headers):
        return self._client.get(path, base_url=HERE, headers=headers)

    def post(self, path, body=None, **headers):
        given = {"Origin": HERE, TOKEN_HEADER: self.dashboard.guard.token} | headers
        given = {name: value for name, value in given.items() if value is not None}
        if isinstance(body, bytes):
            return self._client.post(path, base_url=HERE, headers=given, data=body)
        return self._client.post(path, base_url=HERE, headers=given, json=body or {})


@pytest.fixture(scope="session")
def role(target):
    """ARN of a role that may do everything."""
    yield make_role("dashboard-everything", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    delete_role("dashboard-everything")


@pytest.fixture(scope="session")
def clients(target):
    """Made once: boto3 takes a while to make them."""
    return clients_of(boto3.Session(), target.name, target.control_url)


@pytest.fixture
def dashboard_of(clients):
    """Makes a page of the target."""
    made = []

    def make(**options):
        page = Dashboard(clients, **options)
        made.append(page)
        return Page(page)

    yield make
    for page in made:
        page.close()


@pytest.fixture
def page(dashboard_of):
    """A page that only shows."""
    return dashboard_of()


@pytest.fixture
def driven(dashboard_of):
    """A page that may start executions and switch faults."""
    return dashboard_of(control=True)
