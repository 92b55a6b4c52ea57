"""Makes the pictures of the pages in ``docs/images``: the dashboard's and the reports', of a workflow that runs here.

    python docs/pictures.py             make them all
    python docs/pictures.py --check     fail where one is of other pages than these

Needs Chromium (``CHROMIUM``, or one on the path) and the extra ``dev``. Beside the pictures, ``made.json`` tells of
which version they are, and of which files: those that decide how a page looks.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from harness.version import __version__

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
MADE = IMAGES / "made.json"
HARNESS = [sys.executable, "-m", "harness"]
DASHBOARD = ("harness/dashboard/templates/*.html", "harness/dashboard/static/*.js", "harness/dashboard/static/*.css")
REPORTS = ("harness/reporting/*.css", "harness/reporting/page.py")
SOURCES = {
    "dashboard": DASHBOARD,
    "dashboard-execution": DASHBOARD,
    "monitor": (*REPORTS, "harness/monitor/report.py", "harness/monitor/plots.py"),
    "evaluation": (*REPORTS, "harness/evaluation/report.py", "harness/evaluation/plots.py"),
}
"""By picture, what decides how it looks."""
WIDTH = 1200
BUCKET = "s3://scones-unlimited-123456789012"
"""Of the workflow whose pages are taken."""


def digest(picture: str) -> str:
    """Of the files that decide how a picture looks."""
    whole = hashlib.sha256()
    for pattern in SOURCES[picture]:
        for path in sorted(ROOT.glob(pattern)):
            whole.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def outdated() -> list[str]:
    """The pictures that are not of these pages."""
    made = json.loads(MADE.read_text()) if MADE.exists() else {}
    if made.get("version") != __version__:
        return sorted(SOURCES)
    there = made.get("of", {})
    return [name for name in SOURCES if there.get(name) != digest(name) or not (IMAGES / f"{name}.png").exists()]


@contextlib.contextmanager
def emulator(folder: Path):
    """Address of an emulator that runs for *folder*."""
    command = [*HARNESS, "up", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield next(line.split()[4] for line in process.stdout if "http://" in line)
    finally:
        process.terminate()
        process.wait(30)


def harness(folder: Path, *arguments: str) -> None:
    """Run a command of ours for the emulator of *folder*."""
    subprocess.run([*HARNESS, *arguments], cwd=folder, check=True, timeout=300)


def keep(page: Page, name: str, height: int) -> None:
    """Keep what a page shows."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(1000)  # fonts, charts and drawings
    page.screenshot(path=IMAGES / f"{name}.png")
    print(IMAGES / f"{name}.png")


def take(page: Page, url: str, folder: Path) -> None:
    """Take all pictures."""
    page.goto(f"{url}/_harness/dashboard/")
    page.wait_for_selector(".row .status.FAILED")
    keep(page, "dashboard", 860)
    page.locator(".row", has=page.locator(".status.FAILED")).get_by_role("link").first.click()
    page.wait_for_selector("svg .box.FAILED")
    page.wait_for_selector(".step.FAILED [data-logs] pre")
    keep(page, "dashboard-execution", 1060)
    for name, report in (("monitor", "monitor/report.html"), ("evaluation", "evaluation/evaluation.html")):
        page.goto((folder / report).as_uri())
        keep(page, name, 1060)


def make() -> None:
    """Run a workflow, and take pictures of it."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        harness(folder, "init", "--scones", ".")
        url = stack.enter_context(emulator(folder))
        playwright = stack.enter_context(sync_playwright())
        harness(folder, "deploy", "--executions", "60")
        harness(folder, "monitor", "scones-image-classification", "--labels", f"{BUCKET}/test", "--output", "monitor")
        harness(folder, "evaluate", f"{BUCKET}/test.lst", "--output", "evaluation")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--no-proxy-server"])
        take(browser.new_page(color_scheme="light"), url, folder)
        browser.close()
    of = {picture: digest(picture) for picture in SOURCES}
    MADE.write_text(json.dumps({"version": __version__, "of": of}, indent=2) + "\n")


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        old = outdated()
        if old:
            sys.exit(f"of other pages than these: {', '.join(old)}; python docs/pictures.py makes them anew")
    else:
        make()
