"""All types of resources, by name: most are a line of operations, the others have a provider of their own.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/introduction.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.providers import (
    code_deploy,
    front_doors,
    functions,
    identity,
    machines,
    messaging,
    storage,
)
from harness.emulator.cloudformation.providers.base import Provider
from harness.emulator.cloudformation.providers.custom import NestedStack, Nothing
from harness.emulator.cloudformation.providers.declared import Declared, called


def _registered(service: str, noun: str, arn: str, name: Mapping[str, Any]) -> Declared:
    """Declare a definition of which there are revisions: registered, known by its ARN, deregistered."""
    by, known = {f"{noun[0].lower()}{noun[1:]}": "{id}"}, {f"{noun}Arn": arn}
    return Declared(service, f"Register{noun}", arn, f"Deregister{noun}", by, **name, attributes=known)


_LOGS: dict[str, Provider] = {
    "AWS::Logs::LogGroup": Declared(
        "logs",
        "CreateLogGroup",
        "{logGroupName}",
        "DeleteLogGroup",
        {"logGroupName": "{id}"},
        **called("LogGroupName", "logGroupName", 512),
        attributes={"Arn": "arn:aws:logs:{region}:{account}:log-group:{id}:*"},
        afterwards={"PutRetentionPolicy": ("RetentionInDays",)},
        undone={"RetentionInDays": "DeleteRetentionPolicy"},
        tagged=("TagResource", {"resourceArn": "arn:aws:logs:{region}:{account}:log-group:{id}"}),
    ),
    "AWS::Logs::LogStream": Declared.made(
        "logs",
        "LogStream",
        "{logStreamName}",
        {"logGroupName": "{logGroupName}", "logStreamName": "{id}"},
        **called("LogStreamName", "logStreamName", 512),
    ),
    **{
        f"AWS::Logs::{noun}": Declared(
            "logs",
            f"Put{noun}",
            "{filterName}",
            f"Delete{noun}",
            {"logGroupName": "{logGroupName}", "filterName": "{id}"},
            f"Put{noun}",
            name="FilterName",
            named="filterName",
            longest=512,
            fixed=frozenset({"LogGroupName"}),
        )
        for noun in ("MetricFilter", "SubscriptionFilter")
    },
    "AWS::Logs::ResourcePolicy": Declared(
        "logs",
        "PutResourcePolicy",
        "{policyName}",
        "DeleteResourcePolicy",
        {"policyName": "{id}"},
        "PutResourcePolicy",
        **called("PolicyName", "policyName"),
    ),
}
_EVENTS: dict[str, Provider] = {
    "AWS::Events::EventBus": Declared.made(
        "events",
        "EventBus",
        "{Name}",
        {"Name": "{id}"},
        name="Name",
        attributes={"Arn": "{EventBusArn}", "Name": "{Name}"},
    ),
    "AWS::Events::Archive": Declared.made(
        "events",
        "Archive",
        "{ArchiveName}",
        {"ArchiveName": "{id}"},
        "UpdateArchive",
        name="ArchiveName",
        longest=48,
        attributes={"Arn": "{ArchiveArn}", "ArchiveName": "{ArchiveName}"},
        renamed={"SourceArn": "EventSourceArn"},
        fixed=frozenset({"SourceArn"}),
    ),
    "AWS::Events::Connection": Declared.made(
        "events",
        "Connection",
        "{Name}",
        {"Name": "{id}"},
        "UpdateConnection",
        name="Name",
        attributes={
            "Arn": "{ConnectionArn}",
            "SecretArn": "arn:aws:secretsmanager:{region}:{account}:secret:events!{id}",
        },
    ),
    "AWS::Events::ApiDestination": Declared.made(
        "events",
        "ApiDestination",
        "{Name}",
        {"Name": "{id}"},
        "UpdateApiDestination",
        name="Name",
        attributes={"Arn": "{ApiDestinationArn}"},
    ),
    "AWS::Scheduler::Schedule": Declared.made(
        "scheduler",
        "Schedule",
        "{Name}",
        {"Name": "{id}", "GroupName": "{GroupName}"},
        "UpdateSchedule",
        name="Name",
        attributes={"Arn": "{ScheduleArn}"},
        fixed=frozenset({"GroupName"}),
    ),
    "AWS::Scheduler::ScheduleGroup": Declared.made(
        "scheduler", "ScheduleGroup", "{Name}", {"Name": "{id}"}, name="Name", attributes={"Arn": "{ScheduleGroupArn}"}
    ),
    "AWS::Pipes::Pipe": Declared.made(
        "pipes",
        "Pipe",
        "{Name}",
        {"Name": "{id}"},
        "UpdatePipe",
        name="Name",
        attributes={"Arn": "{Arn}", "CurrentState": "{CurrentState}"},
        fixed=frozenset({"Source"}),
    ),
}


def _database(noun: str, told: Mapping[str, str], renamed: Mapping[str, str] | None = None) -> Declared:
    """Declare RDS's cluster or instance, known by its ``NounIdentifier``; *told*: its attributes beside the ARN."""
    key = f"{noun}Identifier"
    arn = {f"{noun}Arn": f"{{{noun}.{noun}Arn}}"}
    return Declared.made(
        "rds",
        noun,
        f"{{{key}}}",
        {key: "{id}"},
        name=key,
        longest=63,
        lower=True,
        removing={"SkipFinalSnapshot": True},
        attributes={**arn, **told},
        renamed=renamed or {},
    )


