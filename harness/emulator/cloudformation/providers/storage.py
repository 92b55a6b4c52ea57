"""S3 buckets with all that is set on them, and DynamoDB tables.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_S3.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_DynamoDB.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine, required
from harness.emulator.cloudformation.shapes import fit
from harness.emulator.door.errors import AwsError

_SETTINGS = {
    "VersioningConfiguration": ("PutBucketVersioning", "VersioningConfiguration", {}),
    "BucketEncryption": (
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        {
            "ServerSideEncryptionConfiguration": "Rules",
            "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
        },
    ),
    "CorsConfiguration": (
        "PutBucketCors",
        "CORSConfiguration",
        {"CorsRules": "CORSRules", "Id": "ID", "MaxAge": "MaxAgeSeconds", "ExposedHeaders": "ExposeHeaders"},
    ),
    "WebsiteConfiguration": ("PutBucketWebsite", "WebsiteConfiguration", {}),
    "PublicAccessBlockConfiguration": ("PutPublicAccessBlock", "PublicAccessBlockConfiguration", {}),
    "OwnershipControls": ("PutBucketOwnershipControls", "OwnershipControls", {}),
    "AccelerateConfiguration": (
        "PutBucketAccelerateConfiguration",
        "AccelerateConfiguration",
        {"AccelerationStatus": "Status"},
    ),
}
"""Properties of buckets: the operation, its member, and what it calls otherwise than the property."""


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


class Bucket(Provider):
    """``AWS::S3::Bucket``."""

    fixed = frozenset({"BucketName", "ObjectLockEnabled"})

    def create(self, work: Work) -> Made:
        """Make the bucket and put on it what it is to have."""
        name = work.properties.get("BucketName") or work.name(63, lower=True, allowed="A-Za-z0-9-")
        where = {} if work.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": work.region}}
        lock = True if text_of(work.properties.get("ObjectLockEnabled")).lower() == "true" else None
        if _exists(work, name):  # S3 itself would take it for a repetition in us-east-1
            raise AwsError("AlreadyExists", f"{name} already exists", 409)
        # Where the template says nothing of ACLs, S3 has none, and refuses one.
        acl = None if work.properties.get("OwnershipControls") else _canned(work.properties.get("AccessControl"))
        work.call("s3", "CreateBucket", Bucket=name, ObjectLockEnabledForBucket=lock, ACL=acl, **where)
        made = Made(name, self._attributes(work, name))
        with self.removed_unless_whole(work, made):
            made.notes = self._put(work, name)
        return made

    def update(self, work: Work, made: Made) -> Made:
        """Put on it what it is to have now."""
        if work.before.get("NotificationConfiguration") and not work.properties.get("NotificationConfiguration"):
            work.call("s3", "PutBucketNotificationConfiguration", Bucket=made.physical_id, NotificationConfiguration={})
        if work.before.get("LifecycleConfiguration") and not work.properties.get("LifecycleConfiguration"):
            work.call("s3", "DeleteBucketLifecycle", Bucket=made.physical_id)
        if work.before.get("CorsConfiguration") and not work.properties.get("CorsConfiguration"):
            work.call("s3", "DeleteBucketCors", Bucket=made.physical_id)
        made.notes = self._put(work, made.physical_id)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove the bucket, which must be empty."""
        with gone_is_fine():
            work.call("s3", "DeleteBucket", Bucket=made.physical_id)

    @staticmethod
    def _attributes(work: Work, name: str) -> dict[str, Any]:
        return {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{work.region}.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{work.region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{work.region}.amazonaws.com",
        }

    @staticmethod
    def _put(work: Work, name: str) -> list[str]:
        given, left = work.properties, []
        tags = [{"Key": key, "Value": value} for key, value in work.all_tags.items() if not key.startswith("aws:")]
        if tags:
            work.call("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tags})
        for key, value in given.items():
            if key in _SETTINGS:
                operation, member, names = _SETTINGS[key]
                asked, unknown = fit("s3", operation, {member: _renamed(value, names)})
                work.call("s3", operation, Bucket=name, **asked)
                left += unknown
            elif key == "NotificationConfiguration":
                asked, unknown = fit("s3", "PutBucketNotificationConfiguration", {key: notification(value)})
                work.call("s3", "PutBucketNotificationConfiguration", Bucket=name, **asked)
                left += unknown
            elif key == "LifecycleConfiguration":
                rules = [_lifecycle_rule(rule) for rule in value.get("Rules") or []]
                asked, unknown = fit("s3", "PutBucketLifecycleConfiguration", {key: {"Rules": rules}})
                work.call("s3", "PutBucketLifecycleConfiguration", Bucket=name, **asked)
                left += unknown
            elif key not in ("BucketName", "Tags", "ObjectLockEnabled", "AccessControl"):
                left.append(key)
        if "OwnershipControls" in given and (acl := _canned(given.get("AccessControl"))):
            work.call("s3", "PutBucketAcl", Bucket=name, ACL=acl)
        return left


def _canned(acl: object) -> str | None:
    """S3's word for a canned ACL: ``public-read`` for ``PublicRead``; none for the one that buckets have anyway."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", text_of(acl)).lower() if acl else "private"
    return None if words == "private" else words


def _exists(work: Work, bucket: str) -> bool:
    try:
        work.call("s3", "HeadBucket", Bucket=bucket)
    except AwsError as error:
        return error.status == 403
    return True


def notification(given: Mapping[str, Any]) -> dict[str, Any]:
    """Write a bucket's notifications as S3 takes them."""
    kinds = (
        ("LambdaConfigurations", "Function", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ("QueueConfigurations", "Queue", "QueueConfigurations", "QueueArn"),
        ("TopicConfigurations", "Topic", "TopicConfigurations", "TopicArn"),
    )
    found: dict[str, Any] = {}
    for property_name, target, member, arn in kinds:
        for item in given.get(property_name) or []:
            entry: dict[str, Any] = {arn: item[target], "Events": [item["Event"]]}
            rules = ((item.get("Filter") or {}).get("S3Key") or {}).get("Rules")
            if rules:
                entry["Filter"] = {"Key": {"FilterRules": rules}}
            found.setdefault(member, []).append(entry)
    bridge = given.get("EventBridgeConfiguration")
    if bridge is not None and text_of(bridge.get("EventBridgeEnabled", True)).lower() == "true":
        found["EventBridgeConfiguration"] = {}
    return found


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Write a rule of a bucket's lifecycle as S3 takes it."""
    found = {
        key: rule[key]
        for key in ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
        if key in rule
    }
    if "Id" in rule:
        found["ID"] = rule["Id"]
    expiration = {
        "Days": "ExpirationInDays",
        "Date": "ExpirationDate",
        "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
    }
    found_expiration = {member: rule[name] for member, name in expiration.items() if name in rule}
    if found_expiration:
        found["Expiration"] = found_expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        found["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    transitions = [*(rule.get("Transitions") or []), *([rule["Transition"]] if "Transition" in rule else [])]
    if transitions:
        names = {"TransitionInDays": "Days", "TransitionDate": "Date"}
        found["Transitions"] = [_renamed(item, names) for item in transitions]
    found["Filter"] = {"Prefix": rule.get("Prefix", "")}
    return found


class BucketPolicy(Provider):
    """``AWS::S3::BucketPolicy``."""

    fixed = frozenset({"Bucket"})

    def create(self, work: Work) -> Made:
        """Put the policy on the bucket."""
        bucket, document = required(work, "Bucket"), required(work, "PolicyDocument")
        work.call("s3", "PutBucketPolicy", Bucket=bucket, Policy=json.dumps(document))
        return Made(bucket)

    def delete(self, work: Work, made: Made) -> None:
        """Take it away."""
        with gone_is_fine():
            work.call("s3", "DeleteBucketPolicy", Bucket=made.physical_id)


class Table(Provider):
    """``AWS::DynamoDB::Table``."""

    fixed = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})

    def create(self, work: Work) -> Made:
        """Make the table, its stream and its expiry."""
        name = work.properties.get("TableName") or work.name(255)
        asked, left = fit("dynamodb", "CreateTable", {**self._given(work.properties), "TableName": name})
        tags = [{"Key": key, "Value": value} for key, value in work.all_tags.items()]
        described = work.call("dynamodb", "CreateTable", **asked, Tags=tags)["TableDescription"]
        self._settings(work, name)
        return Made(name, self._attributes(described), notes=left)

    def update(self, work: Work, made: Made) -> Made:
        """Change what a table lets be changed."""
        name, given, was = made.physical_id, self._given(work.properties), self._given(work.before)
        changed: dict[str, Any] = {
            key: given[key]
            for key in (
                "BillingMode",
                "ProvisionedThroughput",
                "StreamSpecification",
                "DeletionProtectionEnabled",
                "SSESpecification",
            )
            if key in given and given[key] != was.get(key)
        }
        old = {index["IndexName"]: index for index in was.get("GlobalSecondaryIndexes") or []}
        new = {index["IndexName"]: index for index in given.get("GlobalSecondaryIndexes") or []}
        updates = [{"Create": index} for key, index in new.items() if key not in old]
        updates += [{"Delete": {"IndexName": key}} for key in old if key not in new]
        if changed:
            asked, _ = fit("dynamodb", "UpdateTable", {"TableName": name, **changed})
            work.call("dynamodb", "UpdateTable", **asked)
        for item in updates:
            definitions = given.get("AttributeDefinitions")
            one = {"TableName": name, "AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [item]}
            asked, _ = fit("dynamodb", "UpdateTable", one)
            work.call("dynamodb", "UpdateTable", **asked)
        self._settings(work, name)
        return Made(name, self._attributes(work.call("dynamodb", "DescribeTable", TableName=name)["Table"]))

    def delete(self, work: Work, made: Made) -> None:
        """Remove the table with all that is in it."""
        with gone_is_fine():
            work.call("dynamodb", "DeleteTable", TableName=made.physical_id)

    @staticmethod
    def _given(properties: Mapping[str, Any]) -> dict[str, Any]:
        apart = (
            "Tags",
            "TimeToLiveSpecification",
            "PointInTimeRecoverySpecification",
            "ContributorInsightsSpecification",
        )
        given = {key: value for key, value in properties.items() if key not in apart}
        if given.get("StreamSpecification"):
            given["StreamSpecification"] = {**given["StreamSpecification"], "StreamEnabled": True}
        if given.get("SSESpecification"):
            given["SSESpecification"] = _renamed(given["SSESpecification"], {"SSEEnabled": "Enabled"})
        return given

    @staticmethod
    def _settings(work: Work, name: str) -> None:
        expiry = work.properties.get("TimeToLiveSpecification")
        if expiry and expiry != work.before.get("TimeToLiveSpecification"):
            asked, _ = fit("dynamodb", "UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": expiry})
            work.call("dynamodb", "UpdateTimeToLive", **asked)
        recovery = work.properties.get("PointInTimeRecoverySpecification")
        if recovery and recovery != work.before.get("PointInTimeRecoverySpecification"):
            given = {"TableName": name, "PointInTimeRecoverySpecification": recovery}
            asked, _ = fit("dynamodb", "UpdateContinuousBackups", given)
            work.call("dynamodb", "UpdateContinuousBackups", **asked)

    @staticmethod
    def _attributes(described: Mapping[str, Any]) -> dict[str, Any]:
        return {"Arn": described["TableArn"], "StreamArn": described.get("LatestStreamArn")}


class Secret(Provider):
    """``AWS::SecretsManager::Secret``."""

    fixed = frozenset({"Name"})

    def create(self, work: Work) -> Made:
        """Make the secret, with a password made up where that is asked for."""
        name = work.properties.get("Name") or work.name(100)
        tags = [{"Key": key, "Value": value} for key, value in work.all_tags.items()]
        arn = work.call(
            "secretsmanager",
            "CreateSecret",
            Name=name,
            Description=work.properties.get("Description"),
            KmsKeyId=work.properties.get("KmsKeyId"),
            SecretString=self._value(work),
            Tags=tags,
        )["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, work: Work, made: Made) -> Made:
        """Give it another value."""
        changed = any(
            work.properties.get(key) != work.before.get(key) for key in ("SecretString", "GenerateSecretString")
        )
        work.call(
            "secretsmanager",
            "UpdateSecret",
            SecretId=made.physical_id,
            Description=work.properties.get("Description"),
            SecretString=self._value(work) if changed else None,
        )
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove it at once."""
        with gone_is_fine():
            work.call("secretsmanager", "DeleteSecret", SecretId=made.physical_id, ForceDeleteWithoutRecovery=True)

    @staticmethod
    def _value(work: Work) -> str | None:
        made_up = work.properties.get("GenerateSecretString")
        if made_up is None:
            return text_of(work.properties["SecretString"]) if "SecretString" in work.properties else None
        asked, _ = fit("secretsmanager", "GetRandomPassword", made_up)
        password = work.call("secretsmanager", "GetRandomPassword", **asked)["RandomPassword"]
        if "SecretStringTemplate" not in made_up:
            return str(password)
        return json.dumps({**json.loads(made_up["SecretStringTemplate"]), made_up["GenerateStringKey"]: password})


PROVIDERS: dict[str, Provider] = {
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": BucketPolicy(),
    "AWS::DynamoDB::Table": Table(),
    "AWS::SecretsManager::Secret": Secret(),
}
