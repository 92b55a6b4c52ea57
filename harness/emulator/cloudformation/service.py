"""CloudFormation: stacks and change sets, whose resources are made by the calls that a user would make.

What is asked for is under way on a thread of its own; the answer waits a while for it, so that what is fast is done
when it is answered.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.emulator.access.sessions import RoleSession
from harness.emulator.cloudformation.deployment import Deployment
from harness.emulator.cloudformation.documents import invalid
from harness.emulator.cloudformation.expressions import is_true
from harness.emulator.cloudformation.known_stacks import KnownStacks
from harness.emulator.cloudformation.providers.custom import PARENT
from harness.emulator.cloudformation.reader import StackReader
from harness.emulator.cloudformation.records import record_of, stack_of
from harness.emulator.cloudformation.requested_templates import RequestedTemplates
from harness.emulator.cloudformation.serverless import ServerlessTranslator
from harness.emulator.cloudformation.stack import ChangeSet, Stack, Wanted, now
from harness.emulator.cloudformation.surroundings import StackSurroundings
from harness.emulator.cloudformation.transforms import names_of
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_text, text, texts

if TYPE_CHECKING:
    from harness.emulator.context import EmulatorContext
    from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

_PATIENCE = 20.0
"""Seconds that an answer waits for what was asked for."""
_DEEPEST = 20
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_NO_UPDATES = "No updates are to be performed."
_CHANGEABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "UPDATE_FAILED",
        "CREATE_FAILED",
    }
)


class Stacks:
    """Answers CloudFormation.

    Args:
        context: the emulator's surroundings.
        call: carries out a call to any service.
        skip_unsupported: whether types that are not emulated are left out, with a note; else they fail their stack.
        patience: seconds after which a role is in force.
        translations: folder in which what SAM's translator made is kept; None: nowhere.
        expect: told the runtimes of functions that a stack is to have, as soon as its template has been read.
    """

    name = "cloudformation"
    kept_by_moto: frozenset[str] = frozenset()

    def __init__(
        self,
        context: EmulatorContext,
        call: Operation,
        skip_unsupported: bool = False,
        patience: Callable[[], float] = lambda: 0.0,
        translations: Path | None = None,
        expect: Callable[[frozenset[str]], object] = lambda runtimes: None,
    ) -> None:
        self._expect = expect
        self._lock = threading.RLock()
        self._stacks = KnownStacks()
        self._threads: list[threading.Thread] = []
        self._surroundings = StackSurroundings(context, call, self._stacks, skip_unsupported, patience)
        self._templates = RequestedTemplates(call, self._surroundings, ServerlessTranslator(translations))
        self.operations: Mapping[str, Operation] = {
            **StackReader(self._stacks, self._templates).operations,
            "CancelUpdateStack": self._cancel_update,
            "ContinueUpdateRollback": self._continue_rollback,
            "CreateChangeSet": self._create_change_set,
            "CreateStack": self._create_stack,
            "DeleteChangeSet": self._delete_change_set,
            "DeleteStack": self._delete_stack,
            "ExecuteChangeSet": self._execute_change_set,
            "SetStackPolicy": self._set_policy,
            "UpdateStack": self._update_stack,
            "UpdateTerminationProtection": self._protect,
        }

    def start(self) -> None:
        """Nothing has to begin."""

    def flush(self) -> None:
        """Nothing is buffered."""

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Stacks, without their change sets."""
        return [("stack", stack.id, record_of(stack)) for stack in self._stacks]

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Take back a stack.

        Args:
            kind: of the record; there is one.
            key: ARN of the stack.
            record: as :meth:`kept` gave it.

        Raises:
            ValueError: the record is none of a stack.
        """
        self._stacks.add(stack_of(record))

    def close(self) -> None:
        """Stop between two resources what is under way."""
        self._surroundings.close()
        for thread in self._threads:
            thread.join(5)

    def stack_of(self, change_set: str) -> str | None:
        """ARN of the stack that a change set, by its ARN, is for."""
        return next((stack.id for stack in self._stacks if change_set in stack.change_sets), None)

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """ARN, type and tags of each stack of a region, for the tagging API."""
        for stack in self._stacks:
            if stack.region == region and not stack.is_gone:
                yield stack.id, "cloudformation:stack", stack.tags

    def _act_as(self, stack: Stack, wanted: Wanted, call: Call) -> None:
        """Whose the stack is now: its resources are made as its caller makes them, or as its role."""
        if wanted.role:
            stack.caller = RoleSession(wanted.role, "AWSCloudFormation")
        else:
            stack.caller = None if call.caller is None else replace(call.caller, via="cloudformation.amazonaws.com")

    def _begin(self, stack: Stack, work: Callable[[], object]) -> None:
        """Have *work* done for *stack*, and wait a while for it."""

        def run() -> None:
            try:
                work()
            except AwsError as error:
                logger.warning("stack %s: %s", stack.name, error)
                self._fail(stack, error.message)
            except Exception:
                logger.exception("stack %s failed", stack.name)
                self._fail(stack, "The emulator failed; its log says why.")

        thread = threading.Thread(target=run, name=f"stack-{stack.name}", daemon=True)
        self._threads = [other for other in self._threads if other.is_alive()]
        self._threads.append(thread)
        thread.start()
        thread.join(_PATIENCE)

    @staticmethod
    def _fail(stack: Stack, words: str) -> None:
        verb = stack.status.partition("_")[0]
        stack.tell(f"{verb}_FAILED" if verb in ("CREATE", "UPDATE", "DELETE", "ROLLBACK") else "ROLLBACK_FAILED", words)

    # Stacks

    def _create_stack(self, call: Call) -> Members:
        given, stack = call.parameters, self._stacks.new(call)
        with self._lock:
            if self._stacks.lookup(stack.name, call.region) is not None:
                raise AwsError("AlreadyExistsException", f"Stack [{stack.name}] already exists")
            wanted = self._templates.wanted(call, stack)
            self._expect(wanted.runtimes)
            deployment = Deployment(stack, wanted, self._surroundings)
            stack.disable_rollback = is_true(given.get("DisableRollback"))
            stack.on_failure = text(given, "OnFailure", "ROLLBACK")
            stack.protected = is_true(given.get("EnableTerminationProtection"))
            stack.policy = optional_text(given, "StackPolicyBody")
            stack.parents = self._parents(call)
            stack.tags, stack.wanted = wanted.tags, wanted
            self._act_as(stack, wanted, call)
            stack.tell("CREATE_IN_PROGRESS", "User Initiated")
            self._stacks.add(stack)
        self._begin(stack, deployment.create)
        return {"StackId": stack.id}

    def _parents(self, call: Call) -> tuple[str, ...]:
        """List the stacks within which one is made: one that has itself in it would never end."""
        parent = optional_text(call.parameters, PARENT)
        if parent is None:
            return ()
        around = self._stacks.lookup(parent, call.region)
        found = (*(around.parents if around is not None else ()), parent)
        if len(found) > _DEEPEST:
            raise AwsError("LimitExceededException", f"not emulated: stacks nested more than {_DEEPEST} deep")
        return found

    def _update_stack(self, call: Call) -> Members:
        stack = self._stacks.find(call)
        with self._lock:
            self._check_changeable(stack)
            wanted = self._templates.wanted(call, stack)
            deployment = Deployment(stack, wanted, self._surroundings)
            self._act_as(stack, wanted, call)
            if not deployment.changes() and not self._says_otherwise(stack, wanted):
                raise invalid(_NO_UPDATES)
            stack.disable_rollback = is_true(given) if (given := call.parameters.get("DisableRollback")) else False
            stack.tell("UPDATE_IN_PROGRESS", "User Initiated")
        self._begin(stack, deployment.update)
        return {"StackId": stack.id}

    @staticmethod
    def _check_changeable(stack: Stack) -> None:
        if stack.status not in _CHANGEABLE:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    @staticmethod
    def _says_otherwise(stack: Stack, wanted: Wanted) -> bool:
        """Whether anything but resources differs: outputs, the description."""
        before = stack.wanted
        if before is None:
            return True
        outputs = (before.template.get("Outputs") or {}) != (wanted.template.get("Outputs") or {})
        return outputs or dict(stack.tags) != dict(wanted.tags)

    def _delete_stack(self, call: Call) -> Members:
        stack = self._stacks.lookup(text(call.parameters, "StackName"), call.region)
        if stack is None or stack.is_gone:
            return {}
        with self._lock:
            if stack.protected:
                raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            if stack.is_busy and not stack.status.startswith("CREATE"):
                raise invalid(f"Stack [{stack.id}] cannot be deleted while in status {stack.status}")
            for export in stack.exports:
                self._stacks.check_unused(export, stack.region, "deleted")
            retain = frozenset(texts(call.parameters, "RetainResources"))
            wanted = stack.wanted or Wanted("", {"Resources": {}}, {}, {})
            role = optional_text(call.parameters, "RoleARN") or wanted.role
            self._act_as(stack, replace(wanted, role=role), call)
            deployment = Deployment(stack, replace(wanted, template={"Resources": {}}), self._surroundings)
            stack.tell("DELETE_IN_PROGRESS", "User Initiated")
        self._begin(stack, lambda: deployment.delete(retain))
        return {}

    def _protect(self, call: Call) -> Members:
        stack = self._stacks.find(call)
        stack.protected = is_true(call.parameters["EnableTerminationProtection"])
        return {"StackId": stack.id}

    def _set_policy(self, call: Call) -> Members:
        self._stacks.find(call).policy = optional_text(call.parameters, "StackPolicyBody")
        return {}

    def _cancel_update(self, call: Call) -> Members:
        stack = self._stacks.find(call)
        raise invalid(f"CancelUpdateStack cannot be called from current stack status: {stack.status}")

    def _continue_rollback(self, call: Call) -> Members:
        stack = self._stacks.find(call)
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise invalid(f"Stack {stack.id} is in {stack.status} state and cannot continue rollback.")
        stack.tell("UPDATE_ROLLBACK_COMPLETE")
        return {}

    # Change sets

    def _create_change_set(self, call: Call) -> Members:
        given = call.parameters
        kind = text(given, "ChangeSetType", "UPDATE")
        if kind == "IMPORT":
            raise AwsError(
                "NotImplemented", "not emulated: cloudformation.CreateChangeSet with ChangeSetType IMPORT", 501
            )
        with self._lock:
            stack = self._stacks.lookup(text(given, "StackName"), call.region)
            if kind == "CREATE":
                if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                    raise invalid(
                        f"Stack [{stack.name}] already exists and cannot be created again with the changeSet "
                        f"[{given['ChangeSetName']}]."
                    )
                stack = stack or self._stacks.new(call)
            elif stack is None:
                raise invalid(f"Stack [{given['StackName']}] does not exist")
            elif stack.is_busy or stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"):
                raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            name = text(given, "ChangeSetName")
            waiting = [other for other in stack.change_sets.values() if not other.execution.startswith("EXECUTE")]
            if any(other.name == name for other in waiting):
                raise AwsError(
                    "AlreadyExistsException",
                    f"ChangeSet {name} cannot be created due to a mismatch with existing attribute Template",
                )
            wanted = self._templates.wanted(call, stack)
            self._expect(wanted.runtimes)
            arn = f"arn:aws:cloudformation:{call.region}:{call.account}:changeSet/{name}/{uuid.uuid4()}"
            description = optional_text(given, "Description")
            found = ChangeSet(name, arn, kind, wanted, [], description=description, caller=call.caller)
            found.on_failure = optional_text(given, "OnStackFailure")
            self._act_as(stack, wanted, call)
            try:
                found.changes = Deployment(stack, wanted, self._surroundings).changes()
                unchanged = not found.changes and not self._says_otherwise(stack, wanted)
                found.reason = (_NO_UPDATES if names_of(wanted.template) else _NO_CHANGES) if unchanged else None
            except AwsError as error:
                if error.code != "ValidationError":
                    raise
                found.reason = error.message
            if found.reason is not None:
                found.status, found.execution = "FAILED", "UNAVAILABLE"
            if stack not in self._stacks:
                stack.tell("REVIEW_IN_PROGRESS", "User Initiated")
                stack.tags = wanted.tags
                self._stacks.add(stack)
            stack.change_sets[arn] = found
        return {"Id": arn, "StackId": stack.id}

    def _delete_change_set(self, call: Call) -> Members:
        try:
            stack, change_set = self._stacks.find_change_set(call)
        except AwsError as error:
            if error.code == "ChangeSetNotFound":
                return {}
            raise
        del stack.change_sets[change_set.id]
        return {}

    def _execute_change_set(self, call: Call) -> Members:
        stack, change_set = self._stacks.find_change_set(call)
        with self._lock:
            if change_set.execution != "AVAILABLE":
                raise AwsError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]",
                )
            if stack.is_busy:
                raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            self._act_as(stack, change_set.wanted, call)
            creating = stack.status == "REVIEW_IN_PROGRESS"
            stack.disable_rollback = is_true(call.parameters.get("DisableRollback"))
            stack.on_failure = change_set.on_failure or "ROLLBACK"
            stack.change_set_id = change_set.id
            if creating:
                stack.tags, stack.wanted, stack.reason = change_set.wanted.tags, change_set.wanted, None
                stack.created = now()
            deployment = Deployment(stack, change_set.wanted, self._surroundings)
            change_set.execution = "EXECUTE_IN_PROGRESS"
            stack.tell(f"{'CREATE' if creating else 'UPDATE'}_IN_PROGRESS", "User Initiated")

        def work() -> None:
            done = deployment.create() if creating else deployment.update()
            change_set.execution = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
            if done:  # AWS forgets a stack's other change sets when one of them was carried out
                stack.change_sets = {change_set.id: change_set}

        self._begin(stack, work)
        return {}
