"""harness plan: the closed form, and the simulation that it is held against."""

import io
import math
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.cli import main
from harness.evaluation.batch import BatchOptions
from harness.evaluation.money import price_batch
from harness.evaluation.plan import WORKFLOWS, Plan, batch_seconds, estimate, scaled, transform, transitions_of_item
from harness.evaluation.plan_command import run_plan
from harness.evaluation.quotas import PRICES, QUOTAS, Times
from harness.evaluation.simulate import simulate

SLOW = Times(inference=0.5)
BUSY = {
    "as proposed": Plan(10_000_000),
    "few children": Plan(10_000_000, concurrency=100),
    "many children": Plan(10_000_000, concurrency=2_000, batch=5),
    "many children inline": Plan(10_000_000, "inline", concurrency=2_000, batch=20),
    "inline": Plan(10_000_000, "inline", batch=20),
    "express": Plan(10_000_000, "express", batch=20),
    "little Lambda": Plan(10_000_000, "inline", functions=700, batch=20),
    "small batches": Plan(10_000_000, "inline", batch=1),
}
BOTTLENECKS = {
    "as proposed": "StartExecution",
    "few children": "MaxConcurrency",
    "many children": "StartExecution",
    "many children inline": "state transitions",
    "inline": "state transitions",
    "express": "Lambda (functions",
    "little Lambda": ("Lambda (functions", "MaxConcurrency"),  # proposed to fit, so they are the same
    "small batches": "Map Run (child executions started)",
}


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_simulation_agrees_within_a_tenth(name, seed):
    small = estimate(scaled(estimate(BUSY[name])))
    found = simulate(small, seed)
    assert small.bottleneck.startswith(BOTTLENECKS[name])
    assert abs(found.seconds / small.seconds - 1) < 0.1, found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_agrees_where_the_endpoint_is_what_holds_it_up(seed):
    small = estimate(replace(scaled(estimate(Plan(10_000_000, "inline", batch=20, times=SLOW))), instances=3))
    assert small.bottleneck == "endpoint (3 ml.m5.xlarge)"
    found = simulate(small, seed)
    assert abs(found.seconds / small.seconds - 1) < 0.1, found
    assert found.endpoint_busy > 0.9


def test_the_numbers_can_be_done_by_hand():
    plan = Plan(1_000_000, "nested", concurrency=50, batch=10, unsure=0.0)
    found = estimate(plan)
    # Image workflow: 3 states and 2 for the execution; batch: 2 for the image; and 6 for each 10 images.
    assert transitions_of_item(plan, 10) == pytest.approx(5 + 2 + 0.6)
    assert found.costs["state transitions"] == pytest.approx(1_000_000 * 7.6 * 0.025 / 1000)
    assert found.costs["Lambda requests"] == pytest.approx(0.6)
    assert found.rates["MaxConcurrency (child executions at a time)"] == pytest.approx(
        50 * 10 / batch_seconds(plan, 10)
    )
    assert found.rates["StartExecution"] == pytest.approx(300 / 1.2)
    assert found.bottleneck == "MaxConcurrency (child executions at a time)"
    assert found.seconds == pytest.approx(1_000_000 / found.rate + 50 / 100)  # 50 children, 100 started a second


def test_a_higher_quota_moves_the_bottleneck():
    assert estimate(Plan(10_000_000)).bottleneck == "StartExecution"
    assert estimate(Plan(10_000_000, starts=3_000)).bottleneck == "state transitions"
    more = estimate(Plan(10_000_000, starts=3_000, transitions=50_000))
    assert more.bottleneck == "Lambda (functions at a time)"


@given(
    items=st.integers(1, 10**9),
    workflow=st.sampled_from(WORKFLOWS),
    concurrency=st.one_of(st.none(), st.integers(1, 10_000)),
    batch=st.one_of(st.none(), st.integers(1, 100)),
    unsure=st.floats(0, 1),
)
def test_estimates_make_sense(items, workflow, concurrency, batch, unsure):
    found = estimate(Plan(items, workflow, concurrency, batch, unsure=unsure))
    assert 0 < found.rate < math.inf
    assert found.seconds >= items / found.rate - 1e-6
    assert found.seconds >= batch_seconds(found.plan, found.batch) - 1e-6
    assert 1 <= found.concurrency <= QUOTAS["map_concurrency"].value
    assert found.instances >= 1
    assert all(cost >= 0 for cost in found.costs.values())
    faster = estimate(Plan(items, workflow, concurrency, batch, unsure=unsure, starts=10**6, transitions=10**6))
    assert faster.rate >= found.rate * 0.999


def test_a_batch_transform_is_limited_by_its_instances():
    one, two = transform(Plan(1_000_000), 1), transform(Plan(1_000_000), 2)
    assert one[0] - 300 == pytest.approx(2 * (two[0] - 300))
    requests = 1_000_000 * (PRICES["s3_get"].value + PRICES["s3_put"].value)
    assert one[1] - requests == pytest.approx(one[0] / 3600 * 0.23)


def test_each_number_names_its_document():
    for number in (*QUOTAS.values(), *PRICES.values()):
        assert number.document.startswith(("https://docs.aws.amazon.com/", "https://aws.amazon.com/"))
        assert number.seen


def test_the_command_says_it(tmp_path):
    result = CliRunner().invoke(main, ["plan", "--items", "10_000_000", "--workflow", "inline", "--simulate"])
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert "10,000,000 images in" in words and "bottleneck: " in words and "MaxConcurrency" in words
    assert "against the closed form" in words and "batch transform" in words
    assert "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html" in words
    assert "batch transform, an hour: $0.23 https://aws.amazon.com/sagemaker/pricing/ (not confirmed: " in words


@pytest.mark.parametrize("width", [40, 60, 79, 80, 120])
def test_the_table_is_whole_in_a_terminal_of_any_width(width):
    text = io.StringIO()
    run_plan({"items": 10_000_000}, Console(file=text, width=width))
    table = text.getvalue().partition("* holds it up")[0]
    assert "…" not in table and max(map(len, table.splitlines())) <= width
    for word in ("nested", "inline", "express", "batch transform", "Lambda at a time", "state transitions"):
        assert word in table


def test_a_map_run_starts_few_children_a_second():
    found = estimate(Plan(1_000_000, "inline", batch=2))
    assert found.rates["Map Run (child executions started)"] == 2 * 100
    assert found.bottleneck == "Map Run (child executions started)"
    assert estimate(Plan(1_000_000, "express", batch=2)).rates["Map Run (child executions started)"] == 2 * 1_000


def test_a_batch_is_priced_for_its_region():
    here = price_batch(1_000, "inline", BatchOptions(), "us-east-1")
    there = price_batch(1_000, "inline", BatchOptions(), "sa-east-1")
    assert there.most_usd == pytest.approx(2 * here.most_usd)
    assert all(line.price.confirmed for line in here.lines)
    assert not any(line.price.confirmed for line in there.lines)


def test_a_plan_for_nothing_is_refused():
    with pytest.raises(ValueError, match="there have to be items"):
        Plan(0)
    result = CliRunner().invoke(main, ["plan", "--items", "none"])
    assert result.exit_code == 2 and "Invalid value" in result.output
