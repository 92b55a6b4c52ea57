"""What each field of a state made of its data; one item of a Map at a time; Map Runs and what started what."""

import json
import re
import uuid

import boto3
import pytest

from harness.dashboard.data_flow import data_flow
from harness.dashboard.views import ExecutionViews
from harness.project.executions import run

FLOW = {
    "StartAt": "Pick",
    "States": {
        "Pick": {
            "Type": "Pass",
            "InputPath": "$.a",
            "Parameters": {"x.$": "$.b", "who.$": "$$.Execution.Name"},
            "ResultPath": "$.got",
            "Assign": {"kept.$": "$.x"},
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.a.items",
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "kept.$": "$kept"},
            "ItemProcessor": {
                "StartAt": "Number",
                "States": {
                    "Number": {"Type": "Pass", "Parameters": {"n.$": "$$.Map.Item.Index", "v.$": "$kept"}, "End": True}
                },
            },
            "ResultSelector": {"all.$": "$"},
            "ResultPath": "$.each",
            "Next": "Ask",
        },
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity",
            "Parameters": {},
            "ResultSelector": {"account.$": "$.Account"},
            "ResultPath": "$.ask",
            "OutputPath": "$.ask",
            "Next": "Say",
        },
        "Say": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.account & '!' %}", "End": True},
    },
}


@pytest.fixture(scope="module")
def machine_of(target, role):
    states, made = boto3.client("stepfunctions"), []

    def make(definition):
        name = f"flow-{uuid.uuid4().hex[:8]}"
        arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
        made.append(arn)
        return arn

    yield make
    for arn in made:
        states.delete_state_machine(stateMachineArn=arn)


def flow_of(arn, name, item=None):
    view = ExecutionViews(boto3.client("stepfunctions"), 0).get(arn)
    flow = data_flow(view, next(step for step in view.steps if step.name == name and step.iteration == item))
    assert flow.note == ""
    return {stage.name: None if stage.value is None else json.loads(stage.value) for stage in flow.stages}


def test_each_field_tells_what_it_made(machine_of):
    given = {"a": {"b": 7, "items": ["p", "q"]}}
    ran = run(boto3.client("stepfunctions"), machine_of(FLOW), given)
    named = {"x": 7, "who": ran.name}
    assert flow_of(ran.arn, "Pick") == {
        "Input": given,
        "InputPath": given["a"],
        "Parameters": named,
        "ResultPath": {**given, "got": named},
        "Assign: kept": 7,
        "Output": {**given, "got": named},
    }
    each = flow_of(ran.arn, "Each")
    assert each["ItemsPath"] == ["p", "q"]
    assert each["ItemSelector, the input of item 1"] == {"item": "p", "kept": 7}
    assert each["Result"] == [{"n": 0, "v": 7}, {"n": 1, "v": 7}]
    assert each["ResultSelector"] == {"all": each["Result"]}
    assert each["Output"]["each"] == each["ResultSelector"]
    assert flow_of(ran.arn, "Number", 1)["Parameters"] == {"n": 1, "v": 7}
    ask = flow_of(ran.arn, "Ask")
    assert ask["Result"]["Account"] == "123456789012"
    assert ask["ResultSelector"] == ask["Output"] == {"account": "123456789012"}
    assert flow_of(ran.arn, "Say")["Output"] == "123456789012!"


def test_a_state_that_failed_tells_how_far_it_came(machine_of):
    definition = json.loads(json.dumps(FLOW))
    definition["States"]["Ask"]["ResultSelector"] = {"none.$": "$.Nothing"}
    ran = run(boto3.client("stepfunctions"), machine_of(definition), {"a": {"b": 7, "items": ["p"]}})
    assert ran.error == "States.Runtime"
    ask = flow_of(ran.arn, "Ask")
    assert ask["Parameters"] == {} and ask["Result"]["Account"] == "123456789012"
    assert ask["ResultSelector"] is None and "Output" not in ask


