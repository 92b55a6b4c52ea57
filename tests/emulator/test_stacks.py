"""CloudFormation: stacks made by the emulator's own services, changed by change sets, rolled back, removed."""

import itertools
import json
import uuid

import boto3
import pytest

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def template(name, **more):
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "arn:aws:s3:::${Bucket}/*"}}
    role = {
        "RoleName": name,
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "read", "PolicyDocument": {"Version": "2012-10-17", "Statement": [read]}}],
    }
    resources = {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}", "RetentionInDays": 7}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        **more,
    }
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}}
    return json.dumps({"Parameters": {"Bucket": {"Type": "String"}}, "Resources": resources, "Outputs": outputs})


def loops(*names):
    """Resources that loops in loops make, forty each."""
    made = {"Q" + "".join(f"${{{name}}}" for name in names): {"Type": "AWS::SQS::Queue"}}
    for name in names:
        made = {f"Fn::ForEach::Of{name}": [name, [str(number) for number in range(40)], made]}
    return made


LOOPS = loops("A", "B", "C", "D", "E")


@pytest.fixture
def name():
    return f"stack-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cfn(target, name):
    cfn = boto3.client("cloudformation")
    yield cfn
    cfn.delete_stack(StackName=name)


def change(cfn, name, kind, body, bucket="images", tag="one"):
    """A change set, carried out where it has changes; what it would do."""
    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName=f"change-{uuid.uuid4().hex[:8]}",
        ChangeSetType=kind,
        TemplateBody=body,
        Parameters=[{"ParameterKey": "Bucket", "ParameterValue": bucket}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "run", "Value": tag}],
    )["Id"]
    described = cfn.describe_change_set(ChangeSetName=made)
    if described["Status"] == "FAILED":
        assert "didn't contain changes" in described["StatusReason"]
        return None
    cfn.execute_change_set(ChangeSetName=made)
    changes = [item["ResourceChange"] for item in described["Changes"]]
    return {(change["Action"], change["LogicalResourceId"]) for change in changes}


def test_a_stack_from_its_first_change_set_to_its_end(cfn, name):
    iam, logs = boto3.client("iam"), boto3.client("logs")
    assert change(cfn, name, "CREATE", template(name)) == {("Add", "Group"), ("Add", "Role")}
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert [output["OutputValue"] for output in stack["Outputs"]] == [iam.get_role(RoleName=name)["Role"]["Arn"]]
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
    assert tags == {"run": "one"}  # IAM gets none of CloudFormation's own
    # The same again changes nothing, another value what refers to it, other tags everything.
    assert change(cfn, name, "UPDATE", template(name)) is None
    assert change(cfn, name, "UPDATE", template(name), bucket="others") == {("Modify", "Role")}
    document = iam.get_role_policy(RoleName=name, PolicyName="read")["PolicyDocument"]
    assert document["Statement"][0]["Resource"] == "arn:aws:s3:::others/*"
    modified = change(cfn, name, "UPDATE", template(name), bucket="others", tag="two")
    assert modified == {("Modify", "Group"), ("Modify", "Role")}
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]["run"] == "two"
    cfn.delete_stack(StackName=name)
    with pytest.raises(cfn.exceptions.ClientError, match="does not exist"):
        cfn.describe_stacks(StackName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"] == []


def test_what_lambda_refuses_rolls_the_stack_back(cfn, name):
    other = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/nobody"}
    code = {"S3Bucket": "no-such-bucket", "S3Key": "code.zip"}
    function = {"FunctionName": name, "Role": other, "Code": code, "Handler": "a.b", "Runtime": "python3.12"}
    change(cfn, name, "CREATE", template(name, Function={"Type": "AWS::Lambda::Function", "Properties": function}))
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cfn.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert "The role defined for the function cannot be assumed by Lambda." in failed["ResourceStatusReason"]
    assert boto3.client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"] == []


def test_a_role_that_others_gave_policies_is_not_deleted(cfn, name):
    iam = boto3.client("iam")
    change(cfn, name, "CREATE", template(name))
    iam.put_role_policy(RoleName=name, PolicyName="other", PolicyDocument=json.dumps(ALLOW))
    cfn.delete_stack(StackName=name)
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "DELETE_FAILED"
    iam.delete_role_policy(RoleName=name, PolicyName="other")
    cfn.delete_stack(StackName=name)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)


ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


