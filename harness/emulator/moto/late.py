"""What becomes true late on AWS: roles come into force, and listings show what was made or removed, after a while.

Here both are at once, unless seconds are asked for: programs that do not wait pass here and fail on AWS.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from werkzeug import Request, Response

from harness.emulator.access.directory import Role
from harness.emulator.moto.iam import MotoIam, MotoRole, is_role
from harness.emulator.moto.patches import Patch

if TYPE_CHECKING:
    from harness.emulator.door.call import Call

State = TypeVar("State")
_NO_ROLE: tuple[str, tuple[str, ...]] = ('{"Statement": []}', ())
"""Trust and policies of a role that nobody knows yet."""


class Past(Generic[State]):
    """What something was, and from when on.

    Args:
        state: what it has always been.
    """

    def __init__(self, state: State) -> None:
        self._states = [(float("-inf"), state)]

    def note(self, state: State) -> None:
        """Note that it is *state* from now on."""
        if state != self._states[-1][1]:
            self._states.append((time.monotonic(), state))

    def before(self, seconds: float) -> State:
        """Return what it was *seconds* ago."""
        limit = time.monotonic() - seconds
        return next(state for since, state in reversed(self._states) if since <= limit)


class Late:
    """How many seconds late what was changed is seen; and what it was before.

    ``roles``: services take a role on, and its policies allow what they say. ``listings``: ListBuckets, ListRoles and
    the tagging API's GetResources show what was made or removed; what is asked for by name is told as it is.

    Args:
        account_id: the account.
        region: whose tagged resources are remembered from the start.
        apply: puts patches of moto in force.
    """

    def __init__(self, account_id: str, region: str, apply: Callable[[Iterable[Patch]], None]) -> None:
        self._iam = MotoIam(account_id)
        self._account_id = account_id
        self._region = region
        self._apply = apply
        self._seconds = {"roles": 0.0, "listings": 0.0}
        self._roles: dict[str, Past[tuple[str, tuple[str, ...]]]] = {}
        self._listings: dict[tuple[str, str], Past[Any]] = {}
        self._lock = threading.RLock()
        self._patched = False

    @property
    def roles(self) -> float:
        """Seconds until roles and their policies are in force."""
        return self._seconds["roles"]

    def values(self) -> dict[str, float]:
        """Seconds by what is late."""
        return dict(self._seconds)

    def change(self, values: Mapping[str, object]) -> None:
        """Have roles or listings be late by so many seconds from now on; what is there already is known.

        Raises:
            ValueError: there is no such thing to be late, or no such number of seconds.
        """
        for name, value in values.items():
            if name not in self._seconds:
                raise ValueError(f"{name!r} cannot be late; {' and '.join(self._seconds)} can")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name}: {value!r} is no number of seconds from 0")
        with self._lock:
            self._seconds.update({name: float(str(value)) for name, value in values.items()})
            if not self._patched and any(self._seconds.values()):
                self._apply(_patches(self))
                self._patched = True
            self._roles = {role.id: Past(self._state(role)) for role in self._iam.roles()}
            kinds = [("buckets", ""), ("roles", ""), ("resources", self._region)] if self._seconds["listings"] else []
            self._listings = {kind: Past(self._present(*kind)) for kind in kinds}

    def observe(self, service: str, call: Call | None, request: Request, response: Response) -> None:
        """Take note of a change; an :data:`~harness.emulator.door.gateway.Observer`.

        Args:
            service: boto3's name of the service that answered.
            call: the request, parsed; None for S3.
            request: the HTTP request.
            response: its answer.
        """
        name = call.parameters.get("RoleName") if call is not None and service == "iam" else None
        role = self._iam.role(name) if self.roles and isinstance(name, str) else None
        if role is not None:
            with self._lock:
                self._roles.setdefault(role.id, Past(_NO_ROLE)).note(self._state(role))
        is_object = service == "s3" and "/" in request.path.strip("/")
        if self._seconds["listings"] and not is_object:
            with self._lock:
                for (kind, region), past in self._listings.items():
                    past.note(self._present(kind, region))

    def role_state(self, role: MotoRole) -> tuple[str, tuple[str, ...]]:
        """Trust and policies of moto's *role* that are in force."""
        with self._lock:
            past = self._roles.get(role.id) if self.roles else None
        return past.before(self.roles) if past is not None else self._state(role)

    def listed(self, kind: str, region: str = "") -> object:
        """List what a listing shows: ``buckets``, ``roles`` as moto keeps them, or tagged ``resources`` of a region."""
        present = self._present(kind, region)
        if not self._seconds["listings"]:
            return present
        with self._lock:
            past = self._listings.setdefault((kind, region), Past(present))
            past.note(present)  # what ends by itself, as an endpoint, is no request
            return past.before(self._seconds["listings"])

    def _state(self, role: MotoRole) -> tuple[str, tuple[str, ...]]:
        return self._iam.trust_of(role), tuple(self._iam.policies_of(role))

    def _present(self, kind: str, region: str) -> Any:
        match kind:
            case "roles":
                return {role.id: role for role in self._iam.roles()}
            case "buckets":
                from moto.s3.models import s3_backends

                return dict(s3_backends[self._account_id]["aws"].buckets)
        from moto.resourcegroupstaggingapi.models import iter_taggable_backends

        return tuple(
            replace(resource, tags=dict(resource.tags))
            for backend in iter_taggable_backends(self._account_id, region)
            for resource in backend.iter_tagged_resources()
        )


