"""Operations that moto answers as done although nothing was: refused, since a test that believes them is a false green.

What moto keeps of these services (databases, jobs, definitions) stays; what would run, read or recognize something is
refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.emulator.door.regions import not_emulated

MADE_UP: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "athena": ("StartQueryExecution",),
        "bedrock-runtime": ("",),
        "codebuild": ("StartBuild",),
        "comprehend": ("BatchDetect", "Classify", "Contains", "CreateD", "CreateEn", "CreateF", "Detect", "Start"),
        "datasync": ("StartTaskExecution",),
        "ecs": ("RunTask", "StartTask"),
        "emr": ("AddJobFlowSteps", "RunJobFlow"),
        "emr-containers": ("StartJobRun",),
        "emr-serverless": ("StartJobRun",),
        "glue": ("StartCrawler", "StartJobRun", "StartWorkflowRun", "RunStatement"),
        "polly": ("StartSpeechSynthesisTask", "SynthesizeSpeech"),
        "rds-data": ("",),
        "redshift-data": ("",),
        "rekognition": ("Compare", "Detect", "Get", "Recognize", "Search", "Start"),
        "ssm": ("SendCommand",),
        "textract": ("",),
        "transcribe": ("StartMedicalTranscriptionJob", "StartTranscriptionJob"),
    }
)
"""By service, how the names of those operations begin."""


def refuse_made_up(service: str, operation: str) -> None:
    """Refuse what moto would only say was carried out.

    Args:
        service: by boto3's name.
        operation: its operation.

    Raises:
        AwsError: it is not emulated.
    """
    if operation.startswith(MADE_UP.get(service, ())):
        raise not_emulated(service, operation)
