"""An artifact ready to answer: ONNX Runtime behind a call that may come from many threads."""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime

from harness.algorithms.image_classification.artifact import Artifact
from harness.algorithms.image_classification.images import Pixels, decode_image, pixels, resize_to
from harness.algorithms.image_classification.onnx_graph import to_onnx

MAX_BATCH = 32
"""Images that are computed together, where that many are waiting."""

Probabilities = npt.NDArray[np.float32]


@dataclass(eq=False)
class _Request:
    image: Pixels
    answer: Probabilities | None = None
    error: Exception | None = None


class Classifier:
    """Probabilities of images' classes.

    Concurrent calls are computed together: whichever comes first to the network takes along all that wait. A call
    that is alone waits for none, and its answer has the same digits as within a batch.
    """

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        """Load the network into ONNX Runtime.

        Args:
            artifact: network, weights and number of classes.
            threads: that one computation uses; by default one for each core, up to four.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(4, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        # Threads that spin for work would take the cores of the other endpoints on this machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(to_onnx(artifact), options, ["CPUExecutionProvider"])
        self._shape = artifact.input_shape
        self._turn = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self.probabilities([np.zeros((*self._shape[1:], self._shape[0]), np.uint8)])

    def classify(self, encoded: bytes) -> Probabilities:
        """Return the probabilities (one for each class) of a PNG or JPEG.

        Raises:
            CustomerError: it cannot be decoded.
        """
        channels, height, width = self._shape
        image = pixels(resize_to(decode_image(encoded, channels), height, width))
        request = _Request(image)
        self._waiting.append(request)
        with self._turn:
            while request.answer is None and request.error is None:
                self._answer_waiting()
        if request.error is not None:
            raise request.error
        assert request.answer is not None
        return request.answer

    def probabilities(self, images: list[Pixels]) -> Probabilities:
        """Probabilities (images x classes) of decoded images of the network's size."""
        data = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32)
        result: Probabilities = self._session.run(None, {"data": data})[0]
        return result

    def _answer_waiting(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            answers = self.probabilities([request.image for request in batch])
        except Exception as error:
            for request in batch:
                request.error = error
            return
        for request, answer in zip(batch, answers, strict=True):
            request.answer = answer
