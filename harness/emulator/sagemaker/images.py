"""Container images: built-in algorithms that we have a program for, frameworks, stubs, and what needs Docker."""

from __future__ import annotations

from enum import Enum

BUILT_IN = {
    "image-classification": "harness.algorithms.image_classification",
    "sagemaker-model-monitor-analyzer": "harness.algorithms.model_monitor",
}
"""Built-in algorithms by the name of their repository, and the module that is their program.

https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
"""
_STUB = "stub"
_FRAMEWORKS = ("sagemaker-scikit-learn", "sagemaker-xgboost", "pytorch-", "tensorflow-", "huggingface-pytorch-")
"""How the names of AWS's framework containers begin."""


_NOT_HERE = frozenset(
    {
        *("blazingtext", "factorization-machines", "forecasting-deepar", "image-classification-neo", "ipinsights"),
        *("kmeans", "knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca"),
        *("randomcutforest", "semantic-segmentation", "seq2seq"),
    }
)
"""AWS's other built-in algorithms: their images are AWS's alone, with Docker or without."""


class ImageKind(Enum):
    """How an image is run."""

    BUILT_IN = "built-in"
    STUB = "stub"
    FRAMEWORK = "framework"
    CONTAINER = "container"


def repository_of(image: str) -> str:
    """Return the last part of an image's repository.

    ``image-classification`` of ``123456789012.dkr.ecr.us-east-1.amazonaws.com/image-classification:1``.
    """
    name = image.rpartition("/")[2]
    return name.partition("@")[0].partition(":")[0]


def kind_of(image: str) -> ImageKind:
    """How *image* is run: by our program, a framework's environment, a made-up answer (``stub...``), or a container."""
    repository = repository_of(image)
    if repository in BUILT_IN:
        return ImageKind.BUILT_IN
    if repository.startswith(_STUB):
        return ImageKind.STUB
    return ImageKind.FRAMEWORK if repository.startswith(_FRAMEWORKS) else ImageKind.CONTAINER


def not_emulated(image: str) -> str | None:
    """Return the name of the built-in algorithm that *image* is, where it is one that nothing here runs."""
    repository = repository_of(image)
    return repository if repository in _NOT_HERE and ".dkr.ecr." in image else None