def test_the_page_has_it_and_says_what_random_numbers_change(dashboard_of, machine_of):
    random = {"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}, "End": True}
    ran = run(boto3.client("stepfunctions"), machine_of({"StartAt": "Any", "States": {"Any": random}}), {})
    page = dashboard_of()
    source = re.search(r'data-source="([^"]+)"', page.get(f"/executions/{ran.arn}").text)[1].replace("&amp;", "&")
    told = page.get(source).text
    assert "States.UUID()" in told
    assert "another output than the history has" in told
    assert page.get(source.replace("step=", "step=9")).status_code == 404


ITEMS = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ToleratedFailurePercentage": 100,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Which?",
                "States": {
                    "Which?": {
                        "Type": "Choice",
                        "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "Bad"}],
                        "Default": "Good",
                    },
                    "Bad": {"Type": "Fail", "Error": "Bad"},
                    "Good": {"Type": "Succeed"},
                },
            },
            "End": True,
        }
    },
}


def test_a_map_run_leads_to_its_children_and_back(dashboard_of, machine_of):
    page = dashboard_of()
    ran = run(boto3.client("stepfunctions"), machine_of(ITEMS), [{"n": number} for number in range(4)])
    shown = page.get(f"/executions/{ran.arn}").text
    assert "Not reached" not in shown  # what is inside ran in the children
    address = re.search(r'href="(/map-runs/[^"]+)"', shown)[1]
    listed = page.get(address).text
    assert "4 child executions, 3 succeeded, 1 failed" in listed
    assert f'href="/executions/{ran.arn}"' in listed
    children = re.findall(r'<th scope="row"[^>]*><a href="([^"]+)"', listed)
    assert len(children) == 4
    failed = page.get(children[0]).text  # those that failed come first
    assert f'href="{address}"' in failed
    assert "Bad" in failed
    assert page.get(address + "x").status_code == 404


def test_an_execution_leads_to_those_that_it_started_and_they_lead_back(dashboard_of, machine_of):
    inner = machine_of({"StartAt": "In", "States": {"In": {"Type": "Succeed"}}})
    outer = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn": inner,
            "Input": {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"},
        },
        "End": True,
    }
    page = dashboard_of()
    ran = run(boto3.client("stepfunctions"), machine_of({"StartAt": "Out", "States": {"Out": outer}}), {})
    child = re.search(r'started the execution <a href="([^"]+)"', page.get(f"/executions/{ran.arn}").text)[1]
    assert inner.rpartition(":")[2] in child
    assert f'started by <a href="/executions/{ran.arn}"' in page.get(child).text


def test_one_item_of_a_map_is_picked(dashboard_of, machine_of):
    definition = json.loads(json.dumps(ITEMS))
    each = definition["States"]["Each"]
    del each["ToleratedFailurePercentage"]
    each["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}
    page = dashboard_of()
    machine = machine_of(definition)
    ran = run(boto3.client("stepfunctions"), machine, [{"n": number} for number in range(3)])
    address = f"/executions/{ran.arn}"

    def items(text):
        return re.findall(r'<span class="item">([^<]+)</span>', text)

    shown = page.get(address).text
    assert set(items(shown)) == {"item 1", "item 2", "item 3"}
    name = re.search(r'<select name="(item-\d+)">', shown)[1]
    assert re.findall(r"<option[^>]*>([^<]+)</option>", shown) == ["all 3", "1: succeeded", "2: succeeded", "3: failed"]
    assert items(page.get(f"{address}?{name}=2").text) == ["item 3", "item 3"]
    assert "Not reached: Bad" in page.get(f"{address}?{name}=0").text
    assert len(items(page.get(f"{address}?{name}=77").text)) == 6
    many = run(boto3.client("stepfunctions"), machine, [{"n": 2 if number == 159 else 0} for number in range(160)])
    large = page.get(f"/executions/{many.arn}").text
    assert set(items(large)) == {"item 160"}  # so many that the one which failed is picked
    assert len(items(page.get(f"/executions/{many.arn}?{name}=all").text)) > 300
