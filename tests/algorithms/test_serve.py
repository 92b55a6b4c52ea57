"""The ``serve`` program, as SageMaker's hosting calls it: over HTTP, with no torch in sight."""

import io
import json
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from harness.algorithms.image_classification.__main__ import main
from harness.algorithms.image_classification.artifact import load_artifact, pack_artifact, save_artifact
from tests.waiting import until

from .conftest import PROGRAM, png, random_artifact

RANDOM = np.random.default_rng(0)
IMAGES = [png(RANDOM.integers(0, 256, (16, 16, 3), dtype=np.uint8)) for _ in range(12)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("opt-ml")
    save_artifact(random_artifact(), root / "model", batch=32)
    return root


@pytest.fixture(scope="module")
def server(root, serve):
    return serve(root)


@pytest.fixture(scope="module")
def classifier(root):
    from harness.algorithms.image_classification.classifier import Classifier

    return Classifier(load_artifact(root / "model"))


def test_ping_is_answered(server):
    status, headers, body = server.request("GET", "/ping")
    assert (status, body, headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "application/x-image", "IMAGE/PNG; q=1"])
def test_an_image_is_answered_with_probabilities(server, content_type):
    status, headers, body = server.invoke(IMAGES[0], content_type)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert sum(json.loads(body)) == pytest.approx(1)


def test_a_jpeg_is_read(server):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 10, 10)).save(buffer, "JPEG")
    assert server.invoke(buffer.getvalue(), "image/jpeg")[0] == 200


def test_digits_are_those_of_float32_as_in_real_captures(server, real_data):
    shape = re.compile(r"\[\d\.\d+(?:e-\d\d)?, \d\.\d+(?:e-\d\d)?\]")
    text = server.invoke(IMAGES[1])[2].decode()
    captures = (real_data / "aws-truth" / "capture").glob("*.jsonl")
    real = [json.loads(line) for path in captures for line in path.read_text().splitlines()]
    for answer in [text, *(record["captureData"]["endpointOutput"]["data"] for record in real)]:
        assert shape.fullmatch(answer)
        assert answer == json.dumps(np.array(json.loads(answer), np.float32).tolist())


def test_json_lines_are_answered_where_asked_for(server):
    status, headers, body = server.invoke(IMAGES[0], Accept="application/jsonlines")
    assert (status, headers["Content-Type"]) == (200, "application/jsonlines")
    assert body.endswith(b"\n") and json.loads(body)["prediction"] == json.loads(server.invoke(IMAGES[0])[2])


def test_an_image_of_another_size_is_resized(server):
    small = Image.open(io.BytesIO(IMAGES[2]))
    large = io.BytesIO()
    small.resize((64, 64), Image.Resampling.NEAREST).save(large, "PNG")
    answers = [json.loads(server.invoke(image)[2]) for image in (IMAGES[2], large.getvalue())]
    np.testing.assert_allclose(answers[0], answers[1], atol=0.05)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "neither PNG nor JPEG"),
        (b"not an image", "neither PNG nor JPEG"),
        (IMAGES[0][:60], "cannot be decoded"),
    ],
)
def test_a_bad_image_is_the_clients_error(server, body, words):
    status, _, text = server.invoke(body)
    assert status == 400
    assert text.decode().startswith("Unable to evaluate payload provided: ") and words in text.decode()


def test_another_content_type_is_refused(server):
    status, _, text = server.invoke(b"1,2", "text/csv")
    assert status == 415 and b"text/csv" in text and b"image/png" in text


def test_other_paths_and_bodies_without_length_are_refused(server):
    assert server.request("GET", "/elsewhere")[0] == 404
    assert server.request("POST", "/elsewhere", b"x")[0] == 404
    connection = server.connect()
    connection.putrequest("POST", "/invocations")
    connection.endheaders()
    assert connection.getresponse().status == 411


def test_a_body_above_the_limit_is_refused_unread(server):
    connection = server.connect()
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_a_connection_is_kept_after_an_error(server):
    connection = server.connect()
    for body, expected in ((b"bad", 400), (IMAGES[0], 200), (b"", 400), (IMAGES[0], 200)):
        headers = {"Content-Type": "image/png"}
        assert server.request("POST", "/invocations", body, headers, connection)[0] == expected


