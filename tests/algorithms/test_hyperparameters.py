"""The hyperparameters: AWS's names, defaults and ranges, and AWS's words for a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.algorithms.image_classification.errors import CustomerError
from harness.algorithms.image_classification.hyperparameters import Hyperparameters

REQUIRED = {"num_classes": "2", "num_training_samples": "1000"}
DOCUMENTED = {
    "augmentation_type": None, "beta_1": 0.9, "beta_2": 0.999, "checkpoint_frequency": None, "early_stopping": False,
    "early_stopping_min_epochs": 10, "early_stopping_patience": 5, "early_stopping_tolerance": 0.0, "epochs": 30,
    "eps": 1e-8, "gamma": 0.9, "image_shape": (3, 224, 224), "kv_store": None, "learning_rate": 0.1,
    "lr_scheduler_factor": 0.1, "lr_scheduler_step": None, "mini_batch_size": 32, "momentum": 0.9, "multi_label": 0,
    "num_layers": 152, "optimizer": "sgd", "precision_dtype": "float32", "resize": None, "top_k": None,
    "use_pretrained_model": 0, "use_weighted_loss": 0, "weight_decay": 0.0001,
}  # fmt: skip


def parse(**given):
    return Hyperparameters.parse(REQUIRED | given)


def refusal(**given):
    with pytest.raises(CustomerError) as caught:
        parse(**given)
    return str(caught.value)


def test_defaults_are_those_of_the_documentation():
    chosen = parse()
    assert {name: getattr(chosen, name) for name in DOCUMENTED} == DOCUMENTED
    assert set(Hyperparameters.__dataclass_fields__) == set(DOCUMENTED) | set(REQUIRED)


def test_an_unknown_name_is_refused_in_the_words_of_aws():
    # https://docs.aws.amazon.com: the text is that of a failed job of this very algorithm.
    expected = (
        "Additional hyperparameters are not allowed ('augmentation type' was unexpected) (caused by ValidationError)"
    )
    assert refusal(**{"augmentation type": "crop"}) == expected
    assert "('a', 'b' were unexpected)" in refusal(a="1", b="2")


def test_required_names_are_asked_for_together():
    with pytest.raises(
        CustomerError, match=r"^No value\(s\) were specified for 'num_classes', 'num_training_samples' "
    ):
        Hyperparameters.parse({})


def test_a_word_that_is_no_choice_is_answered_with_the_choices():
    expected = (
        "The value 'sdg' is not valid for the 'optimizer' hyperparameter which accepts one of the following: "
        "'sgd', 'adam', 'rmsprop', 'nag' (caused by ValidationError)"
    )
    assert refusal(optimizer="sdg") == expected


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("epochs", "0", "an integer greater than 1"),
        ("epochs", "1.5", "an integer greater than 1"),
        ("num_classes", "two", "an integer greater than 1"),
        ("learning_rate", "1.01", "a number between 0 and 1"),
        ("momentum", "nan", "a number between 0 and 1"),
        ("weight_decay", "-1", "a number between 0 and 1"),
        ("top_k", "1", "an integer greater than 2"),
        ("mini_batch_size", "9" * 400, "an integer greater than 1"),
    ],
)
def test_numbers_out_of_range_are_answered_with_the_range(name, value, kind):
    text = refusal(**{name: value})
    assert text.startswith(
        f"The value '{value}' is not valid for the '{name}' hyperparameter which expects one of the "
    )
    assert text.endswith(f"; or {kind} (caused by ValidationError)")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"image_shape": "3,32"}, "'image_shape'"),
        ({"image_shape": "4,32,32"}, "channels must be 1 or 3"),
        ({"num_layers": "51"}, "'num_layers'"),
        ({"lr_scheduler_step": "10;20"}, "'lr_scheduler_step'"),
        ({"early_stopping": "yes"}, "'True', 'False'"),
        ({"checkpoint_frequency": "4", "epochs": "3"}, "no greater than epochs"),
        ({"top_k": "3"}, "no greater than num_classes"),
        ({"resize": "16", "image_shape": "3,32,32"}, "resize"),
        ({"use_pretrained_model": "1", "num_layers": "20"}, "num_layers"),
    ],
)
def test_other_mistakes_name_the_hyperparameter(given, words):
    assert words in refusal(**given)


@given(learning_rate=st.floats(0, 1), epochs=st.integers(1, 10**6), steps=st.lists(st.integers(0, 999), min_size=1))
def test_allowed_values_are_taken_as_text_and_as_numbers(learning_rate, epochs, steps):
    text = parse(learning_rate=str(learning_rate), epochs=str(epochs), lr_scheduler_step=", ".join(map(str, steps)))
    assert (text.learning_rate, text.epochs, text.lr_scheduler_step) == (learning_rate, epochs, tuple(steps))
    assert parse(learning_rate=learning_rate, epochs=epochs).learning_rate == learning_rate
