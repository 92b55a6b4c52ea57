"""Optimized integrations of services that nothing here runs: a task fails by name, so that nobody takes it for done.

Mocks answer such a state without calling it.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.emulator.stepfunctions.integrations.optimized import Action, Optimized
from harness.emulator.stepfunctions.integrations.resource import SYNC, TOKEN


def _service(
    service: str, prefix: str, base_error: str, plain: Iterable[str], jobs: Iterable[str], token: Iterable[str] = ()
) -> Optimized:
    actions = {}
    for name in {*plain, *jobs, *token}:
        waits = {""} | ({SYNC} if name in jobs else set()) | ({TOKEN} if name in token else set())
        actions[name] = Action(waits=frozenset(waits))
    return Optimized(service, actions, prefix, base_error=base_error, emulated=False)


NOT_EMULATED = {
    "athena": _service(
        "athena",
        "Athena",
        "AmazonAthenaException",
        ("stopQueryExecution", "getQueryExecution", "getQueryResults"),
        ("startQueryExecution",),
    ),
    "batch": _service("batch", "Batch", "AWSBatchException", (), ("submitJob",), ("submitJob",)),
    "bedrock": _service(
        "bedrock", "Bedrock", "BedrockException", ("invokeModel",), ("createModelCustomizationJob",), ("invokeModel",)
    ),
    "codebuild": _service(
        "codebuild",
        "CodeBuild",
        "AWSCodeBuildException",
        ("stopBuild", "batchDeleteBuilds", "batchGetReports", "stopBuildBatch", "deleteBuildBatch"),
        ("startBuild", "startBuildBatch", "retryBuildBatch"),
    ),
    "databrew": _service("databrew", "DataBrew", "AWSGlueDataBrewException", (), ("startJobRun",)),
    "ecs": _service("ecs", "ECS", "AmazonECSException", (), ("runTask",), ("runTask",)),
    "eks": _service(
        "eks",
        "EKS",
        "AmazonEKSException",
        ("call",),
        (
            "createCluster",
            "createFargateProfile",
            "createNodegroup",
            "deleteCluster",
            "deleteFargateProfile",
            "deleteNodegroup",
            "runJob",
        ),
        ("call",),
    ),
    "elasticmapreduce": _service(
        "emr",
        "ElasticMapReduce",
        "AmazonElasticMapReduceException",
        (
            "cancelStep",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
            "setClusterTerminationProtection",
        ),
        ("addStep", "createCluster", "terminateCluster"),
    ),
    "emr-containers": _service(
        "emr-containers",
        "EMRContainers",
        "AmazonEMRContainersException",
        ("createVirtualCluster",),
        ("deleteVirtualCluster", "startJobRun"),
    ),
    "emr-serverless": _service(
        "emr-serverless",
        "EmrServerless",
        "EmrServerlessException",
        (),
        (
            "cancelJobRun",
            "createApplication",
            "deleteApplication",
            "startApplication",
            "startJobRun",
            "stopApplication",
        ),
    ),
    "glue": _service("glue", "Glue", "AWSGlueException", (), ("startJobRun",)),
    "mediaconvert": _service("mediaconvert", "MediaConvert", "AWSMediaConvertException", (), ("createJob",)),
}