_KEPT: dict[str, Provider] = {
    "AWS::SSM::Parameter": Declared(
        "ssm",
        "PutParameter",
        "{Name}",
        "DeleteParameter",
        {"Name": "{id}"},
        "PutParameter",
        name="Name",
        longest=200,
        attributes={"Type": "{Type}", "Value": "{Value}"},
        changing={"Overwrite": True},
        fixed=frozenset({"DataType"}),
    ),
    "AWS::SSM::Document": Declared(
        "ssm", "CreateDocument", "{Name}", "DeleteDocument", {"Name": "{id}"}, name="Name", longest=128
    ),
    "AWS::KMS::Key": Declared(
        "kms",
        "CreateKey",
        "{KeyMetadata.KeyId}",
        "ScheduleKeyDeletion",
        {"KeyId": "{id}"},
        attributes={"Arn": "{KeyMetadata.Arn}", "KeyId": "{KeyMetadata.KeyId}"},
        renamed={"KeyPolicy": "Policy"},
        ignore=frozenset({"EnableKeyRotation", "PendingWindowInDays", "RotationPeriodInDays", "Enabled"}),
        afterwards={"PutKeyPolicy": ("Policy",)},
    ),
    "AWS::KMS::Alias": Declared.made(
        "kms", "Alias", "{AliasName}", {"AliasName": "{id}"}, "UpdateAlias", fixed=frozenset({"AliasName"})
    ),
    "AWS::CloudWatch::Alarm": Declared(
        "cloudwatch",
        "PutMetricAlarm",
        "{AlarmName}",
        "DeleteAlarms",
        {"AlarmNames": "{id}"},
        "PutMetricAlarm",
        name="AlarmName",
        longest=255,
        attributes={"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}"},
    ),
    "AWS::CloudWatch::CompositeAlarm": Declared(
        "cloudwatch",
        "PutCompositeAlarm",
        "{AlarmName}",
        "DeleteAlarms",
        {"AlarmNames": "{id}"},
        "PutCompositeAlarm",
        name="AlarmName",
        longest=255,
        attributes={"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}"},
    ),
    "AWS::CloudWatch::Dashboard": Declared(
        "cloudwatch",
        "PutDashboard",
        "{DashboardName}",
        "DeleteDashboards",
        {"DashboardNames": "{id}"},
        "PutDashboard",
        name="DashboardName",
        longest=255,
    ),
    "AWS::ECR::Repository": Declared(
        "ecr",
        "CreateRepository",
        "{repositoryName}",
        "DeleteRepository",
        {"repositoryName": "{id}"},
        **called("RepositoryName", "repositoryName"),
        lower=True,
        attributes={"Arn": "{repository.repositoryArn}", "RepositoryUri": "{repository.repositoryUri}"},
        afterwards={"SetRepositoryPolicy": ("RepositoryPolicyText",), "PutLifecyclePolicy": ("LifecyclePolicy",)},
        renamed={"RepositoryPolicyText": "policyText"},
        ignore=frozenset({"EmptyOnDelete"}),
    ),
    "AWS::Kinesis::Stream": Declared.made(
        "kinesis",
        "Stream",
        "{StreamName}",
        {"StreamName": "{id}"},
        **called("Name", "StreamName", 128),
        attributes={"Arn": "arn:aws:kinesis:{region}:{account}:stream/{id}"},
    ),
    "AWS::Cognito::UserPool": Declared.made(
        "cognito-idp",
        "UserPool",
        "{UserPool.Id}",
        {"UserPoolId": "{id}"},
        **called("UserPoolName", "PoolName", 128),
        attributes={
            "Arn": "{UserPool.Arn}",
            "UserPoolId": "{UserPool.Id}",
            "ProviderName": "cognito-idp.{region}.amazonaws.com/{UserPool.Id}",
            "ProviderURL": "https://cognito-idp.{region}.amazonaws.com/{UserPool.Id}",
        },
    ),
    "AWS::Cognito::UserPoolClient": Declared.made(
        "cognito-idp",
        "UserPoolClient",
        "{UserPoolClient.ClientId}",
        {"UserPoolId": "{UserPoolId}", "ClientId": "{id}"},
        name="ClientName",
        longest=128,
        attributes={"ClientId": "{UserPoolClient.ClientId}", "ClientSecret": "{UserPoolClient.ClientSecret}"},
    ),
    "AWS::Glue::Database": Declared.made(
        "glue", "Database", "{DatabaseInput.Name}", {"Name": "{id}"}, ignore=frozenset({"CatalogId"})
    ),
    "AWS::Glue::Table": Declared.made(
        "glue",
        "Table",
        "{TableInput.Name}",
        {"DatabaseName": "{DatabaseName}", "Name": "{id}"},
        ignore=frozenset({"CatalogId"}),
    ),
    "AWS::Glue::Crawler": Declared(
        "glue", "CreateCrawler", "{Name}", "DeleteCrawler", {"Name": "{id}"}, "UpdateCrawler", name="Name", longest=255
    ),
    "AWS::Glue::Job": Declared(
        "glue", "CreateJob", "{Name}", "DeleteJob", {"JobName": "{id}"}, name="Name", longest=255
    ),
    "AWS::Athena::WorkGroup": Declared.made(
        "athena",
        "WorkGroup",
        "{Name}",
        {"WorkGroup": "{id}"},
        name="Name",
        longest=128,
        renamed={"WorkGroupConfiguration": "Configuration"},
        ignore=frozenset({"RecursiveDeleteOption", "State"}),
    ),
    "AWS::Athena::NamedQuery": Declared.made(
        "athena",
        "NamedQuery",
        "{NamedQueryId}",
        {"NamedQueryId": "{id}"},
        name="Name",
        attributes={"NamedQueryId": "{NamedQueryId}"},
    ),
    "AWS::SageMaker::Model": Declared.made(
        "sagemaker",
        "Model",
        "{ModelArn}",
        {"ModelName": "{ModelName}"},
        name="ModelName",
        longest=63,
        attributes={"ModelName": "{ModelName}"},
    ),
    "AWS::SageMaker::EndpointConfig": Declared.made(
        "sagemaker",
        "EndpointConfig",
        "{EndpointConfigArn}",
        {"EndpointConfigName": "{EndpointConfigName}"},
        name="EndpointConfigName",
        longest=63,
        attributes={"EndpointConfigName": "{EndpointConfigName}"},
    ),
    "AWS::SageMaker::Endpoint": Declared(
        "sagemaker",
        "CreateEndpoint",
        "{EndpointArn}",
        "DeleteEndpoint",
        {"EndpointName": "{EndpointName}"},
        "UpdateEndpoint",
        name="EndpointName",
        longest=63,
        attributes={"EndpointName": "{EndpointName}"},
        awaited=("DescribeEndpoint", "EndpointStatus", ("InService",), ("Failed",), "FailureReason"),
    ),
    "AWS::RDS::DBSubnetGroup": Declared(
        "rds",
        "CreateDBSubnetGroup",
        "{DBSubnetGroupName}",
        "DeleteDBSubnetGroup",
        {"DBSubnetGroupName": "{id}"},
        name="DBSubnetGroupName",
        lower=True,
    ),
    "AWS::RDS::DBCluster": _database(
        "DBCluster",
        {
            "Endpoint.Address": "{DBCluster.Endpoint}",
            "Endpoint.Port": "{DBCluster.Port}",
            "ReadEndpoint.Address": "{DBCluster.ReaderEndpoint}",
        },
    ),
    "AWS::RDS::DBInstance": _database(
        "DBInstance",
        {
            "Endpoint.Address": "{DBInstance.Endpoint.Address}",
            "Endpoint.Port": "{DBInstance.Endpoint.Port}",
        },
        renamed={"VPCSecurityGroups": "VpcSecurityGroupIds"},
    ),
    "AWS::Redshift::ClusterSubnetGroup": Declared(
        "redshift",
        "CreateClusterSubnetGroup",
        "{ClusterSubnetGroupName}",
        "DeleteClusterSubnetGroup",
        {"ClusterSubnetGroupName": "{id}"},
        name="ClusterSubnetGroupName",
        lower=True,
    ),
    "AWS::Redshift::Cluster": Declared(
        "redshift",
        "CreateCluster",
        "{ClusterIdentifier}",
        "DeleteCluster",
        {"ClusterIdentifier": "{id}"},
        name="ClusterIdentifier",
        longest=63,
        lower=True,
        removing={"SkipFinalClusterSnapshot": True},
        attributes={
            "Endpoint.Address": "{Cluster.Endpoint.Address}",
            "Endpoint.Port": "{Cluster.Endpoint.Port}",
            "Id": "{id}",
        },
    ),
    "AWS::OpenSearchServerless::SecurityPolicy": Declared(
        "opensearchserverless", "CreateSecurityPolicy", "{name}", name="Name", named="name", longest=32, lower=True
    ),
    "AWS::OpenSearchServerless::Collection": Declared(
        "opensearchserverless",
        "CreateCollection",
        "{createCollectionDetail.id}",
        "DeleteCollection",
        {"id": "{id}"},
        **called("Name", "name", 32),
        lower=True,
        attributes={
            "Arn": "{createCollectionDetail.arn}",
            "Id": "{createCollectionDetail.id}",
            "CollectionEndpoint": "https://{id}.{region}.aoss.amazonaws.com",
            "DashboardEndpoint": "https://{id}.{region}.aoss.amazonaws.com/_dashboards",
        },
    ),
    "AWS::Batch::ComputeEnvironment": Declared(
        "batch",
        "CreateComputeEnvironment",
        "{computeEnvironmentArn}",
        None,
        **called("ComputeEnvironmentName", "computeEnvironmentName", 128),
        attributes={"ComputeEnvironmentArn": "{computeEnvironmentArn}"},
        ignore=frozenset({"ReplaceComputeEnvironment"}),
        roles=frozenset({"ServiceRole"}),
        removed_in_turn=(
            ("UpdateComputeEnvironment", {"computeEnvironment": "{id}", "state": "DISABLED"}),
            ("DeleteComputeEnvironment", {"computeEnvironment": "{id}"}),
        ),
    ),
    "AWS::Batch::JobQueue": Declared(
        "batch",
        "CreateJobQueue",
        "{jobQueueArn}",
        None,
        **called("JobQueueName", "jobQueueName", 128),
        attributes={"JobQueueArn": "{jobQueueArn}"},
        always={"state": "ENABLED"},
        removed_in_turn=(
            ("UpdateJobQueue", {"jobQueue": "{id}", "state": "DISABLED"}),
            ("DeleteJobQueue", {"jobQueue": "{id}"}),
        ),
    ),
    "AWS::Batch::JobDefinition": _registered(
        "batch", "JobDefinition", "{jobDefinitionArn}", called("JobDefinitionName", "jobDefinitionName", 128)
    ),
    "AWS::ECS::Cluster": Declared.made(
        "ecs",
        "Cluster",
        "{clusterName}",
        {"cluster": "{id}"},
        **called("ClusterName", "clusterName", 255),
        attributes={"Arn": "{cluster.clusterArn}"},
    ),
    "AWS::ECS::TaskDefinition": _registered(
        "ecs", "TaskDefinition", "{taskDefinition.taskDefinitionArn}", called("Family", "family", 255)
    ),
    "AWS::ECS::Service": Declared(
        "ecs",
        "CreateService",
        "{service.serviceArn}",
        "DeleteService",
        {"cluster": "{cluster}", "service": "{id}"},
        **called("ServiceName", "serviceName", 255),
        attributes={"Name": "{service.serviceName}", "ServiceArn": "{service.serviceArn}"},
        removing={"force": True},
    ),
}


