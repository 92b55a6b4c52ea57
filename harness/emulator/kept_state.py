"""The state that outlives an emulator: taken back when it starts, saved while it runs and when it stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness.emulator.door.members import Members
from harness.emulator.moto.records import KIND, moto_records, restore_moto
from harness.emulator.process.records import DamagedError, Record
from harness.emulator.process.state import StateFolder
from harness.emulator.services import Services


class KeptState:
    """What all services keep, in one folder.

    Args:
        folder: claimed until :meth:`close`.

    Raises:
        StateError: the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = StateFolder(folder)
        self._records: Callable[[], Iterator[Record]] | None = None

    def restore(
        self, services: Services, account_id: str, changes: Callable[[], object], resume: Callable[[], None]
    ) -> None:
        """Give the services what was saved, and save from now on whenever something has changed.

        Args:
            services: those that are ours.
            account_id: whose resources moto keeps.
            changes: another value after every change.
            resume: goes on with what was under way when it was saved.

        Raises:
            StateError: what was saved cannot be taken back; it stays as it is.
        """

        def records() -> Iterator[Record]:
            yield from moto_records(account_id)
            for service in services.all():
                for kind, key, data in service.kept():
                    yield Record(f"{service.name}/{kind}", key, data)

        try:
            saved = self._folder.load()
            for record in saved:
                if record.kind == KIND:
                    restore_moto(account_id, record)
            for service in services.all():  # in their order: what is behind an alias before what calls it
                for record in saved:
                    of, _, kind = record.kind.partition("/")
                    if of == service.name:
                        service.restore(kind, record.key, _members(record))
            resume()
        except (DamagedError, LookupError, TypeError, ValueError) as error:
            raise self._folder.damaged(error) from None
        self._records = records  # only now: what could not be read must not be written over
        self._folder.keep(changes, records)

    def save(self) -> None:
        """Save for the last time; nothing where nothing was taken back.

        Raises:
            RuntimeError: it could not be saved.
        """
        if self._records is None:
            return
        self._folder.end_keeping()  # or what the services are emptied to, as they end, would be saved after this
        try:
            self._folder.save(self._records())
        except Exception as error:
            words = f"the state is as it was some seconds ago, since it could not be saved: {error}"
            raise RuntimeError(words) from None

    def close(self) -> None:
        """Leave the folder to others."""
        self._folder.close()


def _members(record: Record) -> Members:
    if not isinstance(record.data, Mapping):
        raise DamagedError(f"{record.kind} {record.key} has no members")
    return record.data
