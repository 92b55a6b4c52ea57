"""Which fields a machine, each type of state and what is in them may have; AWS refuses all others.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

MACHINE = frozenset({"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"})
RETRIER = frozenset(
    {"BackoffRate", "Comment", "ErrorEquals", "IntervalSeconds", "JitterStrategy", "MaxAttempts", "MaxDelaySeconds"}
)
CATCHER = frozenset({"Assign", "Comment", "ErrorEquals", "Next", "Output", "ResultPath"})
CHOICE_RULE = {
    False: frozenset({"And", "Assign", "Comment", "Next", "Not", "Or", "Variable"}),
    True: frozenset({"Assign", "Comment", "Condition", "Next", "Output"}),
}
"""By whether it is JSONata's; comparison operators come to those of JSONPath."""
BRANCH = frozenset({"Comment", "StartAt", "States"})
PROCESSOR = frozenset({*BRANCH, "ProcessorConfig"})
PROCESSOR_CONFIG = frozenset({"ExecutionType", "Mode"})
READER = frozenset({"Arguments", "Parameters", "ReaderConfig", "Resource"})
READER_CONFIG = frozenset(
    {
        *("CSVDelimiter", "CSVHeaderLocation", "CSVHeaders", "InputType", "ItemsPointer", "ManifestType"),
        *("MaxItems", "MaxItemsPath", "Transformation"),
    }
)
BATCHER = frozenset(
    {"BatchInput", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", "MaxItemsPerBatch", "MaxItemsPerBatchPath"}
)
WRITER = frozenset({"Arguments", "Parameters", "Resource", "WriterConfig"})
WRITER_CONFIG = frozenset({"OutputType", "Transformation"})

_ALL = {"Comment", "End", "InputPath", "Next", "OutputPath", "QueryLanguage", "Type"}
_GIVING = {"Assign", "Output", "Parameters", "ResultPath", "ResultSelector"}
_CALLING = {"Arguments", "Catch", "Retry"}
_OF_TYPES = {
    "Pass": {*_GIVING, "Result"},
    "Task": {
        *_GIVING,
        *_CALLING,
        "Credentials",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Resource",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
    },
    "Choice": {"Assign", "Choices", "Default", "Output"},
    "Wait": {"Assign", "Output", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": {"Output"},
    "Fail": {"Cause", "CausePath", "Error", "ErrorPath"},
    "Parallel": {*_GIVING, *_CALLING, "Branches"},
    "Map": {
        *_GIVING,
        *_CALLING,
        "ItemBatcher",
        "ItemProcessor",
        "ItemReader",
        "ItemSelector",
        "Items",
        "ItemsPath",
        "Iterator",
        "Label",
        "MaxConcurrency",
        "MaxConcurrencyPath",
        "ResultWriter",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    },
}


def of_type(kind: str) -> frozenset[str]:
    """Fields of a state of type *kind*."""
    return frozenset(_ALL | _OF_TYPES[kind])