class LateIam(MotoIam):
    """What an account's IAM knows, as far as it has come into force.

    Args:
        account_id: the account.
        late: knows how late that is.
    """

    def __init__(self, account_id: str, late: Late) -> None:
        super().__init__(account_id)
        self._late = late

    def policies_of(self, entity: object | None) -> list[str]:
        """Return the documents of the policies of a role or user that are in force."""
        if not is_role(entity):
            return super().policies_of(entity)
        return list(self._late.role_state(entity)[1])

    def trust_of(self, role: Role) -> str:
        """Return the document that says who may take *role* on."""
        return self._late.role_state(role)[0] if is_role(role) else super().trust_of(role)


def _patches(late: Late) -> tuple[Patch, ...]:
    reason = "listings are late, where that is asked for"

    def buckets(original: Any) -> Any:
        return lambda backend, *given, **named: original(
            SimpleNamespace(buckets=late.listed("buckets")), *given, **named
        )

    def roles(original: Any) -> Any:
        return lambda backend, *given, **named: original(SimpleNamespace(roles=late.listed("roles")), *given, **named)

    def resources(original: Any) -> Any:
        def find(
            backend: Any,
            tag_filters: list[dict[str, Any]] | None = None,
            resource_type_filters: list[str] | None = None,
            resource_arn_list: list[str] | None = None,
        ) -> Iterator[Any]:
            from moto.core.resource_tagging import make_tag_matcher, match_resource_type

            if resource_arn_list:  # how conditions of policies ask for the tags of one resource
                yield from original(backend, tag_filters, resource_type_filters, resource_arn_list)
                return
            matches = make_tag_matcher(tag_filters)
            listed: Any = late.listed("resources", backend.region_name)
            for each in listed:
                if each.tags and match_resource_type(each.resource_type, resource_type_filters) and matches(each.tags):
                    yield each

        return find

    return (
        Patch("moto.s3.models", "S3Backend.list_buckets", reason, "ours", buckets),
        Patch("moto.iam.models", "IAMBackend.list_roles", reason, "ours", roles),
        Patch(
            "moto.resourcegroupstaggingapi.models",
            "ResourceGroupsTaggingAPIBackend._get_resources_generator",
            reason,
            "ours",
            resources,
        ),
    )