def test_concurrent_requests_get_each_their_own_answer(server):
    alone = [server.invoke(image)[2] for image in IMAGES]
    wrong = []

    def client():
        connection = server.connect()
        for image, expected in list(zip(IMAGES, alone, strict=True)) * 3:
            answer = server.request("POST", "/invocations", image, {"Content-Type": "image/png"}, connection)
            if answer[2] != expected:
                wrong.append(answer)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in clients)


def test_calls_that_wait_are_computed_together(classifier, monkeypatch):
    compute, sizes = classifier.probabilities, []
    entered, proceed = threading.Event(), threading.Event()

    def slow(images):
        sizes.append(len(images))
        entered.set()
        proceed.wait(10)
        return compute(images)

    monkeypatch.setattr(classifier, "probabilities", slow)
    answers = {}
    threads = [
        threading.Thread(target=lambda index=index: answers.update({index: classifier.classify(IMAGES[index])}))
        for index in range(6)
    ]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(classifier._waiting) == 5)
    proceed.set()
    for thread in threads:
        thread.join(10)
    assert sizes == [1, 5]
    monkeypatch.undo()
    for index, answer in answers.items():
        np.testing.assert_array_equal(answer, classifier.classify(IMAGES[index]))


def test_a_failed_computation_fails_its_own_calls_and_no_later_ones(classifier, monkeypatch):
    def fail(images):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(classifier, "probabilities", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        classifier.classify(IMAGES[0])
    monkeypatch.undo()
    assert classifier.classify(IMAGES[0]).shape == (2,)


def test_a_packed_model_is_served_and_sigterm_ends_it(tmp_path, serve):
    save_artifact(random_artifact(), tmp_path / "unpacked", batch=32)
    (tmp_path / "model").mkdir()
    pack_artifact(tmp_path / "unpacked", tmp_path / "model" / "model.tar.gz")
    server = serve(tmp_path)
    assert server.invoke(IMAGES[0])[0] == 200
    assert server.stop() == 0


def test_multi_label_answers_a_probability_for_each_class(tmp_path, serve):
    save_artifact(random_artifact(classes=3, multi_label=True), tmp_path / "model", batch=32)
    probabilities = json.loads(serve(tmp_path).invoke(IMAGES[0])[2])
    assert len(probabilities) == 3 and all(0 < value < 1 for value in probabilities)
    assert sum(probabilities) != pytest.approx(1, abs=1e-3)


def test_a_damaged_model_does_not_start_and_says_why(tmp_path, serve):
    save_artifact(random_artifact(), tmp_path / "model", batch=32)
    (tmp_path / "model" / "image-classification-0003.params").write_bytes(b"damaged")
    server = serve(tmp_path)
    assert "Customer Error: The parameters are cut short" in server.first_line
    assert server.process.wait(10) == 1


def test_serving_imports_no_torch(root):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from harness.algorithms.image_classification.artifact import load_artifact\n"
        "from harness.algorithms.image_classification.classifier import Classifier\n"
        "import harness.algorithms.image_classification.serve, pathlib\n"
        f"Classifier(load_artifact(pathlib.Path({str(root / 'model')!r})))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == ""


def test_the_command_explains_itself():
    told = subprocess.run([*PROGRAM, "serve", "--help"], capture_output=True, text=True).stdout
    assert "--root" in told and "--port" in told


def test_onnx_runtime_is_told_to_call_nobody(root, monkeypatch):
    """It tells Microsoft what it runs on, unless this variable is there before it is imported."""
    told = []
    monkeypatch.setattr(sys, "argv", ["image-classification", "serve", "--root", str(root)])
    monkeypatch.setattr(
        "harness.algorithms.image_classification.serve.run_server",
        lambda *_: told.append(os.environ.get("ORT_DISABLE_TELEMETRY")),
    )
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "")  # put back behind this test
    main()
    assert told == ["1"]
