"""How far something is, in a terminal: it is drawn a few times a second, however fast the work is, in a few lines."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_A_SECOND = 4
"""Drawings."""
_LATEST = 3
"""Failures that are shown below a bar."""


class Update(Protocol):
    """Tells how much of how much is done; None where nobody knows how much there is."""

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        """Tell how far it is.

        Args:
            done: how many are done.
            total: of how many; None where that is not known.
            note: words beside the bar.
        """


@contextlib.contextmanager
def progress_bar(console: Console, description: str) -> Iterator[Update]:
    """Show a bar while the block lasts, gone afterwards; nothing in a log."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=_A_SECOND, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task(description, total=None, note="")

        def update(done: int, total: int | None, note: str = "") -> None:
            bars.update(task, completed=done, total=total, note=note)

        yield update


@contextlib.contextmanager
def counting(console: Console, total: int, noun: str) -> Iterator[Callable[[str | None], None]]:
    """Count things as they end, with the rate and the latest failures; a log gets a line for each tenth.

    Args:
        console: where it is told.
        total: how many there will be.
        noun: what they are, in the plural.

    Yields:
        To be called as each ends, with the words of its failure, or None.
    """
    counted = _Counted(total, noun)
    if not console.is_terminal:

        def log(failure: str | None) -> None:
            before = 10 * counted.done // total
            counted.add(failure)
            if 10 * counted.done // total > before:
                console.print(f"  {counted.words()}", highlight=False, markup=False)

        yield log
        return
    from rich.live import Live

    with Live(
        get_renderable=lambda: counted.drawn(console.width),
        console=console,
        transient=True,
        refresh_per_second=_A_SECOND,
        screen=False,
    ):
        yield counted.add


class _Counted:
    def __init__(self, total: int, noun: str) -> None:
        self.total, self.noun = total, noun
        self.done = self.failed = 0
        self._latest: deque[str] = deque(maxlen=_LATEST)
        self._began = time.monotonic()

    def add(self, failure: str | None) -> None:
        self.done += 1
        if failure is not None:
            self.failed += 1
            self._latest.append(failure)

    def words(self) -> str:
        rate = self.done / max(1e-9, time.monotonic() - self._began)
        return f"{self.done:,} of {self.total:,} {self.noun}, {self.failed:,} failed, {rate:.1f} a second"

    def drawn(self, width: int) -> RenderableType:
        """Draw the bar, as wide as the words leave room for, and the latest failures below it."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        words = self.words()
        bar = min(30, width - len(words) - 5)
        line = Table.grid(padding=(0, 1))
        drawn = [ProgressBar(self.total, self.done, width=bar)] if bar > 3 else []
        line.add_row(Text(" "), *drawn, Text(words, no_wrap=True, overflow="ellipsis"))
        failures = [Text(f"    {text}", style="red", no_wrap=True, overflow="ellipsis") for text in self._latest]
        return Group(line, *failures)