def _ec2(noun: str, attribute: str = "") -> Declared:
    """Declare a resource of EC2 that is made as ``CreateNoun`` says, and known by its ``NounId``."""
    key = f"{noun}Id"
    attributes = {attribute or key: "{id}"}
    return Declared("ec2", f"Create{noun}", f"{{{noun}.{key}}}", f"Delete{noun}", {key: "{id}"}, attributes=attributes)


_EC2: dict[str, Provider] = {
    "AWS::EC2::VPC": Declared.made(
        "ec2",
        "Vpc",
        "{Vpc.VpcId}",
        {"VpcId": "{id}"},
        attributes={
            "VpcId": "{id}",
            "CidrBlock": "{CidrBlock}",
            "DefaultSecurityGroup": "sg-default",
            "DefaultNetworkAcl": "acl-default",
        },
        ignore=frozenset({"EnableDnsHostnames", "EnableDnsSupport"}),
    ),
    "AWS::EC2::Subnet": Declared.made(
        "ec2",
        "Subnet",
        "{Subnet.SubnetId}",
        {"SubnetId": "{id}"},
        attributes={
            "SubnetId": "{id}",
            "VpcId": "{VpcId}",
            "AvailabilityZone": "{Subnet.AvailabilityZone}",
            "CidrBlock": "{CidrBlock}",
        },
        ignore=frozenset({"MapPublicIpOnLaunch"}),
    ),
    "AWS::EC2::InternetGateway": _ec2("InternetGateway"),
    "AWS::EC2::VPCGatewayAttachment": Declared(
        "ec2",
        "AttachInternetGateway",
        "{InternetGatewayId}",
        "DetachInternetGateway",
        {"InternetGatewayId": "{InternetGatewayId}", "VpcId": "{VpcId}"},
        attributes={"AttachmentType": "IGW"},
    ),
    "AWS::EC2::RouteTable": _ec2("RouteTable"),
    "AWS::EC2::Route": Declared.made(
        "ec2",
        "Route",
        "{RouteTableId}|{DestinationCidrBlock}",
        {"RouteTableId": "{RouteTableId}", "DestinationCidrBlock": "{DestinationCidrBlock}"},
        attributes={"CidrBlock": "{DestinationCidrBlock}"},
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Declared(
        "ec2",
        "AssociateRouteTable",
        "{AssociationId}",
        "DisassociateRouteTable",
        {"AssociationId": "{id}"},
        attributes={"Id": "{id}"},
    ),
    "AWS::EC2::EIP": Declared(
        "ec2",
        "AllocateAddress",
        "{PublicIp}",
        "ReleaseAddress",
        {"AllocationId": "{AllocationId}"},
        attributes={"AllocationId": "{AllocationId}", "PublicIp": "{PublicIp}"},
    ),
    "AWS::EC2::NatGateway": _ec2("NatGateway"),
    "AWS::EC2::SecurityGroup": Declared.made(
        "ec2",
        "SecurityGroup",
        "{GroupId}",
        {"GroupId": "{id}"},
        name="GroupName",
        longest=255,
        attributes={"GroupId": "{id}", "VpcId": "{VpcId}", "Id": "{id}"},
        renamed={"GroupDescription": "Description"},
        ignore=frozenset({"SecurityGroupIngress", "SecurityGroupEgress"}),
    ),
    "AWS::EC2::SecurityGroupIngress": Declared(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        "{stack}-{logical}",
        attributes={"Id": "{id}"},
        ignore=frozenset({"Description", "SourceSecurityGroupId"}),
    ),
    "AWS::EC2::SecurityGroupEgress": Declared(
        "ec2",
        "AuthorizeSecurityGroupEgress",
        "{stack}-{logical}",
        ignore=frozenset({"Description", "DestinationSecurityGroupId"}),
    ),
    "AWS::EC2::VPCEndpoint": Declared(
        "ec2",
        "CreateVpcEndpoint",
        "{VpcEndpoint.VpcEndpointId}",
        "DeleteVpcEndpoints",
        {"VpcEndpointIds": "{id}"},
        attributes={"Id": "{id}"},
    ),
    "AWS::EC2::NetworkAcl": _ec2("NetworkAcl", "Id"),
    "AWS::EC2::NetworkAclEntry": Declared.made(
        "ec2",
        "NetworkAclEntry",
        "{stack}-{logical}",
        {"NetworkAclId": "{NetworkAclId}", "RuleNumber": "{RuleNumber}", "Egress": "{Egress}"},
        always={"Egress": False},
        renamed={"Icmp": "IcmpTypeCode"},
    ),
    "AWS::EC2::SubnetNetworkAclAssociation": Nothing(),
    "AWS::EC2::FlowLog": Declared.made(
        "ec2",
        "FlowLogs",
        "{FlowLogIds.0}",
        {"FlowLogIds": "{id}"},
        attributes={"Id": "{id}"},
        renamed={"ResourceId": "ResourceIds"},
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Declared.made(
        "elbv2",
        "LoadBalancer",
        "{LoadBalancers.0.LoadBalancerArn}",
        {"LoadBalancerArn": "{id}"},
        name="Name",
        longest=32,
        attributes={
            "LoadBalancerArn": "{id}",
            "DNSName": "{LoadBalancers.0.DNSName}",
            "CanonicalHostedZoneID": "{LoadBalancers.0.CanonicalHostedZoneId}",
            "LoadBalancerName": "{LoadBalancers.0.LoadBalancerName}",
            "LoadBalancerFullName": "app/{LoadBalancers.0.LoadBalancerName}/0123456789abcdef",
        },
        ignore=frozenset({"LoadBalancerAttributes"}),
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Declared.made(
        "elbv2",
        "TargetGroup",
        "{TargetGroups.0.TargetGroupArn}",
        {"TargetGroupArn": "{id}"},
        name="Name",
        longest=32,
        attributes={"TargetGroupArn": "{id}", "TargetGroupName": "{Name}"},
        ignore=frozenset({"TargetGroupAttributes", "Targets"}),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Declared.made(
        "elbv2", "Listener", "{Listeners.0.ListenerArn}", {"ListenerArn": "{id}"}, attributes={"ListenerArn": "{id}"}
    ),
}
_PLAIN: dict[str, Provider] = {
    "AWS::CDK::Metadata": Nothing(),
    "AWS::CloudFormation::WaitConditionHandle": Nothing(),
    "AWS::CloudFormation::Stack": NestedStack(),
}

PROVIDERS: Mapping[str, Provider] = {
    **identity.PROVIDERS,
    **functions.PROVIDERS,
    **machines.PROVIDERS,
    **storage.PROVIDERS,
    **messaging.PROVIDERS,
    **front_doors.PROVIDERS,
    **code_deploy.PROVIDERS,
    **_LOGS,
    **_EVENTS,
    **_KEPT,
    **_EC2,
    **_PLAIN,
}
"""By type; custom resources have another, which needs to be told how they answer."""
