"""What AWS refuses and moto lets pass."""

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local


def test_a_secret_has_a_name_of_some_characters(target):
    with pytest.raises(ClientError, match="Must be a valid name containing alphanumeric characters"):
        boto3.client("secretsmanager").create_secret(Name="Invalid Name", SecretString="x")


def test_a_table_has_a_name_of_some_characters(target):
    with pytest.raises(ClientError, match=r"Value '/t' at 'tableName' failed to satisfy constraint"):
        boto3.client("dynamodb").get_item(TableName="/t", Key={"id": {"S": "1"}})


def test_objects_are_encrypted_as_on_aws(target):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="overlooked")
    put = s3.put_object(Bucket="overlooked", Key="a/b", Body=b"x")
    assert put["ServerSideEncryption"] == "AES256" and put["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket="overlooked", Key="a/b")["ServerSideEncryption"] == "AES256"
    assert "ServerSideEncryption" not in s3.list_objects_v2(Bucket="overlooked")
