"""Each of SageMaker's operations is carried out, kept, or says that it is not emulated."""

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.emulator.sagemaker.kept_by_moto import KEPT

MODEL = botocore.session.get_session().get_service_model("sagemaker")
CARRIED_OUT = {
    *(
        "CreateModel",
        "CreateEndpointConfig",
        "DescribeEndpointConfig",
        "CreateEndpoint",
        "DescribeEndpoint",
        "UpdateEndpoint",
    ),
    *("UpdateEndpointWeightsAndCapacities", "DeleteEndpoint"),
    *("CreateTrainingJob", "DescribeTrainingJob", "DeleteTrainingJob", "StopTrainingJob", "ListTrainingJobs"),
    *("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "ListProcessingJobs"),
    *("CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "ListTransformJobs"),
    *("CreatePipeline", "UpdatePipeline", "DeletePipeline", "DescribePipeline", "ListPipelines"),
    *("StartPipelineExecution", "StopPipelineExecution", "DescribePipelineExecution", "ListPipelineExecutions"),
    *("CreateMonitoringSchedule", "UpdateMonitoringSchedule", "DescribeMonitoringSchedule", "DeleteMonitoringSchedule"),
    *("StartMonitoringSchedule", "StopMonitoringSchedule", "ListMonitoringSchedules", "ListMonitoringExecutions"),
    *("SendPipelineExecutionStepSuccess", "SendPipelineExecutionStepFailure"),
    *("DescribePipelineDefinitionForExecution", "ListPipelineExecutionSteps", "ListPipelineParametersForExecution"),
}


@pytest.fixture(scope="module")
def sagemaker(target):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client("sagemaker", config=config)


def test_every_operation_is_carried_out_kept_or_says_so(sagemaker):
    others = {}
    for name in MODEL.operation_names:
        if name in KEPT | CARRIED_OUT:
            continue
        with pytest.raises(ClientError) as refused:
            getattr(sagemaker, xform_name(name))()
        others[name] = refused.value.response["Error"]
    assert len(others) > 300
    for name, error in others.items():
        assert error == {"Code": "NotImplemented", "Message": f"not emulated: sagemaker.{name}"}
