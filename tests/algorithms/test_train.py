"""The ``train`` program, on jobs of a few images: its contract, its log and the model that it leaves."""

import json
import os
import re
import signal
import subprocess

import numpy as np
import pytest

from harness.algorithms.image_classification.artifact import load_artifact, save_artifact
from harness.algorithms.image_classification.network import FAST_LAYOUT, build_symbol
from harness.algorithms.image_classification.train import run_training
from tests.waiting import hear

from .conftest import PROGRAM, random_artifact
from .test_samples import IMAGE, image_record, record

MESSAGE = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d (?:INFO|ERROR) \d+\] (.*)")


@pytest.fixture(autouse=True)
def keep_handlers():
    """The program takes SIGTERM over; the tests' own process must not keep that."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def train(capsys):
    """Runs a job here; its exit code and the messages of its log."""

    def run(job, **options):
        code = run_training(job.root, **options)
        return code, MESSAGE.findall(capsys.readouterr().out)

    return run


def accuracies(messages):
    return [float(text.rpartition("=")[2]) for text in messages if "] Validation-accuracy=" in text]


def test_the_best_epoch_is_the_artifact(torch, train, job):
    code, messages = train(job.with_lists().configure(epochs=4))
    assert code == 0
    reached = accuracies(messages)
    assert len(reached) == 4
    stored = [text for text in messages if text.startswith("Storing the best model with validation accuracy: ")]
    assert stored[-1] == f"Storing the best model with validation accuracy: {max(reached):f}"
    best = reached.index(max(reached)) + 1
    assert load_artifact(job.model).epoch == best
    assert {path.name for path in job.model.iterdir()} == {
        f"image-classification-{best:04d}.params",
        "image-classification-symbol.json",
        "model-shapes.json",
    }


def form(message):
    """A log message with its numbers and settings taken out."""
    message = re.sub(r"\{.*\}", "{}", message)
    message = re.sub(r"from \S*(image_classification)\S*:", "from X:", message)
    message = re.sub(r"\b(train|test|validation)\.lst", "LST", message)
    return re.sub(r"\d+(\.\d+)?(e-\d+)?", "N", message)


def test_the_log_has_the_lines_of_real_ones_in_their_order(torch, train, job, real_data):
    job.with_lists(train=42 * 4).configure(
        num_training_samples=168, mini_batch_size=4, num_layers=18, augmentation_type="crop"
    )
    _, ours = train(job)
    real = (real_data / "aws-truth" / "training-logs" / "resnet152-30-epochs-1.log").read_text()
    theirs = MESSAGE.findall(real)
    first_epoch = theirs[: theirs.index('Saved checkpoint to "/opt/ml/model/image-classification-0001.params"') + 1]
    expected = [form(text).replace("augmentation_type: None", "augmentation_type: crop") for text in first_epoch]
    local = ("Training on", "Epoch[N] Estimated remaining time")
    given = [form(text) for text in ours if not form(text).startswith(local)]
    # Two speed lines for 42 steps, where the real job had 31.
    speed = next(text for text in expected if "Speed" in text)
    given.remove(speed)
    assert given == expected


def test_metric_definitions_find_their_numbers(torch, train, job):
    _, messages = train(job.with_lists().configure(top_k=2, epochs=2))
    text = "\n".join(messages)
    for pattern in (
        r"Epoch\[\d+\] Train-accuracy=([0-9.]+)",
        r"Epoch\[\d+\] Validation-accuracy=([0-9.]+)",
        r"Epoch\[\d+\] Train-top_k_accuracy_2=([0-9.]+)",
        r"Epoch\[\d+\] Time cost=([0-9.]+)",
    ):
        assert len(re.findall(pattern, text)) == 2, pattern
    assert "Train-top_k_accuracy_2=1.000000" in text


def test_remaining_time_is_told(torch, train, job):
    _, messages = train(job.with_lists().configure(epochs=2))
    assert any(re.search(r"Estimated remaining time: \d+:\d\d:\d\d \(50% done\)", text) for text in messages)


def test_the_same_seed_gives_the_same_model(torch, train, job):
    def weights(seed):
        train(job.with_lists(), seed=seed)
        return load_artifact(job.model).parameters

    first, again, other = weights(3), weights(3), weights(4)
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "rmsprop"])
def test_every_optimizer_trains(torch, train, job, optimizer):
    rate = "0.05" if optimizer in ("sgd", "nag") else "0.001"
    job.with_lists().configure(optimizer=optimizer, learning_rate=rate, epochs=2, lr_scheduler_step="1")
    code, messages = train(job)
    assert code == 0 and len(accuracies(messages)) == 2


@pytest.mark.parametrize("kind", ["crop", "crop_color", "crop_color_transform"])
def test_every_augmentation_trains(torch, train, job, kind):
    code, _ = train(job.with_lists().configure(augmentation_type=kind, image_shape="3,12,12", resize=20))
    assert code == 0
    assert load_artifact(job.model).input_shape == (3, 12, 12)


def test_augmented_pixels_stay_in_their_range_and_differ():
    from harness.algorithms.image_classification.augment import augmentation

    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    vary = augmentation("crop_color_transform", np.random.default_rng(1))
    varied = [vary(image, 16, 16) for _ in range(20)]
    assert all(each.shape == (16, 16, 3) and each.dtype == np.uint8 for each in varied)
    assert len({each.tobytes() for each in varied}) == 20


def test_checkpoint_frequency_keeps_each_checkpoint(torch, train, job):
    train(job.with_lists().configure(epochs=4, checkpoint_frequency=2))
    names = sorted(path.name for path in job.model.glob("*.params"))
    assert names == ["image-classification-0002.params", "image-classification-0004.params"]


def test_early_stopping_ends_a_job_that_no_longer_improves(torch, train, job):
    job.with_lists().configure(
        epochs=30, learning_rate=0, early_stopping=True, early_stopping_min_epochs=2, early_stopping_patience=3
    )
    _, messages = train(job)
    # Without learning the moving statistics still settle, which may change an accuracy or two at first.
    seen = accuracies(messages)
    assert len(seen) == seen.index(max(seen)) + 1 + 3 < 30
    assert any(text.startswith("Early stopping") for text in messages)


def test_float16_and_grey_images_train(torch, train, job):
    code, _ = train(job.with_lists().configure(precision_dtype="float16", image_shape="1,16,16"))
    assert code == 0
    assert load_artifact(job.model).input_shape == (1, 16, 16)


def test_the_fast_recipe_learns_and_says_what_it_sets_aside(torch, train, job):
    code, messages = train(job.with_lists(train=128).configure(epochs=3), recipe="fast")
    assert code == 0
    assert max(accuracies(messages)) == 1.0
    told = "\n".join(messages)
    assert "Local recipe 'fast' (not AWS's training)" in told
    assert "sets aside the hyperparameters epochs, learning_rate, mini_batch_size, num_layers" in told
    assert load_artifact(job.model).symbol.to_json() == build_symbol(FAST_LAYOUT, 16, 2).to_json()


@pytest.mark.parametrize("weighted", [0, 1])
def test_multi_label_trains_from_an_augmented_manifest(torch, train, job, weighted):
    for channel in ("train", "validation"):
        settings = {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO"}
        folder = job.channel(channel, "application/x-recordio", **settings)
        labels = [[1, 0, 1], [0, 1, 1]] * 8
        pipe = b"".join(record(IMAGE) + record(json.dumps(label).encode()) for label in labels)
        folder.with_name(f"{channel}_0").write_bytes(pipe)
    job.configure(num_classes=3, num_training_samples=16, multi_label=1, use_weighted_loss=weighted)
    code, _ = train(job)
    assert code == 0
    assert load_artifact(job.model).symbol.nodes[-1].op == "LogisticRegressionOutput"


def test_recordio_trains(torch, train, job):
    for channel in ("train", "validation"):
        folder = job.channel(channel, "application/x-recordio")
        (folder / f"{channel}.rec").write_bytes(b"".join(image_record([index % 2]) for index in range(16)))
    assert train(job.configure(num_training_samples=16))[0] == 0


def test_a_job_goes_on_from_the_model_channel(torch, train, job):
    parent = random_artifact(FAST_LAYOUT)
    job.with_lists()
    save_artifact(parent, job.channel("model", "application/x-sagemaker-model"), batch=8)
    code, messages = train(job.configure(), recipe="fast")
    assert code == 0
    assert "Using the model in /opt/ml/input/data/model for initializing weights." in messages
    assert load_artifact(job.model).symbol.to_json() == parent.symbol.to_json()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"num_classes": 3}, "num_classes 2"),
        ({"num_layers": 32}, "num_layers 32"),
        ({"image_shape": "3,12,12"}, "3,16,16"),
    ],
)
def test_a_model_of_other_settings_is_refused(train, job, given, words):
    job.with_lists()
    save_artifact(random_artifact(), job.channel("model"), batch=8)
    code, _ = train(job.configure(**given))
    assert code == 2 and words in job.failure and job.failure.startswith("ClientError: ")


def test_a_job_without_validation_fails_in_the_words_of_aws(train, job):
    job.channel("train")
    code, messages = train(job.configure())
    assert code == 2
    assert job.failure.startswith("ClientError: Unable to initialize the algorithm. Failed to validate input data")
    assert "'validation' is a required property" in job.failure
    assert messages[-1].startswith("Customer Error: ")


def test_fewer_images_than_a_batch_are_refused_in_the_words_of_aws(train, job):
    train(job.with_lists(train=4))
    assert job.failure == "ClientError: The number of input images must be bigger or equal to the mini_batch_size."


def test_a_wrong_hyperparameter_fails_the_job(train, job):
    code, messages = train(job.with_lists().configure(epoch=3))
    reason = "Additional hyperparameters are not allowed ('epoch' was unexpected) (caused by ValidationError)"
    assert (code, job.failure) == (2, f"ClientError: {reason}")
    assert messages[-1] == f"Customer Error: {reason}"


def test_pretrained_weights_are_told_to_be_missing(train, job):
    code, _ = train(job.with_lists().configure(use_pretrained_model=1, num_layers=18))
    assert code == 2
    assert "ImageNet weights" in job.failure and "'model' channel" in job.failure


def test_recipes_of_our_own_go_on_without_pretrained_weights_and_say_so(train, job):
    code, messages = train(job.with_lists().configure(use_pretrained_model=1, num_layers=18), recipe="linear")
    assert code == 0
    assert any("'linear' goes on with weights of its own" in message for message in messages)


def test_what_nobody_foresaw_is_the_algorithms_error(train, job, monkeypatch):
    def fail(given):
        raise KeyError("pos_cls_weights")

    monkeypatch.setattr("harness.algorithms.image_classification.train.Hyperparameters.parse", fail)
    code, _ = train(job.with_lists())
    assert (code, job.failure) == (1, "AlgorithmError: 'pos_cls_weights' (caused by KeyError)")


def test_training_that_diverges_says_so(torch, train, job):
    job.with_lists()
    broken = random_artifact(FAST_LAYOUT)
    broken.parameters["fc_bias"][:] = 3e38
    broken.parameters["fc_weight"][:] = 3e38
    save_artifact(broken, job.channel("model"), batch=8)
    code, _ = train(job.configure(), recipe="fast")
    assert code == 2 and "training diverged" in job.failure


def test_sigterm_ends_a_job_with_its_best_model(torch, job):
    job.with_lists().configure(epochs=10_000)
    process = subprocess.Popen([*PROGRAM, "train", "--root", str(job.root)], stdout=subprocess.PIPE, text=True)
    hear(process, "Saved checkpoint")
    os.kill(process.pid, signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Received SIGTERM" in rest
    assert load_artifact(job.model).epoch >= 1
    assert not (job.root / "output" / "failure").exists()
