"""What a job or a request fails of, in AWS's two kinds: the customer's fault, or the algorithm's."""

from __future__ import annotations


class CustomerError(Exception):
    """The input is at fault: a hyperparameter, a channel, an image, an artifact.

    AWS's failure reason then begins ``ClientError:``, its log line ``Customer Error:``. An underlying cause is named
    the way AWS's algorithms name it: ``(caused by ValidationError)``. A *detail* is what AWS's words leave out: it goes
    to the log, beside them.
    """

    def __init__(self, message: str, cause: str = "", detail: str = "") -> None:
        super().__init__(f"{message} (caused by {cause})" if cause else message)
        self.detail = detail


class ArtifactError(CustomerError):
    """A model artifact is malformed, truncated, too large, or holds what its format does not allow."""


def failure_reason(error: Exception) -> str:
    """Return what goes to ``/opt/ml/output/failure``, and from there to ``FailureReason``.

    An error nobody foresaw is the algorithm's, and names its class as AWS does: ``AlgorithmError: pos_cls_weights
    (caused by KeyError)``.
    """
    if isinstance(error, CustomerError):
        return f"ClientError: {error}"
    return f"AlgorithmError: {error} (caused by {type(error).__name__})"


def log_line(error: Exception) -> str:
    """Return the same failure as AWS's training log words it, with its detail."""
    kind, _, text = failure_reason(error).partition(": ")
    detail = f" ({error.detail})" if isinstance(error, CustomerError) and error.detail else ""
    return f"{'Customer Error' if kind == 'ClientError' else 'Algorithm Error'}: {text}{detail}"
