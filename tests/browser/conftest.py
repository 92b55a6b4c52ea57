"""The dashboard of a deployed workflow, in headless Chromium."""

import contextlib
import json
import os
import re
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from harness.dashboard.app import Dashboard
from harness.dashboard.clients import clients_of
from harness.emulator.door.server import HttpServer
from harness.project.bucket import ensure_bucket
from harness.scones.dataset.archive import read_archive
from harness.scones.dataset.synthesize import synthesize
from harness.scones.dataset.transform import from_folder, transform
from harness.scones.workflow import deployed
from harness.settings import get_settings
from tests.emulator.conftest import delete_role, make_role

SCREENSHOTS = Path(__file__).resolve().parents[2] / "test-output" / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=AutofillServerCommunication",
    "--no-proxy-server",
]
IMAGES = 40


_KEPT = pytest.StashKey[list]()


def pytest_terminal_summary(terminalreporter, config):
    kept = config.stash.get(_KEPT, [])
    if kept:
        terminalreporter.write_sep("=", "screenshots")
        for path in kept:
            terminalreporter.write_line(str(path))


@pytest.fixture(scope="session")
def scones(target, root):
    """The workflow with the model that ships, and some of its test images."""
    settings = replace(get_settings(), endpoint="scones-browser")
    with deployed(boto3.Session(), settings, root, model=root / "fixtures" / "model" / "model.tar.gz") as scones:
        ensure_bucket(scones.session.client("s3"), scones.bucket)
        yield scones


@pytest.fixture(scope="session")
def pictures(scones, root, tmp_path_factory):
    """Keys of pictures in the bucket, real ones where they are beside the project, with the model's confidence."""
    real = root.parent / "shared" / "data" / "cifar-vehicles"
    if real.is_dir():
        dataset = from_folder(real)
    else:
        folder = tmp_path_factory.mktemp("images")
        archive = synthesize(folder / "archive.tar.gz", train_per_class=1, test_per_class=IMAGES // 2)
        dataset = transform(read_archive(archive), folder)
    names = sorted(dataset.test["filename"])
    names = names[:: max(1, len(names) // IMAGES)][:IMAGES]
    s3, runtime = scones.session.client("s3"), scones.session.client("sagemaker-runtime")
    confidence = {}
    for name in names:
        data = (dataset.folder / "test" / name).read_bytes()
        s3.put_object(Bucket=scones.bucket, Key=f"test/{name}", Body=data)
        answer = runtime.invoke_endpoint(EndpointName=scones.endpoint, ContentType="image/png", Body=data)
        confidence[f"test/{name}"] = max(json.loads(answer["Body"].read()))
    return confidence


@pytest.fixture(scope="session")
def role(target):
    """ARN of a role that may do everything."""
    yield make_role("browser-everything", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    delete_role("browser-everything")


@pytest.fixture
def machine_of(role):
    """Makes state machines; gives their ARNs."""
    states, made = boto3.client("stepfunctions"), []

    def make(definition, name=None):
        name = name or f"browser-{uuid.uuid4().hex[:8]}"
        arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
        made.append(arn)
        return arn

    yield make
    for arn in made:
        states.delete_state_machine(stateMachineArn=arn)


@pytest.fixture(scope="session")
def clients(target):
    return clients_of(boto3.Session(), target.name, target.control_url)


def chromium():
    """The browser that is driven."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("these tests need Chromium: apt-get install chromium, or name one in CHROMIUM")
    return path


@contextlib.contextmanager
def served(clients, **options):
    dashboard = Dashboard(clients, **options)
    server = HttpServer(dashboard, "127.0.0.1", 0)
    server.start()
    try:
        yield server.url, dashboard
    finally:
        dashboard.close()
        server.stop()


@pytest.fixture(scope="session")
def site(clients):
    """Address of a dashboard that may start executions and switch faults."""
    with served(clients, control=True) as (url, _):
        yield url


@pytest.fixture(scope="session")
def launch(target):
    """Starts browsers, with further arguments."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = chromium()
        yield lambda *given: playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *given])


@pytest.fixture(scope="session")
def browser(launch):
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser, site, request):
    """Opens pages; the test fails of what they write to the console, and when they ask anybody else for anything."""
    contexts, trouble = [], []

    def make(path="/", *, base=site, scheme="light", width=1280, height=900):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("console", lambda said: said.type in ("error", "warning") and trouble.append(f"console: {said.text}"))
        page.on("request", lambda asked: asked.url.startswith((base, "data:")) or trouble.append(f"asked {asked.url}"))
        page.goto(base + path)
        return page

    yield make
    for context in contexts:
        context.close()
    expected = [mark.args[0] for mark in request.node.iter_markers("expects")]
    assert [what for what in trouble if not any(re.search(pattern, what) for pattern in expected)] == []


@pytest.fixture
def shoot(pytestconfig):
    """Keeps a screenshot under a name; the run's end tells where."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    kept = pytestconfig.stash.setdefault(_KEPT, [])

    def keep(page, name, full=False):
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)
        kept.append(SCREENSHOTS / f"{name}.png")

    return keep