@pytest.fixture
def make(cfn, name):
    """Makes a stack at once; gives it, however it ended."""

    def make(resources, **more):
        document = {"Resources": resources, **{key: value for key, value in more.items() if key[0].isupper()}}
        given = {key: value for key, value in more.items() if key[0].islower()}
        parameters = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in given.get("parameters", {}).items()
        ]
        cfn.create_stack(
            StackName=given.get("stack", name),
            TemplateBody=json.dumps(document),
            Parameters=parameters,
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        return cfn.describe_stacks(StackName=given.get("stack", name))["Stacks"][0]

    return make


def outputs(stack):
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}


PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}


def value_of(expression):
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": expression}}


def test_functions_of_templates(make):
    stack = make(
        {"One": PARAMETER, "Two": {**PARAMETER, "Condition": "Never"}},
        Parameters={"Stage": {"Type": "String"}, "Subnets": {"Type": "CommaDelimitedList", "Default": "a, b"}},
        Mappings={"Sizes": {"prod": {"memory": 512}}},
        Conditions={"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, "Never": {"Fn::Not": [{"Condition": "Prod"}]}},
        Outputs={
            "Map": {"Value": {"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}},
            "Join": {"Value": {"Fn::Join": ["-", {"Ref": "Subnets"}]}},
            "Select": {"Value": {"Fn::Select": [1, {"Fn::Split": ["/", "a/b/c"]}]}},
            "If": {"Value": {"Fn::If": ["Prod", "yes", "no"]}},
            "Sub": {"Value": {"Fn::Sub": ["${Name}:${!Name}:${AWS::Region}:${One.Type}", {"Name": "n"}]}},
            "Base64": {"Value": {"Fn::Base64": "text"}},
            "Cidr": {"Value": {"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}]}},
            "Left": {"Condition": "Never", "Value": "x"},
        },
        parameters={"Stage": "prod"},
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    assert outputs(stack) == {
        "Map": "512",
        "Join": "a-b",
        "Select": "b",
        "If": "yes",
        "Sub": "n:${Name}:us-east-1:String",
        "Base64": "dGV4dA==",
        "Cidr": "10.0.1.0/24",
    }


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        ({"Type": "String"}, None, r"Parameters: \[P\] must have values"),
        ({"Type": "String", "AllowedValues": ["a"]}, "b", r"Parameter 'P' must be one of AllowedValues: \[a\]"),
        ({"Type": "Number"}, "x", "Parameter 'P' must be a number."),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "9", r"Parameter 'P' must match pattern \[a-z\]\+"),
        ({"Type": "String", "MinLength": 3}, "ab", "Parameter 'P' must contain at least 3 characters"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/none", "Parameter /none cannot be found"),
    ],
)
def test_parameters_are_held_to_their_constraints(cfn, make, declared, given, words):
    with pytest.raises(cfn.exceptions.ClientError, match=words):
        make({"One": PARAMETER}, Parameters={"P": declared}, parameters={} if given is None else {"P": given})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            "Resources: {A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Ref Nothing}}}",
            r"dependencies \[Nothing\]",
        ),
        ("Resources: {A: {Type: 'AWS::SNS::Topic', DependsOn: A}}", r"Circular dependency between resources: \[A\]"),
        ("Resources: {A: {Typ: 'AWS::SNS::Topic'}}", "must contain a Type member"),
        (
            "Resources: {A: {Type: 'AWS::SNS::Topic'}}\nThings: {}",
            r"Invalid template property or properties \[Things\]",
        ),
        ("Resources: [", "YAML not well-formed"),
        (
            f"Resources: {{{', '.join(f'A{n}: {{Type: AWS::SNS::Topic}}' for n in range(501))}}}",
            "Number of resources, 501, is greater than maximum allowed, 500",
        ),
        (
            "A: &a {Type: 'AWS::SNS::Topic'}\nResources: {A: *a}",
            "Template error: YAML aliases are not allowed in CloudFormation templates",
        ),
        (
            json.dumps({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}, "Description": "d" * 51_200}),
            "or equal to 51200",
        ),
        ('{"Resources": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply"),
        (json.dumps({"Transform": "AWS::LanguageExtensions", "Resources": LOOPS}), "makes more than 5000 members"),
        (
            "Resources: {R: {Type: 'AWS::IAM::Role', Properties: {RoleName: r}}}",
            r"capabilities : \[CAPABILITY_NAMED_IAM\]",
        ),
    ],
)
def test_templates_that_are_none_are_refused(cfn, name, document, words):
    with pytest.raises(cfn.exceptions.ClientError, match=words):
        cfn.create_stack(StackName=name, TemplateBody=document)


def test_what_snippets_stand_for_is_bounded(cfn, name):
    """YAML's aliases are allowed in them, as on AWS; not what makes a thousand million values of a few."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise("abcdefghi")]
    snippets = {"bomb": "\n".join(lines), "shared": "A: &topic {Type: 'AWS::SNS::Topic'}\nB: *topic"}
    snippets["itself"] = json.dumps({"Fn::Transform": include(name, "itself")})
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name)
    for key, text in snippets.items():
        s3.put_object(Bucket=name, Key=key, Body=text.encode())

    def create(key):
        body = json.dumps({"Resources": {"Fn::Transform": include(name, key)}})
        cfn.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_AUTO_EXPAND"])

    for key, words in {"bomb": "stands for more than", "itself": "a snippet includes itself"}.items():
        with pytest.raises(cfn.exceptions.ClientError, match=words):
            create(key)
    create("shared")
    cfn.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert len(cfn.describe_stack_resources(StackName=name)["StackResources"]) == 2
    for key in snippets:
        s3.delete_object(Bucket=name, Key=key)
    s3.delete_bucket(Bucket=name)


def include(bucket, key):
    return {"Name": "AWS::Include", "Parameters": {"Location": f"s3://{bucket}/{key}"}}


def test_a_pattern_of_a_parameter_that_never_ends_is_refused(cfn, name):
    declared = {"P": {"Type": "String", "AllowedPattern": "(a|aa)+$", "Default": "a" * 5000 + "!"}}
    body = json.dumps({"Parameters": declared, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}})
    with pytest.raises(cfn.exceptions.ClientError, match="AllowedPattern that cannot be used"):
        cfn.create_stack(StackName=name, TemplateBody=body)


def test_a_type_that_is_not_emulated_fails_by_name_and_can_be_left_out(cfn, name, make):
    strange = {"Type": "AWS::Nothing::Thing", "Properties": {}}
    assert make({"One": PARAMETER, "Strange": {**strange, "DependsOn": "One"}})["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cfn.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["ResourceStatusReason"].startswith("not emulated: AWS::Nothing::Thing (Strange)")
    assert next(event["ResourceStatus"] for event in events if event["LogicalResourceId"] == "One") == "DELETE_COMPLETE"
    cfn.delete_stack(StackName=name)
    tags = [{"Key": "harness:unsupported", "Value": "skip"}]
    cfn.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Strange": strange}}), Tags=tags)
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    (event,) = [
        event
        for event in cfn.describe_stack_events(StackName=name)["StackEvents"]
        if (event["LogicalResourceId"], event["ResourceStatus"]) == ("Strange", "CREATE_COMPLETE")
    ]
    assert "not emulated: AWS::Nothing::Thing" in event["ResourceStatusReason"]


def test_exports_are_kept_while_they_are_used(cfn, name, make):
    output = {"Name": {"Value": {"Ref": "One"}, "Export": {"Name": f"{name}-out"}}}
    first = make({"One": PARAMETER}, Outputs=output)
    user = f"{name}-user"
    second = make({"Two": value_of({"Fn::ImportValue": f"{name}-out"})}, stack=user)
    assert (first["StackStatus"], second["StackStatus"]) == ("CREATE_COMPLETE", "CREATE_COMPLETE")
    assert cfn.list_imports(ExportName=f"{name}-out")["Imports"] == [user]
    with pytest.raises(
        cfn.exceptions.ClientError, match=f"Export {name}-out cannot be deleted as it is in use by {user}"
    ):
        cfn.delete_stack(StackName=name)
    for changed, verb in (({"Name": {**output["Name"], "Value": "other"}}, "updated"), ({}, "deleted")):
        cfn.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"One": PARAMETER}, "Outputs": changed}))
        assert cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        reasons = [
            event.get("ResourceStatusReason") for event in cfn.describe_stack_events(StackName=name)["StackEvents"]
        ]
        assert f"Export {name}-out cannot be {verb} as it is in use by {user}" in reasons
    assert update(cfn, user, {"Two": value_of("of its own")}) == "UPDATE_COMPLETE"
    cfn.delete_stack(StackName=name)  # nobody uses it any more
    cfn.delete_stack(StackName=user)


def test_events_are_in_order_by_their_times(cfn, name, make):
    make({f"P{number}": value_of(str(number)) for number in range(9)})
    times = [event["Timestamp"] for event in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert len(times) == 29
    assert times == sorted(set(times), reverse=True)


def update(cfn, name, resources):
    cfn.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    return cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def test_updates_change_in_place_replace_and_go_back(cfn, name, make):
    ssm = boto3.client("ssm")
    make({"One": value_of("first"), "Two": value_of("second")})

    def physical(logical):
        return cfn.describe_stack_resource(StackName=name, LogicalResourceId=logical)["StackResourceDetail"][
            "PhysicalResourceId"
        ]

    before = physical("One")
    assert update(cfn, name, {"One": value_of("changed")}) == "UPDATE_COMPLETE"
    assert physical("One") == before
    assert ssm.get_parameter(Name=before)["Parameter"]["Value"] == "changed"
    with pytest.raises(cfn.exceptions.ClientError, match="does not exist for stack"):
        physical("Two")
    with pytest.raises(cfn.exceptions.ClientError, match="No updates are to be performed"):
        update(cfn, name, {"One": value_of("changed")})
    named = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x", "Name": f"/{name}"}}
    assert update(cfn, name, {"One": named}) == "UPDATE_COMPLETE"
    assert physical("One") == f"/{name}"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=before)
    broken = {"Type": "AWS::Nothing::Thing", "DependsOn": "One"}
    status = update(cfn, name, {"One": {**named, "Properties": {**named["Properties"], "Value": "y"}}, "Bad": broken})
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert ssm.get_parameter(Name=f"/{name}")["Parameter"]["Value"] == "x"


def test_what_is_to_be_retained_stays(cfn, name, make):
    ssm = boto3.client("ssm")
    make({"One": {**PARAMETER, "DeletionPolicy": "Retain"}})
    kept = cfn.describe_stack_resources(StackName=name)["StackResources"][0]["PhysicalResourceId"]
    cfn.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    with pytest.raises(cfn.exceptions.ClientError, match="TerminationProtection is enabled"):
        cfn.delete_stack(StackName=name)
    cfn.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    cfn.delete_stack(StackName=name)
    ssm.delete_parameter(Name=kept)


def test_nested_stacks_by_any_spelling_of_the_address(cfn, name, make, target):
    s3, inner = boto3.client("s3"), {"Resources": {"One": PARAMETER}, "Outputs": {"Name": {"Value": {"Ref": "One"}}}}
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="inner.json", Body=json.dumps(inner).encode())
    endpoint = target.environment["AWS_ENDPOINT_URL"]
    addresses = [
        f"https://s3.amazonaws.com/{name}/inner.json",
        f"https://{name}.s3.us-east-1.amazonaws.com/inner.json",
        f"{endpoint}/{name}/inner.json",
        f"http://localhost:4566/{name}/inner.json",
        f"s3://{name}/inner.json",
    ]
    resources = {
        f"Inner{index}": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": address}}
        for index, address in enumerate(addresses)
    }
    found = {key: {"Value": {"Fn::GetAtt": [key, "Outputs.Name"]}} for key in resources}
    stack = make(resources, Outputs=found)
    assert stack["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName=name)
    assert len(set(outputs(stack).values())) == len(addresses)
    inside = [each for each in cfn.list_stacks()["StackSummaries"] if each.get("ParentId") == stack["StackId"]]
    assert len(inside) == len(addresses) and {each["RootId"] for each in inside} == {stack["StackId"]}
    s3.delete_object(Bucket=name, Key="inner.json")
    s3.delete_bucket(Bucket=name)


@pytest.mark.timeout(120)
def test_a_stack_that_has_itself_in_it_ends(cfn, name, make):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name)
    address = f"https://{name}.s3.amazonaws.com/t.json"
    again = {"Again": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": address}}}
    s3.put_object(Bucket=name, Key="t.json", Body=json.dumps({"Resources": again}).encode())
    stack = make(again)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert [each["StackName"] for each in cfn.describe_stacks()["Stacks"] if each.get("ParentId")] == []
    s3.delete_object(Bucket=name, Key="t.json")
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::Select": [0, {"Fn::Split": ["", "a"]}]}, "Fn::Split"),
        ({"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/8", 1_000_000_000, 2]}]}, "from 1 to 256"),
    ],
)
def test_functions_that_would_make_too_much_or_nothing(cfn, name, make, value, words):
    stack = make({"One": {**PARAMETER, "Properties": {"Type": "String", "Value": value}}})
    told = [each.get("ResourceStatusReason", "") for each in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE" and any(words in each for each in told), told


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [
            {
                "PolicyName": "all",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                },
            }
        ],
    },
}


def function(code):
    properties = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": code},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


CUSTOM = """
import cfnresponse
def handler(event, context):
    if event["ResourceProperties"].get("Fail") == "true" and event["RequestType"] == "Create":
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, "none", reason="as it was told")
        return
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Answer": event["ResourceProperties"]["Number"]}, "mine")
"""


def test_custom_resources_are_made_by_their_function(cfn, name, make):
    def custom(**properties):
        token = {"Fn::GetAtt": ["Maker", "Arn"]}
        return {"Type": "Custom::Thing", "Properties": {"ServiceToken": token, "Number": 42, **properties}}

    before = {bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]}
    found = {"Answer": {"Value": {"Fn::GetAtt": ["Thing", "Answer"]}}, "Ref": {"Value": {"Ref": "Thing"}}}
    stack = make({"Role": ROLE, "Maker": function(CUSTOM), "Thing": custom()}, Outputs=found)
    assert outputs(stack) == {"Answer": "42", "Ref": "mine"}, cfn.describe_stack_events(StackName=name)
    cfn.delete_stack(StackName=name)
    failed = make({"Role": ROLE, "Maker": function(CUSTOM), "Thing": custom(Fail=True)})
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason", "") for event in cfn.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any("Message returned: as it was told" in reason for reason in reasons)
    left = {bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]}
    assert left <= before


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "def handler(event, context): return {'greeting': 'hello ' + event['name']}"
      Policies: [{DynamoDBReadPolicy: {TableName: !Ref Table}}]
  Table: {Type: AWS::Serverless::SimpleTable}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Hello}}]
      DefinitionSubstitutions: {HelloArn: !GetAtt Hello.Arn}
      Definition:
        StartAt: Say
        States: {Say: {Type: Task, Resource: "${HelloArn}", End: true}}
Outputs: {Machine: {Value: !Ref Machine}}
"""


