"""What moto would say was done, and nothing did, is refused by name."""

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError

from harness.emulator.moto.made_up import MADE_UP


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        ("rekognition", "detect_labels", {"Image": {"Bytes": b"image"}}),
        ("comprehend", "detect_sentiment", {"Text": "Good.", "LanguageCode": "en"}),
        ("textract", "detect_document_text", {"Document": {"Bytes": b"page"}}),
        (
            "transcribe",
            "start_transcription_job",
            {"TranscriptionJobName": "job", "Media": {"MediaFileUri": "s3://b/k"}},
        ),
        ("polly", "synthesize_speech", {"OutputFormat": "mp3", "Text": "Hello", "VoiceId": "Joanna"}),
        ("bedrock-runtime", "invoke_model", {"modelId": "amazon.nova-micro-v1:0", "body": b"{}"}),
        ("athena", "start_query_execution", {"QueryString": "SELECT 1"}),
        ("glue", "start_job_run", {"JobName": "job"}),
        ("ssm", "send_command", {"DocumentName": "AWS-RunShellScript"}),
        ("ecs", "run_task", {"taskDefinition": "task"}),
        ("codebuild", "start_build", {"projectName": "project"}),
        ("redshift-data", "execute_statement", {"Sql": "SELECT 1"}),
    ],
)
def test_nothing_is_said_to_be_done_that_was_not(actors, service, operation, members):
    client = boto3.client(service)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**members)
    name = client.meta.method_to_api_mapping[operation]
    assert caught.value.response["Error"]["Message"] == f"not emulated: {service}.{name}"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_what_is_kept_of_those_services_still_is(actors):
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "kept"})
    assert glue.get_database(Name="kept")["Database"]["Name"] == "kept"
    glue.delete_database(Name="kept")


@pytest.mark.parametrize(("service", "beginning"), [(name, each) for name in MADE_UP for each in MADE_UP[name]])
def test_each_name_is_one_of_awss(service, beginning):
    names = botocore.session.Session().get_service_model(service).operation_names
    assert any(name.startswith(beginning) for name in names)
