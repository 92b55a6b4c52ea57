"""Runs one transform job: a model server, the input's records, an ``.out`` object for each input object.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
"""

from __future__ import annotations

import json
import logging
import shutil
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.emulator.logs.writer import LogWriter
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.job_thread import JobThread, reason_of
from harness.emulator.sagemaker.model_server import ModelRequest, ModelServer, ModelTimeout, ModelUnreachable
from harness.emulator.sagemaker.running_job import RunningJob
from harness.emulator.sagemaker.training.channels import ChannelError, S3Object, download, find_objects, split_uri
from harness.emulator.sagemaker.transform.batches import Batching, Processing, TransformError

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_DEFAULT_MEGABYTES = 6
_SEE_LOGS = "See job logs for more information"


class TransformRunner(JobThread):
    """Takes a job through its input.

    Args:
        job: what to run.
        role: as which the model's container runs, and reads and writes.
        logs: where the program's output goes.
        folder: scratch folder; removed at the end.
        server: serves the model.
    """

    def __init__(
        self, job: RunningJob, role: ExecutionRole, logs: LogWriter, folder: Path, server: Callable[[], ModelServer]
    ) -> None:
        place = (LOG_GROUP, f"{job.name}/i-{uuid.uuid4().hex[:17]}/data-log")
        super().__init__(f"transform-{job.name}", job.arn, job.region, role, logs, place, folder)
        self._job = job
        self._make_server = server
        self._server: ModelServer | None = None
        parameters = job.parameters
        self._input, self._output = parameters["TransformInput"], parameters["TransformOutput"]
        self._batching = Batching(
            self._input.get("SplitType", "None") == "Line",
            parameters.get("BatchStrategy", "MultiRecord") == "MultiRecord",
            parameters.get("MaxPayloadInMB", _DEFAULT_MEGABYTES) << 20,
        )
        self._at_once = parameters.get("MaxConcurrentTransforms") or 1

    def abandon(self) -> None:
        """End it at once: the emulator stops."""
        self._stop.set()
        if self._server is not None:
            self._server.close()
        super().abandon()

    def _run(self) -> None:
        try:
            self._transform()
            status, reason = ("Stopped", None) if self._stop.is_set() else ("Completed", None)
        except TransformError as error:
            self._log(f"{_stamp()}:[sagemaker logs]: {error}")
            kind = "AlgorithmError" if "AlgorithmError" in str(error) else "ClientError"
            status, reason = "Failed", f"{kind}: {_SEE_LOGS}"
        except Exception as error:
            status, reason = "Failed", reason_of(error)
            if reason is not None and reason.startswith("InternalServerError"):
                logger.exception("transform job %s failed", self._job.name)
        if self._server is not None:
            self._server.close()
        self._clear()
        self._job.end(status, reason)

    def _transform(self) -> None:
        self._take_on_role()
        objects = find_objects(self._s3, self._input["DataSource"]["S3DataSource"])
        if not objects:
            raise ChannelError("ClientError: No S3 objects found under the S3 URL given in the input data source.")
        processing = Processing.read(self._job.parameters.get("DataProcessing"), self._input.get("ContentType", ""))
        self._job.start()
        server = self._server = self._make_server()
        server.start()
        if server.is_stub:
            self._log("[harness] the model is a stub: its answers are made up")
        batch = "MULTI_RECORD" if self._batching.many else "SINGLE_RECORD"
        self._log(
            f"{_stamp()}:[sagemaker logs]: MaxConcurrentTransforms={self._at_once}, "
            f"MaxPayloadInMB={self._batching.most_bytes >> 20}, BatchStrategy={batch}"
        )
        with ThreadPoolExecutor(self._at_once) as pool:
            list(pool.map(lambda item: self._transform_object(server, item, processing), objects))
        if not self._stop.is_set():
            self._capture(objects)

    def _transform_object(self, server: ModelServer, item: S3Object, processing: Processing | None) -> None:
        if self._stop.is_set():
            return
        folder = self._folder / uuid.uuid4().hex
        download(self._s3, [item], folder, self._input.get("CompressionType") == "Gzip")
        path = next(path for path in folder.rglob("*") if path.is_file())
        answers = []
        try:
            for records in self._batching.batches(path):
                if self._stop.is_set():
                    return
                answers += self._answers(server, records, processing)
        except TransformError as error:
            self._stop_others()
            raise TransformError(f"{item.bucket}/{item.key}: {error}") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        lines = self._output.get("AssembleWith", "None") == "Line"
        body = b"".join(answer.rstrip(b"\n") + b"\n" for answer in answers) if lines else b"".join(answers)
        bucket, prefix = split_uri(self._output["S3OutputPath"])
        key = "/".join(part for part in (prefix.rstrip("/"), f"{item.path}.out") if part)
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _answers(self, server: ModelServer, records: list[bytes], processing: Processing | None) -> list[bytes]:
        if processing is None:
            return [self._ask(server, b"\n".join(records))]
        answer = self._ask(server, b"\n".join(processing.request(record) for record in records))
        one_each = [answer] if len(records) == 1 else answer.splitlines()
        if len(one_each) != len(records):
            raise TransformError(
                f"the model gave {len(one_each)} answers to {len(records)} records, which cannot be joined. "
                "Use BatchStrategy SingleRecord."
            )
        return [processing.result(record, one) for record, one in zip(records, one_each, strict=True)]

    def _ask(self, server: ModelServer, body: bytes) -> bytes:
        kind = self._input.get("ContentType") or "application/octet-stream"
        request = ModelRequest(body, kind, self._output.get("Accept") or "*/*")
        retries = (self._job.parameters.get("ModelClientConfig") or {}).get("InvocationsMaxRetries", 0)
        while True:
            try:
                answer = server.invoke(request)
            except (ModelTimeout, ModelUnreachable) as error:
                words, wrong = f"AlgorithmError: 500: {error or 'no answer in time'}", True
            else:
                if answer.status < 400:
                    return answer.body
                wrong = answer.status >= 500
                said = answer.body.decode("utf-8", "replace")
                words = f"{'AlgorithmError' if wrong else 'ClientError'}: {answer.status}: {said}"
            if not wrong or retries <= 0:
                raise TransformError(words)
            retries -= 1

    def _stop_others(self) -> None:
        # The job has failed with this object: what has not begun need not begin.
        self._stop.set()

    def _capture(self, objects: list[S3Object]) -> None:
        """Write which objects went in and came out, as DataCaptureConfig asks.

        https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html
        """
        config = self._job.parameters.get("DataCaptureConfig")
        if not config:
            return
        bucket, prefix = split_uri(config["DestinationS3Uri"])
        hour = time.strftime("%Y/%m/%d/%H", time.gmtime())
        source = self._input["DataSource"]["S3DataSource"]["S3Uri"]
        told = {
            "input": [{"prefix": source.rpartition("/")[0] + "/"}, *(item.path for item in objects)],
            "output": [
                {"prefix": self._output["S3OutputPath"].rstrip("/") + "/"},
                *(f"{item.path}.out" for item in objects),
            ],
        }
        for side, manifest in told.items():
            parts = (prefix.rstrip("/"), side, hour, f"{uuid.uuid4()}.json")
            key = "/".join(part for part in parts if part)
            self._s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())


def _stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000"
