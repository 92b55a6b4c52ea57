"""Activities and their workers, and all that is sent for a task token.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_text, structure, text
from harness.emulator.stepfunctions.arns import check_arn, check_name
from harness.emulator.stepfunctions.machine_records import moment
from harness.emulator.stepfunctions.pages import page_of
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.store import Store
from harness.emulator.stepfunctions.tag_members import check_tags, tags_of
from harness.states_language.effects import Failure, Heartbeat, Reply, Result, Scheduled

_LONG_POLL = 60.0
"""Seconds that GetActivityTask waits for a task."""


@dataclass
class Waiting:
    """A task token that somebody waits for.

    Attributes:
        reply: what to do with what is sent; None while the call that was given the token is under way.
        early: what was sent meanwhile.
    """

    reply: Callable[[Reply], None] | None = None
    early: list[Reply] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        """Whether a result or a failure was sent already."""
        return any(not isinstance(reply, Heartbeat) for reply in self.early)


class Tokens:
    """The task tokens that executions wait for. For the scheduler's thread, but for the operations.

    Args:
        scheduler: on whose thread executions are told.
        store: remembers the tokens that were waited for once.
    """

    def __init__(self, scheduler: Scheduler, store: Store) -> None:
        self._scheduler = scheduler
        self._store = store
        self._waiting: dict[str, Waiting] = {}

    def announce(self, token: str) -> None:
        """From now on, what is sent for *token* is kept."""
        self._waiting.setdefault(token, Waiting())

    def wait(self, token: str, reply: Callable[[Reply], None]) -> None:
        """Hand what is sent for *token* to *reply*."""
        waiting = self._waiting.setdefault(token, Waiting())
        waiting.reply = reply
        early, waiting.early = waiting.early, []
        for sent in early:
            self._scheduler.post(lambda sent=sent: self._hand_on(token, sent))  # type: ignore[misc]

    def _hand_on(self, token: str, sent: Reply) -> None:
        waiting = self._waiting.get(token)
        if waiting is None or waiting.reply is None:
            return
        if not isinstance(sent, Heartbeat):
            self.drop(token)
        waiting.reply(sent)

    def drop(self, token: str) -> None:
        """Nobody waits for *token* any more."""
        if self._waiting.pop(token, None) is not None:
            self._store.spend(token)

    # Operations

    def succeed(self, call: Call) -> Members:
        """SendTaskSuccess."""
        output = text(call.parameters, "output")
        try:
            value = json.loads(output)
        except ValueError:
            raise AwsError("InvalidOutput", f"Invalid Output: '{output}'") from None
        self._send(call, Result(value))
        return {}

    def fail(self, call: Call) -> Members:
        """SendTaskFailure."""
        given = call.parameters
        self._send(call, Failure(optional_text(given, "error"), optional_text(given, "cause")))
        return {}

    def heartbeat(self, call: Call) -> Members:
        """SendTaskHeartbeat."""
        self._send(call, Heartbeat())
        return {}

    def _send(self, call: Call, reply: Reply) -> None:
        token = text(call.parameters, "taskToken")
        self._scheduler.ask(lambda: self._receive(token, reply))

    def _receive(self, token: str, reply: Reply) -> None:
        waiting = self._waiting.get(token)
        if waiting is None or waiting.is_answered:
            if waiting is not None or self._store.is_spent(token):
                raise AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
            raise AwsError("InvalidToken", "Invalid Token: 'Invalid token'")
        if waiting.reply is None:
            waiting.early.append(reply)
            return
        if not isinstance(reply, Heartbeat):
            self.drop(token)
        waiting.reply(reply)


@dataclass
class _Offer:
    """A task for a worker."""

    input: str
    token: str
    take: Callable[[Reply], None]


@dataclass
class _Activity:
    arn: str
    made: float
    tags: dict[str, str] = field(default_factory=dict)
    encryption: Members | None = None


class Activities:
    """The activities of an emulator.

    Args:
        scheduler: on whose thread executions are told.
        store: keeps them.
        tokens: the tokens of tasks that workers have.
        now: the time, in seconds since the epoch.
    """

    def __init__(self, scheduler: Scheduler, store: Store, tokens: Tokens, now: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._store = store
        self._tokens = tokens
        self._now = now
        self._changed = threading.Condition()
        self._activities = {arn: _Activity(**record) for arn, record in store.resources("activity")}
        self._offers: dict[str, deque[_Offer]] = {}
        self._closed = False

    # For the scheduler's thread

    def offer(self, activity: str, input: str, token: str, reply: Callable[[Reply], None]) -> None:
        """Offer a task to the workers of an activity.

        Args:
            activity: its ARN.
            input: the task's, JSON text.
            token: by which a worker answers.
            reply: told who takes the task, and what comes of it.
        """
        self._tokens.wait(token, reply)
        with self._changed:
            self._offers.setdefault(activity, deque()).append(_Offer(input, token, reply))
            self._changed.notify_all()

    def withdraw(self, activity: str, token: str) -> None:
        """Offer it no longer; nobody waits for its token."""
        with self._changed:
            offers = self._offers.get(activity, deque())
            for offer in [offer for offer in offers if offer.token == token]:
                offers.remove(offer)
        self._tokens.drop(token)

    def exists(self, arn: str) -> bool:
        """Whether there is such an activity."""
        return arn in self._activities

    def tags(self, arn: str) -> dict[str, str] | None:
        """Return the tags of an activity, None where there is none."""
        found = self._activities.get(arn)
        return found.tags if found is not None else None

    def save(self, arn: str) -> None:
        """Keep an activity as it is now."""
        activity = self._activities[arn]
        self._store.put("activity", arn, activity.__dict__)

    def close(self) -> None:
        """Let go who waits for a task."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # Operations

    def create(self, call: Call) -> Members:
        """CreateActivity; asked again, it answers the same."""
        name = text(call.parameters, "name")
        check_name(name)
        arn = f"arn:aws:states:{call.region}:{call.account}:activity:{name}"
        tags = tags_of(call)
        check_tags(arn, tags)
        with self._changed:
            activity = self._activities.get(arn)
            if activity is None:
                encryption = structure(call.parameters, "encryptionConfiguration")
                activity = self._activities[arn] = _Activity(arn, self._now(), tags, encryption or None)
                self.save(arn)
        return {"activityArn": arn, "creationDate": moment(activity.made)}

    def describe(self, call: Call) -> Members:
        """DescribeActivity."""
        activity = self._find(text(call.parameters, "activityArn"))
        answer: dict[str, object] = {
            "activityArn": activity.arn,
            "name": activity.arn.split(":")[6],
            "creationDate": moment(activity.made),
        }
        if activity.encryption:
            answer["encryptionConfiguration"] = activity.encryption
        return answer

    def delete(self, call: Call) -> Members:
        """DeleteActivity; there need not be one."""
        arn = text(call.parameters, "activityArn")
        check_arn(arn, "activity")
        with self._changed:
            if self._activities.pop(arn, None) is not None:
                self._store.remove(arn)
        return {}

    def list(self, call: Call) -> Members:
        """ListActivities."""
        prefix = f"arn:aws:states:{call.region}:{call.account}:"
        with self._changed:
            items = [
                {"activityArn": arn, "name": arn.split(":")[6], "creationDate": moment(activity.made)}
                for arn, activity in self._activities.items()
                if arn.startswith(prefix)
            ]
        return page_of(items, "activities", call.parameters)

    def take(self, call: Call) -> Members:
        """GetActivityTask: waits for a task for a minute; the answer is empty where none came."""
        arn = text(call.parameters, "activityArn")
        self._find(arn)
        with self._changed:
            got = self._changed.wait_for(lambda: self._offers.get(arn) or self._closed, _LONG_POLL)
            if not got or self._closed:
                return {}
            offer = self._offers[arn].popleft()
        worker = optional_text(call.parameters, "workerName")
        self._scheduler.post(lambda: offer.take(Scheduled(worker)))
        return {"taskToken": offer.token, "input": offer.input}

    def _find(self, arn: str) -> _Activity:
        check_arn(arn, "activity")
        activity = self._activities.get(arn)
        if activity is None:
            raise AwsError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return activity
