"""Deploying to an emulator as if it were AWS: shown, made, made again, removed; requests held against the models."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from harness.cloud.consent import ConsentError
from harness.cloud.eventual_consistency import once_known
from harness.cloud.quotas import QuotaError
from harness.cloud.removal import ORDER, in_order, remove_all
from harness.cloud.running import find_running, show_running
from harness.cloud.sweep import find_expired, sweep
from harness.cloud.tags import EXPIRY_KEY, OWNER_KEY, PROJECT_KEY, expiry_of, make_tags
from harness.cloud.watchdog import set_watchdog, watchdog_time
from harness.project.executions import run
from harness.project.machines import delete_state_machine
from harness.project.presence import Found, is_there
from harness.project.stack import StackFailure, find_stack
from harness.scones.aws.bring_up import bring_up_on_aws, sweep_aws, take_down_on_aws
from harness.scones.aws.cleanup import destroy_cloud, find_deployment
from harness.scones.aws.deployment import deploy_cloud, plan_actions
from harness.scones.aws.plan import CloudError, check_quotas, plan_cloud
from harness.scones.aws.run import deployed_on_aws
from harness.scones.names import bucket_name
from harness.scones.workflow import CleanupError
from harness.settings import Settings
from harness.targets.aws import refuse_old_boto3
from harness.targets.target import TargetError
from tests.aws.conftest import ACCOUNT, P3, everything
from tests.deployed import machine, physical, policies
from tests.waiting import until

pytestmark = pytest.mark.slow

MODEL = "fixtures/model/model.tar.gz"
LATER = datetime.now(UTC) + timedelta(days=2)


class Lines(list):
    """What was told, a line each."""

    def __call__(self, line):
        self.append(line)


class Written:
    """A console's output."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def console():
    written = Written()
    return Console(file=written, width=200, highlight=False), written


# The template


