"""Operations that only keep something, which moto answers.

What is neither here nor carried out by us is answered ``not emulated``: a domain, a notebook instance, a cluster or a
tuning job that is only written down would say InService or Completed and be nothing of the kind.
"""

from __future__ import annotations

KEPT = frozenset(
    {
        *("DescribeModel", "DeleteModel", "ListModels"),
        *("DeleteEndpointConfig", "ListEndpointConfigs", "ListEndpoints"),
        *("ListModelPackageGroups", "ListModelPackages", "UpdateModelPackage"),
        *("CreateModelCard", "DescribeModelCard", "ListModelCards", "ListModelCardVersions"),
        *("UpdateModelCard", "DeleteModelCard"),
        *("CreateExperiment", "DescribeExperiment", "ListExperiments", "DeleteExperiment"),
        *("CreateTrial", "DescribeTrial", "ListTrials", "DeleteTrial"),
        *("CreateTrialComponent", "DescribeTrialComponent", "ListTrialComponents"),
        *("UpdateTrialComponent", "DeleteTrialComponent"),
        *("AssociateTrialComponent", "DisassociateTrialComponent"),
        *("CreateDataQualityJobDefinition", "DescribeDataQualityJobDefinition"),
        *("ListDataQualityJobDefinitions", "DeleteDataQualityJobDefinition"),
        *("CreateModelQualityJobDefinition", "DescribeModelQualityJobDefinition"),
        *("ListModelQualityJobDefinitions", "DeleteModelQualityJobDefinition"),
        *("CreateModelBiasJobDefinition", "DescribeModelBiasJobDefinition"),
        *("ListModelBiasJobDefinitions", "DeleteModelBiasJobDefinition"),
        *("CreateModelExplainabilityJobDefinition", "DescribeModelExplainabilityJobDefinition"),
        *("ListModelExplainabilityJobDefinitions", "DeleteModelExplainabilityJobDefinition"),
        *("CreateNotebookInstanceLifecycleConfig", "DescribeNotebookInstanceLifecycleConfig"),
        "DeleteNotebookInstanceLifecycleConfig",
    }
)
"""Job definitions are among them; a schedule of data quality runs one, schedules of the other kinds are refused."""
