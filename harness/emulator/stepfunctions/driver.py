"""Drives executions: effects go to who carries them out, replies come back.

All of it happens on the scheduler's thread, but for calls to services, which a pool makes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from harness.emulator.door.errors import AwsError
from harness.emulator.stepfunctions.activities import Activities, Tokens
from harness.emulator.stepfunctions.clock import Timeline
from harness.emulator.stepfunctions.integrations.registry import POLL_SECONDS, Integrations
from harness.emulator.stepfunctions.integrations.resource import parse_resource
from harness.emulator.stepfunctions.layers import Intercepted, Layer
from harness.emulator.stepfunctions.run import Maps, Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.states_language.effects import (
    AwaitActivity,
    AwaitJob,
    AwaitToken,
    CallResource,
    Cancel,
    Effect,
    Failure,
    Heartbeat,
    Json,
    MapRunStarted,
    Reply,
    Result,
    RunMap,
    Scheduled,
    Wait,
)
from harness.states_language.text import dumps

logger = logging.getLogger(__name__)

_NEVER = 1e7
"""Seconds for which a task is silent that is not to answer."""
_INTERMEDIATE = (Heartbeat, MapRunStarted, Scheduled)


class Driver:
    """Drives executions. For the scheduler's thread.

    Args:
        scheduler: whose thread it is.
        integrations: carry out tasks.
        tokens: that tasks wait for.
        activities: whose workers take tasks.
        layers: look at each call before it is made, the first one first.

    Attributes:
        running: executions that run, by ARN.
        maps: carries out Distributed Maps.
        finished: told when an execution has ended, before anybody else is.
        left: told when nobody finds it among those that run any more.
        after_step: told after each step of an execution that still runs.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        integrations: Integrations,
        tokens: Tokens,
        activities: Activities,
        layers: Sequence[Layer],
    ) -> None:
        self._scheduler = scheduler
        self._integrations = integrations
        self._tokens = tokens
        self._activities = activities
        self._layers = layers
        self.finished: Callable[[Run], None] = lambda run: None
        self.left: Callable[[Run], None] = lambda run: None
        self.after_step: Callable[[Run], None] = lambda run: None
        self._wall = Timeline(*scheduler.clock.wall)
        self.maps: Maps | None = None
        self.running: dict[str, Run] = {}

    def refusal(self, resource: str, arguments: Json) -> str | None:
        """Why a task is not even scheduled, or None."""
        named = parse_resource(resource)
        if named is not None and named.service == "activity":
            return None if self._activities.exists(resource) else f"The activity {resource} does not exist."
        fault = self._integrations.fault(resource, arguments)
        if fault is None:
            return None
        return f"The Parameters '{dumps(arguments)}' could not be used to start the Task: [{fault}]"

    def start(self, run: Run) -> None:
        """Have *run* begin."""
        self.running[run.arn] = run
        self._step(run, run.told.start(run.kept.started))

    def go_on(self, run: Run, effects: Sequence[Effect]) -> None:
        """Have *run* go on with *effects*."""
        self.running[run.arn] = run
        self._step(run, effects)

    def reply(self, run: Run, effect: Effect, reply: Reply, now: float | None = None) -> None:
        """Send *reply* to an effect that is under way; what was given up is not told.

        Args:
            run: the execution.
            effect: that is answered.
            reply: the result, the failure, or word that it goes on.
            now: seconds since the epoch; None: the time of the execution's timeline.
        """
        if effect.id not in run.undo:
            return
        if not isinstance(reply, _INTERMEDIATE):
            del run.undo[effect.id]
        if isinstance(effect, CallResource) and effect.token is not None and isinstance(reply, Failure):
            self._tokens.drop(effect.token)  # what was not begun is not waited for
        moment = run.timeline.now() if now is None else now
        self._step(run, run.told.reply(effect.id, reply, moment))

    def _step(self, run: Run, effects: Sequence[Effect]) -> None:
        for effect in effects:
            self._carry_out(run, effect)
        run.moved = self._scheduler.clock.wall_time()
        if run.log is not None:
            run.log.add(run.execution.events[run.logged :], run.kept.redrives)
            run.logged = len(run.execution.events)
        if run.execution.status == "RUNNING":
            self._scheduler.touch(run.timeline)
            self.after_step(run)
        elif run.arn in self.running:
            for undo in list(run.undo.values()):
                undo()
            run.undo.clear()
            self.finished(run)
            del self.running[run.arn]
            run.ended.set()
            self.left(run)
            for tell in run.on_end:
                tell(run)

    def _carry_out(self, run: Run, effect: Effect) -> None:
        match effect:
            case Wait():
                self._wait(run, effect)
            case CallResource():
                self._call(run, effect)
            case AwaitJob():
                self._await_job(run, effect)
            case AwaitToken():
                self._await_token(run, effect)
            case AwaitActivity():
                run.undo[effect.id] = lambda: self._activities.withdraw(effect.activity, effect.token)
                self._activities.offer(
                    effect.activity, effect.input, effect.token, lambda reply: self.reply(run, effect, reply)
                )
            case RunMap():
                assert self.maps is not None
                run.undo[effect.id] = lambda: None
                run.undo[effect.id] = self.maps.run(run, effect, lambda reply: self.reply(run, effect, reply))
            case Cancel():
                undo = run.undo.pop(effect.target, None)
                if undo is not None:
                    undo()

    def _wait(self, run: Run, effect: Wait) -> None:
        timer = self._scheduler.at(
            run.timeline, effect.until, lambda now: self.reply(run, effect, None, now), effect.limit
        )
        run.undo[effect.id] = timer.cancel

    # Calls

    def _call(self, run: Run, effect: CallResource) -> None:
        token = effect.token
        run.undo[effect.id] = (lambda: None) if token is None else (lambda: self._tokens.drop(token))
        if token is not None:
            self._tokens.announce(token)
        for layer in self._layers:
            try:
                intercepted = layer(run, effect)
            except (AwsError, ValueError) as error:  # a mock that the service could not answer is told as a failure
                intercepted = Intercepted(Failure("States.Runtime", str(error)))
            if intercepted is not None:
                self._intercept(run, effect, intercepted)
                return
        self._make(run, effect)

    def _intercept(self, run: Run, effect: CallResource, what: Intercepted) -> None:
        def then(now: float) -> None:
            if what.silent or effect.id not in run.undo:
                return
            if what.reply is None:
                self._make(run, effect)
            else:
                if what.final is not None:
                    run.answered[effect.state, effect.path] = what.final
                self.reply(run, effect, what.reply, now)

        latency = _NEVER if what.silent else what.latency
        if not latency:
            self._scheduler.post(lambda: then(run.timeline.now()))
            run.timeline.busy += 1
            self._scheduler.post(lambda: self._idle(run))
            return
        timer = self._scheduler.at(run.timeline, run.timeline.now() + latency, then)
        run.undo[effect.id] = timer.cancel

    def _idle(self, run: Run) -> None:
        run.timeline.busy -= 1
        self._scheduler.touch(run.timeline)

    def _make(self, run: Run, effect: CallResource) -> None:
        def done(reply: Result | Failure | BaseException) -> None:
            if isinstance(reply, BaseException):
                logger.error("%s of %s failed", effect.resource, run.arn, exc_info=reply)
                reply = Failure("States.TaskFailed", f"The emulator failed: {reply!r}")
            self.reply(run, effect, reply)

        self._scheduler.submit(run.timeline, lambda: self._integrations.call(effect, run.caller), done)

    # Jobs and tokens

    def _await_job(self, run: Run, effect: AwaitJob) -> None:
        ready = run.answered.pop((effect.state, effect.path), None)
        if ready is not None:
            run.undo[effect.id] = lambda: None
            self._scheduler.post(lambda: self.reply(run, effect, ready))
            return
        run.timeline.busy += 1  # a job takes the time that it takes
        over = False

        def leave() -> None:
            nonlocal over
            if not over:
                over = True
                self._idle(run)
                if effect.token is not None:
                    self._tokens.drop(effect.token)

        def give_up() -> None:
            leave()
            self._scheduler.submit(self._wall, lambda: self._integrations.cancel(effect, run.caller), _ignore)

        def look() -> None:
            if not over:
                self._scheduler.submit(self._wall, lambda: self._integrations.poll(effect, run.caller), looked)

        def looked(reply: Result | Failure | BaseException | None) -> None:
            if isinstance(reply, BaseException):
                logger.error("the job of %s of %s cannot be looked at", effect.resource, run.arn, exc_info=reply)
                reply = Failure("States.TaskFailed", f"The emulator failed: {reply!r}")
            if reply is None:
                self._scheduler.at(self._wall, self._wall.now() + POLL_SECONDS, lambda now: look(), limit=True)
            else:
                leave()
                self.reply(run, effect, reply)

        run.undo[effect.id] = give_up
        if effect.token is not None:

            def told(reply: Reply) -> None:
                leave()
                self.reply(run, effect, reply)

            self._tokens.wait(effect.token, told)
        child = self.running.get(self._integrations.child_execution(effect) or "")
        if child is None:
            look()
            return
        begun = child.timeline.offset

        def ended(child: Run) -> None:
            run.timeline.offset += child.timeline.offset - begun  # time has passed there
            look()

        child.on_end.append(ended)

    def _await_token(self, run: Run, effect: AwaitToken) -> None:
        ready = run.answered.pop((effect.state, effect.path), None)
        run.undo[effect.id] = lambda: self._tokens.drop(effect.token)
        if ready is not None:
            self._scheduler.post(lambda: self.reply(run, effect, ready))
            return
        self._tokens.wait(effect.token, lambda reply: self.reply(run, effect, reply))


def _ignore(result: object) -> None:
    """Nobody waits for it."""
