"""Consent: nothing billable is made before a person, or a limit that a person set, has agreed to the price."""

from __future__ import annotations

import sys
from collections.abc import Callable

from harness.cloud.estimate import Estimate
from harness.cloud.successor import Successor
from harness.settings import Settings
from harness.targets.target import Target


class ConsentError(RuntimeError):
    """Nobody has agreed to what it would cost; nothing was made."""


def require_consent(
    target: Target,
    settings: Settings,
    estimate: Estimate,
    ask: Callable[[str], bool] | None = None,
    successor: Successor | None = None,
) -> None:
    """Have the price agreed to: by a question at a terminal, or by ``--yes`` with ``--max-cost`` and ``--account``.

    Args:
        target: the account, the region, and as whom.
        settings: ``consent``, ``max_cost``, ``aws_account``.
        estimate: what it costs.
        ask: puts a question to a person; None for the terminal's own, where there is one.
        successor: what would be trained on in place of what was asked for, to which ``--yes`` does not agree.

    Raises:
        ConsentError: it was refused, or could not be asked for, or the run may cost more than ``max_cost``.
    """
    most = estimate.most_usd
    if settings.max_cost and most > settings.max_cost:
        raise ConsentError(
            f"the run may cost up to {most:.2f} USD, more than the limit of {settings.max_cost:.2f} USD: nothing was "
            "made. Raise --max-cost, or spend less: with --model (no training), HARNESS_TRAINING_MINUTES, "
            "HARNESS_LIFETIME_HOURS or smaller instances."
        )
    if successor is not None and (settings.consent == "yes" or (ask is None and not _is_at_terminal())):
        raise ConsentError(
            f"{successor}: nobody has agreed to that, and nothing was made. Agree with "
            f"HARNESS_TRAINING_INSTANCE={successor.instance_type}, or train nothing with --model."
        )
    if settings.consent == "yes":
        if not settings.max_cost:
            raise ConsentError("--yes needs --max-cost USD: what the run may cost at most. Nothing was made.")
        if not settings.aws_account:
            raise ConsentError("--yes needs --account ID: the account that is meant. Nothing was made.")
        return
    if ask is None and _is_at_terminal():
        ask = _ask_at_terminal
    if ask is None:
        raise ConsentError(
            f"the run costs about {estimate.expected_usd:.2f} USD, at most {most:.2f} USD, and nobody is here to "
            f"agree: nothing was made. Agree with --yes --max-cost {_round_up(most):g} --account {target.account_id}."
        )
    where = f"account {target.account_id} ({target.caller}), {target.region}"
    instead = "" if successor is None else f"{successor}. "
    if not ask(
        f"{instead}Make all this in {where}, for about {estimate.expected_usd:.2f} USD and at most {most:.2f} USD?"
    ):
        raise ConsentError("not agreed to: nothing was made.")


def _is_at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _round_up(usd: float) -> float:
    return int(usd * 10 + 1) / 10


def _ask_at_terminal(question: str) -> bool:
    return input(f"{question} [yes/no] ").strip().lower() in ("yes", "y")
