"""Writes docs/coverage.md: every operation of our services and what comes of calling it, and the types of resources.

python docs/coverage_page.py            print the page
python docs/coverage_page.py --write    write docs/coverage.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from botocore import xform_name

from harness.emulator.aws_models import service_model
from harness.emulator.cloudformation.providers.catalogue import PROVIDERS
from harness.emulator.emulator import Emulator

ROOT = Path(__file__).parents[1]
TITLES = {
    "lambda": "Lambda",
    "stepfunctions": "Step Functions",
    "sagemaker": "SageMaker",
    "sagemaker-runtime": "SageMaker Runtime",
    "cloudformation": "CloudFormation",
}
EVERY = "tests/door/test_every_operation.py"
"""Asks moto for all that it keeps, as poorly as the model allows."""
EMULATED, KEPT, MISSING = "emulated", "kept by moto", "not emulated"


def page() -> str:
    """The page, as Markdown."""
    with Emulator() as emulator:
        ours = {service.name: service for service in emulator.services}
    lines = [
        "# What is emulated",
        "",
        "Made by `python docs/coverage_page.py --write` from the services' tables of operations; CI fails when it "
        "is old.",
        "",
        f"*{EMULATED}*: ours, as AWS answers. *{KEPT}*: recorded and told by [moto](https://docs.getmoto.org), nothing",
        f"runs. *{MISSING}*: answered with `501 NotImplemented` and the words `not emulated: SERVICE.OPERATION`.",
        "Services that only keep something (S3, IAM, STS, Logs, DynamoDB, SQS, SNS, EventBridge, SSM, Secrets "
        "Manager and",
        "the rest) are moto's.",
        "",
    ]
    sources = [
        (path.relative_to(ROOT).as_posix(), path.read_text()) for path in sorted(ROOT.glob("tests/**/test_*.py"))
    ]
    for name, title in TITLES.items():
        service = ours.get(name)
        if service is None:
            continue
        rows = []
        counts = dict.fromkeys((EMULATED, KEPT, MISSING), 0)
        for operation in service_model(name).operation_names:
            kept = operation in service.kept_by_moto
            state = KEPT if kept else EMULATED if operation in service.operations else MISSING
            counts[state] += 1
            shown = (_test_of(operation, sources) or (EVERY if kept else "")) if state != MISSING else ""
            rows.append((operation, state, f"`{shown}`" if shown else ""))
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        lines += [f"## {title}", "", f"{told}.", "", "| operation | | test |", "|---|---|---|"]
        lines += [f"| {operation} | {state} | {test} |" for operation, state, test in rows if state != MISSING]
        missing = [operation for operation, state, _ in rows if state == MISSING]
        if missing:
            lines += ["", f"Not emulated: {', '.join(missing)}."]
        lines.append("")
    return "\n".join([*lines, *_types()])


def _types() -> Iterator[str]:
    """The types of resources that a stack can have, a line for each service."""
    yield from ("## Types of CloudFormation resources", "")
    yield f"{len(PROVIDERS)} types, and custom resources; SAM's (`AWS::Serverless::...`) become these. Any other"
    yield "fails its stack, `not emulated: AWS::X::Y`, or is left out on request."
    yield from ("", "| service | types |", "|---|---|")
    for service, kinds in groupby(sorted(PROVIDERS), lambda kind: kind.split("::")[1]):
        yield f"| {service} | {', '.join(kind.split('::')[2] for kind in kinds)} |"
    yield ""


def _test_of(operation: str, sources: list[tuple[str, str]]) -> str:
    """The file that calls *operation* most often, of the emulator's own tests where they do; empty for none."""
    called = re.compile(rf"""\.{xform_name(operation)}\(|["']{xform_name(operation)}["']|["']{operation}["']""")
    counts = [(name.startswith("tests/emulator/"), len(called.findall(text)), name) for name, text in sources]
    _, _, name = max(((own and count > 0, count, name) for own, count, name in counts if count), default=(0, 0, ""))
    return name


if __name__ == "__main__":
    made = page()
    if "--write" in sys.argv:
        (ROOT / "docs" / "coverage.md").write_text(made)
    else:
        print(made, end="")
