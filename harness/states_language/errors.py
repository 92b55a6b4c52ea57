"""What goes wrong in the language itself: an evaluation that fails, an expression that is not well formed."""

from __future__ import annotations


class EvaluationError(Exception):
    """A path, an intrinsic function, a template or an expression could not be evaluated.

    Every evaluator of the language raises this one and nothing else for what a definition's author or the data did; the
    execution turns it into the state's failure, which Retry and Catch may see.

    Attributes:
        error: the error's name: ``States.ParameterPathFailure``, ``States.IntrinsicFailure``, ``States.Runtime``,
            ``States.QueryEvaluationError``, ``States.DataLimitExceeded``.
        cause: what AWS says, without the words about state and event id that the execution puts around it. A JSONata
            expression alone says how it ended, ``returned nothing (undefined).`` or ``threw an error during evaluation.
            T1006: Attempted to invoke a non-function``; a path why, ``Missing property in path $['no']``. The field
            that holds it puts the text and the field's name around that.
        location: the field of a JSONata state in which it happened, ``Output/result``, or None.
    """

    def __init__(self, error: str, cause: str, location: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location


class SyntaxFault(ValueError):
    """A path, an intrinsic function or an expression is not well formed; told when a definition is parsed.

    Attributes:
        field: the field of a JSONata state that holds it, ``Output/result``, or None.
    """

    field: str | None = None


class UnsupportedFault(SyntaxFault):
    """An expression refers to what Step Functions does not have; its arguments say to what."""