def test_a_template_of_sam_runs(cfn, name, run_machine):
    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=SAM,
        Capabilities=["CAPABILITY_IAM"],
    )["Id"]
    added = {
        change["ResourceChange"]["LogicalResourceId"]
        for change in cfn.describe_change_set(ChangeSetName=made)["Changes"]
    }
    assert {"Hello", "HelloRole", "Table", "Machine", "MachineRole"} <= added
    cfn.execute_change_set(ChangeSetName=made)
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName=name)
    assert run_machine(outputs(stack)["Machine"], {"name": "world"}) == {"greeting": "hello world"}
    summary = cfn.get_template_summary(StackName=name)
    assert summary["DeclaredTransforms"] == ["AWS::Serverless-2016-10-31"]


@pytest.fixture
def run_machine(target):
    from harness.project.executions import run

    def run_machine(arn, event):
        result = run(boto3.client("stepfunctions"), arn, event)
        assert result.succeeded, result
        return result.output

    return run_machine


def test_a_stack_at_rest_has_no_update_to_cancel_or_to_go_back_from(cfn, name, make):
    make({"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}"}}})
    with pytest.raises(cfn.exceptions.ClientError, match="cannot be called from current stack status: CREATE_COMPLETE"):
        cfn.cancel_update_stack(StackName=name)
    with pytest.raises(cfn.exceptions.ClientError, match="is in CREATE_COMPLETE state and cannot continue rollback"):
        cfn.continue_update_rollback(StackName=name)


def test_a_type_that_cannot_be_is_refused_before_anything_is_made(cfn, name):
    resources = {"Rule": {"Type": "AWS-Events"}, "Hand": {"Type": "Custom::Made"}, "Topic": {"Type": "AWS::SNS::Topic"}}
    with pytest.raises(cfn.exceptions.ClientError) as refused:
        cfn.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    words = "Template format error: Unrecognized resource types: [AWS-Events]"
    assert refused.value.response["Error"]["Message"] == words