def test_the_plan_is_plain_cloudformation(root, place, stand_in, dataset):
    target, session = place
    stack = plan_cloud(target, session, stand_in.settings, root, dataset, None).stack
    document = json.loads(stack.body)
    assert "Transform" not in document
    assert stack.url is None  # short enough for a request
    assert sorted(set(stack.resources.values())) == [
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::StepFunctions::StateMachine",
    ]
    assert sorted(key.partition(".")[2] for _, key in stack.files) == ["json"] * 4 + ["zip"] * 4
    for resource in document["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::Function":
            assert (properties["Code"]["S3Bucket"], properties["Code"]["S3Key"]) in stack.files
        if resource["Type"] == "AWS::Logs::LogGroup":
            assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    image_workflow = document["Resources"]["ImageClassificationStateMachine"]["Properties"]
    assert image_workflow["LoggingConfiguration"]["Level"] == "ALL"
    place = image_workflow["DefinitionS3Location"]
    source = root / "statemachine" / "image_classification.asl.json"
    assert stack.files[place["Bucket"], place["Key"]] == source.read_bytes()


# Deploying and removing


def test_a_dry_run_prints_what_is_done_and_makes_nothing(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    dry, shown = console()
    bring_up_on_aws(target, settings, root, dataset, dry, dry_run=True)
    assert everything(session) == set()
    wet, done = console()
    bring_up_on_aws(target, settings, root, dataset, wet)
    would = [line.removeprefix("  would ") for line in shown.text.splitlines() if line.startswith("  would ")]
    made = [line.removeprefix("  ") for line in done.text.splitlines()]
    assert any(line.startswith("change stack") for line in would)
    for line in would:
        assert any(other.startswith(line.removesuffix(":")) for other in made), line
    changes = [line.strip() for line in shown.text.splitlines() if line.startswith("    add ")]
    assert len(changes) == 26
    assert set(changes) <= {line.strip() for line in made}

    # The same once more, with nothing to do.
    again, said = console()
    bring_up_on_aws(target, settings, root, dataset, again)
    assert "nothing to do: all of it is there" in said.text

    # And what destroy would do is what it does.
    dry, shown = console()
    take_down_on_aws(target, settings, dry, dry_run=True)
    before = everything(session)
    wet, done = console()
    take_down_on_aws(target, settings, wet)
    would = [line.removeprefix("  would delete ") for line in shown.text.splitlines() if "would delete" in line]
    made = [line.removeprefix("  deleted ") for line in done.text.splitlines() if line.startswith("  deleted ")]
    assert would == made
    assert would[0] == "endpoint scones-image-classification"
    assert before
    assert everything(session) == set()
    assert done.text.splitlines()[-1] == "  all of it is gone"


def test_everything_carries_the_tags(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    scones = deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    assert (scones.tags[OWNER_KEY], scones.tags[PROJECT_KEY]) == ("tests", "scones-unlimited")
    functions, iam, logs = session.client("lambda"), session.client("iam"), session.client("logs")
    sagemaker, states = session.client("sagemaker"), session.client("stepfunctions")
    names = {kind: physical(scones, f"AWS::{kind}").values() for kind in ("Lambda::Function", "IAM::Role")}
    carried = [functions.get_function(FunctionName=name)["Tags"] for name in names["Lambda::Function"]]
    carried += [pairs(iam.list_role_tags(RoleName=name)["Tags"]) for name in names["IAM::Role"]]
    for arn in physical(scones, "AWS::StepFunctions::StateMachine").values():
        carried.append(pairs(states.list_tags_for_resource(resourceArn=arn)["tags"]))
    for group in physical(scones, "AWS::Logs::LogGroup").values():
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        assert found["retentionInDays"] == 14
        carried.append(logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"])
    described = sagemaker.describe_endpoint(EndpointName=scones.endpoint)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    for arn in (described["EndpointArn"], config["EndpointConfigArn"], model["ModelArn"]):
        carried.append(pairs(sagemaker.list_tags(ResourceArn=arn)["Tags"]))
    carried.append(pairs(session.client("s3").get_bucket_tagging(Bucket=scones.bucket)["TagSet"]))
    carried.append(pairs(find_stack(session.client("cloudformation"), "scones-unlimited")["Tags"]))
    (group,) = [
        item
        for item in session.client("scheduler").list_schedule_groups()["ScheduleGroups"]
        if item["Name"] != "default"
    ]
    carried.append(pairs(session.client("scheduler").list_tags_for_resource(ResourceArn=group["Arn"])["Tags"]))
    for tags in carried:
        assert scones.tags.items() <= tags.items()
    logged = machine(scones)["loggingConfiguration"]
    assert (logged["level"], logged["includeExecutionData"]) == ("ALL", False)
    key = f"test/{dataset.test['filename'].iloc[0]}"
    assert run(states, scones.state_machine_arn, scones.event(key)).status in ("SUCCEEDED", "FAILED")


def pairs(tags):
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags}


def test_a_change_is_shown_as_what_it_changes(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    changed = replace(settings, threshold=0.5)
    plan = plan_cloud(target, session, changed, root, dataset, settings.model)
    assert [action.text for action in plan_actions(plan, session)] == [
        "change stack scones-unlimited, 1 resources:\n    modify AWS::Lambda::Function ThresholdFunction"
    ]
    deploy_cloud(plan, session)
    variables = session.client("lambda").get_function_configuration(FunctionName="thresholdImageData")["Environment"]
    assert variables["Variables"]["THRESHOLD"] == "0.5"
    # Half of its lifetime later, everything is told to last longer.
    longer = plan_cloud(target, session, replace(changed, lifetime_hours=20), root, dataset, settings.model)
    deploy_cloud(longer, session)
    assert watchdog_time(session, longer.endpoint) == longer.tags.expiry
    assert [(item.name, item.ends) for item in find_running(session, [target.region])] == [
        (longer.endpoint, longer.tags.expiry)
    ]
    assert pairs(session.client("s3").get_bucket_tagging(Bucket=longer.bucket)["TagSet"]) == longer.tags.as_dict()
    assert (
        expiry_of(session.client("lambda").get_function(FunctionName="thresholdImageData")["Tags"])
        == longer.tags.expiry
    )


def test_it_trains_once_and_takes_up_what_was_trained(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, spot="yes", training_minutes=20)
    stand_in.set_quota("ml.p3.2xlarge for spot training job usage", 1)
    plan = plan_cloud(target, session, settings, root, dataset, None)
    told = Lines()
    deploy_cloud(plan, session, told)
    sagemaker = session.client("sagemaker")
    job = session.client("sagemaker").describe_training_job(TrainingJobName=plan.training.prefix)
    assert job["ResourceConfig"]["InstanceType"] == "ml.p3.2xlarge"
    limits = {"MaxRuntimeInSeconds": 1200, "MaxWaitTimeInSeconds": 2400, "MaxPendingTimeInSeconds": 7200}
    assert job["StoppingCondition"] == limits
    assert job["CheckpointConfig"] == {"S3Uri": f"s3://{plan.bucket}/checkpoints/{plan.training.prefix}"}
    assert job["EnableManagedSpotTraining"] is True
    assert any("managed spot" in line for line in told)
    # The endpoint's life has begun after the training; what else there is lasts as long at least.
    end = watchdog_time(session, plan.endpoint)
    assert job["TrainingEndTime"] <= end - plan.lifetime + timedelta(seconds=1)
    assert end < plan.tags.expiry
    arn = sagemaker.describe_endpoint(EndpointName=plan.endpoint)["EndpointArn"]
    assert expiry_of(pairs(sagemaker.list_tags(ResourceArn=arn)["Tags"])) == end
    assert plan_actions(plan_cloud(target, session, settings, root, dataset, None), session) == []
    # The endpoint is gone, the model is not: nothing trains a second time.
    session.client("sagemaker").delete_endpoint(EndpointName=plan.endpoint)
    told = Lines()
    deploy_cloud(plan_cloud(target, session, settings, root, dataset, None), session, told)
    assert not any("train" in line for line in told)
    stand_in.set_quota("ml.p3.2xlarge for spot training job usage", 0)


def test_spare_instances_are_awaited_within_sagemakers_limit(place, stand_in, root, dataset):
    target, session = place
    plan = plan_cloud(target, session, replace(stand_in.settings, spot="yes"), root, dataset, None)
    request = plan.training.request("scones-job", [])
    assert request["StoppingCondition"]["MaxWaitTimeInSeconds"] == 3600
    longer = replace(stand_in.settings, spot="yes", training_minutes=90, lifetime_hours=5)
    request = plan_cloud(target, session, longer, root, dataset, None).training.request("scones-job", [])
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == 5400
    assert request["StoppingCondition"]["MaxWaitTimeInSeconds"] == 10800  # this algorithm checkpoints
    sagemaker = session.client("sagemaker")
    role = session.client("iam").get_role(RoleName="AmazonSageMaker-ExecutionRole")["Role"]["Arn"]
    with pytest.raises(ClientError, match="No S3 objects found"):  # as nothing was uploaded: its limits are taken
        sagemaker.create_training_job(**{**request, "RoleArn": role})
    # What SageMaker's algorithms may wait that do not.
    del request["CheckpointConfig"]
    request["StoppingCondition"]["MaxRuntimeInSeconds"] = 3600
    request["StoppingCondition"]["MaxWaitTimeInSeconds"] = 3601
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds above 3600 is not supported"):
        sagemaker.create_training_job(**request)


@pytest.mark.parametrize("operation", ["create_model", "create_training_job"])
def test_a_role_whose_policies_are_not_known_yet_is_tried_again(place, root, dataset, stand_in, operation):
    target, session = place
    iam, s3, sagemaker = session.client("iam"), session.client("s3"), session.client("sagemaker")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="scones-new", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    plan = plan_cloud(target, session, replace(stand_in.settings, spot="yes"), root, dataset, None)
    s3.create_bucket(Bucket="new-one")
    for key in ("model.tar.gz", "train/a", "test/a", "train.lst", "test.lst"):
        s3.put_object(Bucket="new-one", Key=key, Body=b"x")
    training = replace(plan.training, role_arn=role, bucket="new-one")
    container = {"Image": training.image, "ModelDataUrl": "s3://new-one/model.tar.gz"}
    asked = {
        "create_model": {"ModelName": "scones-new", "ExecutionRoleArn": role, "PrimaryContainer": container},
        "create_training_job": training.request("scones-new", []),
    }[operation]
    refused = []

    def call():
        try:
            return getattr(sagemaker, operation)(**asked)
        except ClientError as error:
            refused.append(str(error))
            everything_on = {"Effect": "Allow", "Action": ["s3:*", "ecr:*"], "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [everything_on]})
            iam.put_role_policy(RoleName="scones-new", PolicyName="late", PolicyDocument=policy)
            raise

    once_known(call)
    assert len(refused) == 1
    found = [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:{kind}/scones-new" for kind in ("model", "training-job")]
    present = [item for item in map(Found, found) if is_there(session, item)]
    remaining = [Found(f"arn:aws:iam::{ACCOUNT}:role/scones-new"), Found("arn:aws:s3:::new-one")]
    assert remove_all([*present, *remaining], session) == []


def test_a_model_in_s3_is_served_as_it_is(place, stand_in, root, dataset):
    target, session = place
    s3 = session.client("s3")
    s3.create_bucket(Bucket="models-of-others")
    s3.put_object(Bucket="models-of-others", Key="model.tar.gz", Body=(root / MODEL).read_bytes())
    uri = "s3://models-of-others/model.tar.gz"
    plan = plan_cloud(target, session, stand_in.settings, root, dataset, uri)
    deploy_cloud(plan, session)
    config = session.client("sagemaker").describe_endpoint(EndpointName=plan.endpoint)["EndpointConfigName"]
    assert session.client("sagemaker").describe_model(ModelName=config)["PrimaryContainer"]["ModelDataUrl"] == uri
    destroy_cloud(target, session, stand_in.settings)
    assert everything(session) == {("bucket", "models-of-others")}
    s3.delete_object(Bucket="models-of-others", Key="model.tar.gz")
    s3.delete_bucket(Bucket="models-of-others")


# What is refused, and what fails


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"consent": ""}, ConsentError, "nobody is here to agree"),
        ({"max_cost": 0.1}, ConsentError, r"more than the limit of 0\.10 USD"),
        ({"training_instance": "ml.g5.xlarge"}, QuotaError, "is 0, as in every new account"),
        ({"training_instance": "ml.p2.xlarge"}, ValueError, r"what ml\.p2\.xlarge costs for training"),
        ({"model": "nowhere.tar.gz"}, CloudError, "there is no model"),
    ],
)
def test_nothing_is_made_before_all_is_agreed(place, stand_in, root, dataset, changed, error, message, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    target, session = place
    settings = replace(stand_in.settings, **changed)
    with pytest.raises(error, match=message), deployed_on_aws(target, session, settings, root, dataset):
        pass
    assert everything(session) == set()


def test_a_quota_of_a_new_account_stops_it_and_a_model_gets_by(place, stand_in, root, dataset):
    target, session = place
    stand_in.set_quota(P3, 0)
    plan = plan_cloud(target, session, stand_in.settings, root, dataset, None)
    with pytest.raises(QuotaError, match="servicequotas/home"):
        check_quotas(plan, session, stand_in.settings)
    plan = plan_cloud(target, session, stand_in.settings, root, dataset, str(root / MODEL))
    assert check_quotas(plan, session, stand_in.settings) == ["quota ml.m5.xlarge for endpoint usage: 4"]


def test_a_type_that_the_region_lacks_is_told(place, stand_in, root, dataset):
    target, session = place
    stand_in.set_quota(P3, None)
    plan = plan_cloud(target, session, stand_in.settings, root, dataset, None)
    with pytest.raises(QuotaError, match=r"us-east-1 does not offer ml\.p3\.2xlarge.*meant to retire P3"):
        check_quotas(plan, session, stand_in.settings)


def test_what_the_region_lacks_has_a_successor_that_is_agreed_to(place, stand_in, root, dataset, monkeypatch):
    target, session = place
    stand_in.set_quota(P3, None)
    stand_in.set_quota("ml.g5.xlarge for training job usage", 1)
    shown, said = console()
    settings = stand_in.settings
    # --yes agrees to a price, not to another instance.
    with pytest.raises(ConsentError, match=r"does not offer ml\.p3\.2xlarge.*HARNESS_TRAINING_INSTANCE=ml\.g5\.xlarge"):
        bring_up_on_aws(target, settings, root, dataset, shown)
    with pytest.raises(ConsentError, match=r"HARNESS_TRAINING_INSTANCE=ml\.g5\.xlarge"):
        deployed_on_aws(target, session, settings, root, dataset).__enter__()
    assert everything(session) == set()
    # The cheapest that the account may use: ml.g4dn.xlarge is cheaper, and its quota is 0.
    bring_up_on_aws(target, settings, root, dataset, shown, dry_run=True)
    assert "us-east-1 does not offer ml.p3.2xlarge for training any more; ml.g5.xlarge would do, at 1.408" in said.text
    assert "on one ml.g5.xlarge, at most 60 minutes" in said.text
    assert "quota ml.g5.xlarge for training job usage: 1" in said.text
    asked = []
    with deployed_on_aws(
        target,
        session,
        replace(settings, consent=""),
        root,
        dataset,
        ask=lambda question: asked.append(question) or True,
    ) as scones:
        (job,) = session.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        resources = session.client("sagemaker").describe_training_job(TrainingJobName=job["TrainingJobName"])
        assert resources["ResourceConfig"]["InstanceType"] == "ml.g5.xlarge"
        assert scones.state_machine_arn
    assert "ml.g5.xlarge would do" in asked[0]
    stand_in.set_quota("ml.g5.xlarge for training job usage", 0)


def test_somebody_elses_deployment_is_left_alone(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    there = everything(session)
    with (
        pytest.raises(CloudError, match="a deployment is there already"),
        deployed_on_aws(target, session, settings, root, dataset),
    ):
        pass
    assert everything(session) == there


def test_a_failed_stack_says_why_and_is_removed(place, stand_in, root, dataset):
    target, session = place
    iam = session.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="scones-watchdog-us-east-1", AssumeRolePolicyDocument=json.dumps(trust))
    settings = replace(stand_in.settings, model=str(root / MODEL))
    with (
        pytest.raises(StackFailure, match=r"WatchdogRole: .*already exists"),
        deployed_on_aws(target, session, settings, root, dataset),
    ):
        pass
    # What is not the deployment's is nobody's to remove here, but it is told.
    assert everything(session) == {("role", "scones-watchdog-us-east-1")}
    iam.delete_role(RoleName="scones-watchdog-us-east-1")


def test_policies_that_a_test_left_do_not_keep_a_role(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = session.client("iam")
    iam.put_role_policy(
        RoleName="scones-image-classification-us-east-1", PolicyName="variants", PolicyDocument=document
    )
    destroy_cloud(target, session, settings)
    assert everything(session) == set()


def test_roles_and_listings_may_be_late(place, stand_in, root, dataset):
    target, session = place
    stand_in.control("PUT", "late", {"roles": 4, "listings": 4})
    try:
        with deployed_on_aws(target, session, stand_in.settings, root, dataset) as scones:
            key = f"test/{dataset.test['filename'].iloc[0]}"
            result = run(session.client("stepfunctions"), scones.state_machine_arn, scones.event(key))
            assert result.status in ("SUCCEEDED", "FAILED")
    finally:
        stand_in.control("PUT", "late", {"roles": 0, "listings": 0})
    assert everything(session) == set()


@pytest.mark.parametrize(
    ("owner", "caller", "told"),
    [
        ("", "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123/jane.doe@example.com", "jane.doe"),
        ("", "arn:aws:iam::123456789012:user/team/jane", "jane"),
        ("jane.doe@example.com", "arn:aws:iam::123456789012:user/jane", "jane.doe@example.com"),
    ],
)
def test_an_owner_is_no_address_unless_it_is_asked_for(owner, caller, told):
    assert make_tags(owner, caller, 1).owner == told


def test_what_is_listed_for_a_while_after_its_removal_is_not_still_there(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    stand_in.control("PUT", "late", {"listings": 6})
    try:
        deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
        until(lambda: {kind for kind, _ in everything(session)} >= {"bucket", "role"}, every=0.5)
        destroy_cloud(target, session, settings)
        assert ("role", "scones-watchdog-us-east-1") in everything(session)
    finally:
        stand_in.control("PUT", "late", {"listings": 0})
    assert everything(session) == set()


def test_what_has_only_the_name_of_a_deployment_is_left_alone(place, stand_in, root, dataset):
    target, session = place
    s3, scheduler = session.client("s3"), session.client("scheduler")
    settings = replace(stand_in.settings, model=str(root / MODEL))
    bucket = bucket_name(settings, ACCOUNT, target.region)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="precious", Body=b"x")
    scheduler.create_schedule_group(Name="scones-unlimited")
    before = everything(session)
    for made in (
        lambda: plan_cloud(target, session, settings, root, dataset, settings.model),
        lambda: deployed_on_aws(target, session, settings, root, dataset).__enter__(),
    ):
        with pytest.raises(
            CloudError, match=f"not of this project, by the tag harness:project: bucket {bucket}, schedule group"
        ):
            made()
    with pytest.raises(CleanupError, match=rf"bucket {bucket} \(without the tag harness:project=scones-unlimited\)"):
        destroy_cloud(target, session, settings)
    assert everything(session) == before
    assert s3.head_object(Bucket=bucket, Key="precious")
    scheduler.delete_schedule_group(Name="scones-unlimited")
    assert remove_all([Found(f"arn:aws:s3:::{bucket}")], session) == []


def test_a_removal_in_another_region_leaves_this_one_alone(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    there = everything(session)
    elsewhere, abroad = replace(target, region="eu-west-1"), boto3.Session(region_name="eu-west-1")
    assert find_deployment(elsewhere, abroad, settings) == []
    destroy_cloud(elsewhere, abroad, settings)
    assert sweep(abroad, now=LATER) == []
    assert everything(session) == there


def test_what_guards_an_endpoint_stays_as_long_as_it(monkeypatch):
    def refuse(session, found):
        raise RuntimeError("Cannot update in-progress endpoint")

    gone = []
    for kind in ORDER:
        monkeypatch.setitem(ORDER, kind, lambda session, found: gone.append(found.kind))
    monkeypatch.setitem(ORDER, "endpoint", refuse)
    arn = "arn:aws:{}:us-east-1:123456789012:{}".format
    found = [
        Found(arn("sagemaker", "endpoint/scones")),
        Found(arn("scheduler", "schedule-group/scones")),
        Found(arn("cloudformation", "stack/scones/1")),
        Found(arn("iam", "role/scones-watchdog")),
        Found("arn:aws:s3:::scones"),
    ]
    failed = remove_all(found, None)
    assert gone == ["bucket"]
    assert [line.partition(":")[0] for line in failed] == [
        "endpoint scones",
        "schedule group scones",
        "stack scones",
        "role scones-watchdog",
    ]
    monkeypatch.setitem(ORDER, "endpoint", lambda session, found: gone.append(found.kind))
    assert remove_all(found, None) == []
    assert gone[1:] == ["endpoint", "schedule group", "stack", "role", "bucket"]


def test_a_state_machine_is_gone_before_its_removal_ends(place):
    _, session = place
    states = session.client("stepfunctions")
    wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}}
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = session.client("iam").create_role(RoleName="scones-late", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    machine = {"name": "scones-late", "definition": json.dumps(wait), "roleArn": role}
    arn = states.create_state_machine(**machine)["stateMachineArn"]
    states.start_execution(stateMachineArn=arn)
    assert remove_all([Found(arn)], session) == []
    assert not is_there(session, Found(arn))
    assert states.create_state_machine(**machine)["stateMachineArn"] == arn  # AWS refuses while it deletes it
    delete_state_machine(states, arn)
    session.client("iam").delete_role(RoleName="scones-late")


def test_what_runs_is_told_with_its_cost_and_its_end(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    plan = plan_cloud(target, session, settings, root, dataset, settings.model)
    deploy_cloud(plan, session)
    (found,) = find_running(session, ["eu-west-1", target.region])
    told, written = console()
    show_running([found], told)
    assert (found.region, found.kind, found.name) == (target.region, "endpoint", settings.endpoint)
    assert (found.instances, found.usd_an_hour, found.ends) == ("1 x ml.m5.xlarge", 0.23, plan.tags.expiry)
    assert "Together 0.230 USD an hour" in written.text
    destroy_cloud(target, session, settings)
    assert list(find_running(session, [target.region])) == []


def test_a_lifetime_that_training_uses_up_is_refused(place, stand_in, root, dataset):
    short = replace(stand_in.settings, lifetime_hours=1.5)
    with pytest.raises(CloudError, match=r"1\.5 hours is less than a training of 60 minutes and 60"):
        plan_cloud(*place, short, root, dataset, None)


def test_an_old_boto3_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("boto3.__version__", "1.40.99")
    with pytest.raises(TargetError, match=r"boto3 1\.40\.99 cannot delete training jobs"):
        refuse_old_boto3()


# Sweeping


def test_a_sweep_removes_what_has_expired_and_nothing_else(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    old = make_tags("somebody", "", 1, now=datetime(2020, 1, 1, tzinfo=UTC))
    logs = session.client("logs")
    logs.create_log_group(logGroupName="/by/another/tool", tags={EXPIRY_KEY: old.as_dict()[EXPIRY_KEY]})
    logs.create_log_group(logGroupName="/no/expiry")
    before = everything(session)
    shown, said = console()
    sweep_aws(target, shown, dry_run=True)
    assert [line for line in said.text.splitlines() if "would" in line] == ["  would delete log group /by/another/tool"]
    assert everything(session) == before
    assert sweep(session) == []
    assert before - everything(session) == {("log group", "/by/another/tool")}
    # Two days later, the deployment has expired as well.
    assert str(find_expired(session, LATER)[0]) == f"endpoint {settings.endpoint}"
    assert sweep(session, now=LATER) == []
    assert everything(session) == {("log group", "/no/expiry")}
    logs.delete_log_group(logGroupName="/no/expiry")


def test_what_cannot_be_removed_is_told():
    (queue,) = in_order([Found("arn:aws:sqs:us-east-1:123456789012:queue", {EXPIRY_KEY: "2020-01-01T00:00:00Z"})])
    assert "sqs" in queue.kind


# The watchdog


def test_the_watchdog_deletes_the_endpoint_when_nobody_does(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    plan = plan_cloud(target, session, settings, root, dataset, settings.model)
    deploy_cloud(plan, session)
    assert watchdog_time(session, plan.endpoint) == plan.tags.expiry
    # A moment ahead: the emulator takes a look a second.
    now = replace(plan.tags, expiry=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3))
    set_watchdog(session, plan.endpoint, plan.role("scones-watchdog"), now)
    session.client("sagemaker").get_waiter("endpoint_deleted").wait(
        EndpointName=plan.endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    left = {kind for kind, _ in everything(session)}
    assert "endpoint" not in left
    assert {"stack", "bucket", "model"} <= left
    assert find_deployment(target, session, settings)


def test_the_watchdog_may_delete_this_endpoint_alone(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    scones = deploy_cloud(plan_cloud(target, session, settings, root, dataset, settings.model), session)
    ((statement,),) = [item["Statement"] for item in policies(scones)["scones-watchdog-us-east-1"].values()]
    assert statement["Action"] == "sagemaker:DeleteEndpoint"
    assert statement["Resource"] == f"arn:aws:sagemaker:us-east-1:{target.account_id}:endpoint/{scones.endpoint}"


# The commands


def harness(stand_in, root, *arguments, **environment):
    return subprocess.run(
        [Path(sys.executable).with_name("harness"), *arguments],
        cwd=root,
        env=stand_in.environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_the_commands(place, stand_in, root, drawings, tmp_path):
    _, session = place
    agreed = ("--yes", "--max-cost", "6", "--account", "123456789012")
    deploy = ("deploy", "--target", "aws", "--model", MODEL, "--data", drawings)
    refused = harness(stand_in, root, *deploy)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: the run costs about")
    assert everything(session) == set()
    wrong = harness(stand_in, root, *deploy, "--yes", "--max-cost", "6", "--account", "0" * 12)
    assert "these credentials are of account 123456789012" in wrong.stderr
    made = harness(stand_in, root, *deploy, *agreed, "--executions", "2")
    assert made.returncode == 0, made.stderr
    assert "an emulator stands in for AWS" in made.stdout
    assert "nothing has expired" in harness(stand_in, root, "sweep", "--dry-run").stdout
    gone = harness(stand_in, root, "destroy", "--target", "aws")
    assert gone.returncode == 0, gone.stderr
    assert everything(session) == set()


def test_a_dry_run_is_for_aws_alone(stand_in, root):
    done = harness(stand_in, root, "destroy", "--dry-run", "--target", "compose", HARNESS_STACK_PATIENCE="0")
    assert done.returncode == 1


def test_settings_that_cannot_be_used_are_named():
    for variables in ({"HARNESS_CONSENT": "perhaps"}, {"HARNESS_SPOT": "no"}, {"HARNESS_MAX_COST": "-1"}):
        with pytest.raises(ValueError, match=next(iter(variables))):
            Settings.from_environment(variables)


def test_what_is_still_there_is_told(place, stand_in, root, dataset, monkeypatch):
    target, session = place
    tags = make_tags("tests", "", 1, target.region).as_list()
    session.client("s3").create_bucket(
        Bucket="scones-unlimited-123456789012-us-east-1", CreateBucketConfiguration={"Tags": tags}
    )
    with monkeypatch.context() as patched:
        patched.setattr("harness.scones.aws.cleanup.remove_all", lambda *_: ["bucket: denied"])
        with pytest.raises(CleanupError, match=r"still there: bucket scones-unlimited-123456789012-us-east-1.*denied"):
            destroy_cloud(target, session, stand_in.settings)
