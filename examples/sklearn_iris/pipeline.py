"""A pipeline with a condition: process, train, and register the model if enough rows were left."""

import json
from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearn, SKLearnModel
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep
from sklearn.datasets import load_iris

HERE = Path(__file__).parent
VERSION = "1.2-1"

session, role = PipelineSession(), sagemaker.get_execution_role()
iris = load_iris()
np.savetxt("iris.csv", np.insert(iris.data, 0, iris.target, axis=1), delimiter=",", fmt="%1.3f")
rows = sagemaker.Session().upload_data("iris.csv", key_prefix="iris/pipeline")
least, ratio = ParameterInteger("LeastRows", 100), ParameterString("Ratio", "0.8")

report = PropertyFile("Report", output_name="report", path="report.json")
processor = SKLearnProcessor(VERSION, role, 1, "ml.m5.xlarge", sagemaker_session=session)
process = ProcessingStep(
    "Prepare",
    step_args=processor.run(
        str(HERE / "prepare.py"),
        inputs=[ProcessingInput(rows, "/opt/ml/processing/input")],
        outputs=[
            ProcessingOutput("/opt/ml/processing/train", output_name="train"),
            ProcessingOutput("/opt/ml/processing/report", output_name="report"),
        ],
        arguments=["--ratio", ratio],
    ),
    property_files=[report],
)
prepared = process.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
estimator = SKLearn(
    entry_point=str(HERE / "train.py"),
    framework_version=VERSION,
    instance_type="ml.m5.xlarge",
    role=role,
    sagemaker_session=session,
    hyperparameters={"max_leaf_nodes": 30},
)
train = TrainingStep("Train", step_args=estimator.fit({"train": TrainingInput(prepared)}))
model = SKLearnModel(
    model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
    role=role,
    entry_point=str(HERE / "train.py"),
    framework_version=VERSION,
    sagemaker_session=session,
)
make = ModelStep("Make", step_args=model.create("ml.m5.xlarge"))
enough = ConditionGreaterThanOrEqualTo(JsonGet("Prepare", report, "rows"), least)
decide = ConditionStep(
    "Enough", conditions=[enough], if_steps=[train, make], else_steps=[FailStep("TooFew", "too few rows were left")]
)

pipeline = Pipeline("iris", [least, ratio], steps=[process, decide], sagemaker_session=session)
pipeline.upsert(role)
for given in ({}, {"LeastRows": 1000}):
    execution = pipeline.start(given)
    try:
        execution.wait(delay=2, max_attempts=60)
    except Exception as error:
        print("waited:", type(error).__name__)
    steps = {step["StepName"]: step["StepStatus"] for step in execution.list_steps()}
    print(execution.describe()["PipelineExecutionStatus"], json.dumps(steps, sort_keys=True))
