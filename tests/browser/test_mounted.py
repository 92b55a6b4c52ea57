"""The page on the emulator's own port, as `harness up` serves it."""

import subprocess

import boto3
import pytest
from playwright.sync_api import expect

from tests.emulator.test_command import HARNESS, clean_environment
from tests.waiting import hear

pytestmark = pytest.mark.browser


@pytest.fixture
def up(tmp_path):
    """Address of an emulator in a process of its own, and what it says."""
    process = subprocess.Popen(
        [*HARNESS, "up", "--port", "0"], cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    said = hear(process, r"(?s)(http://\S+:\d+).*Stop it")
    yield said[1], said.string
    process.kill()
    process.wait(20)


def client(service, url):
    return boto3.session.Session().client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_the_emulators_port_serves_the_page(up, open_page):
    url, said = up
    assert f"{url}/_harness/dashboard/" in said
    page = open_page("/_harness/dashboard", base=url)
    expect(page.locator("h1")).to_have_text("Nothing is deployed yet")
    expect(page.locator(".mode")).to_have_text("control")
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_role("link", name="Endpoints").click()
    expect(page.locator("h1")).to_have_text("0 endpoints")
    assert page.url == f"{url}/_harness/dashboard/endpoints"


@pytest.mark.expects("sandbox|40[34]|blocked|Failed|CORS|Content Security Policy|asked")
def test_a_page_out_of_a_bucket_cannot_drive_it(up, open_page):
    """It has the very same origin: the emulator's own port."""
    url, _ = up
    s3 = client("s3", url)
    s3.create_bucket(Bucket="evil")
    script = """<h1 id="said">began</h1><script>
        fetch("/_harness/dashboard/").then((a) => a.text()).then((t) => { said.textContent = "read " + t.length; },
            () => { said.textContent = "refused"; });</script>"""
    s3.delete_public_access_block(Bucket="evil")
    s3.delete_bucket_ownership_controls(Bucket="evil")
    s3.put_object(Bucket="evil", Key="page.html", Body=script, ContentType="text/html", ACL="public-read")
    page = open_page("/evil/page.html", base=url)
    page.wait_for_timeout(500)
    expect(page.locator("#said")).to_have_text("began")  # its scripts do not run
