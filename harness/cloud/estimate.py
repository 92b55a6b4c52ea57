"""What a run costs: expected, and at most, whatever goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cloud import prices
from harness.cloud.prices import Price

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class CostLine:
    """One thing that costs money."""

    what: str
    unit: str
    price: Price
    expected: float
    """Units of an ordinary run."""
    most: float
    """Units that cannot be exceeded without somebody's doing."""

    @property
    def expected_usd(self) -> float:
        """Return what it is expected to cost, in USD."""
        return self.price.usd * self.expected

    @property
    def most_usd(self) -> float:
        """Return what it costs at most, in USD."""
        return self.price.usd * self.most


@dataclass(frozen=True)
class Estimate:
    """The plan of a run, priced."""

    lines: tuple[CostLine, ...]

    @property
    def expected_usd(self) -> float:
        """Return what all of it is expected to cost, in USD."""
        return sum(line.expected_usd for line in self.lines)

    @property
    def most_usd(self) -> float:
        """Return what all of it costs at most, in USD."""
        return sum(line.most_usd for line in self.lines)

    def show(self, console: Console) -> None:
        """Print it as a table."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for heading in ("what", "unit", "USD a unit", "expected", "USD", "at most", "USD"):
            table.add_column(heading, justify="left" if heading in ("what", "unit") else "right")
        for line in self.lines:
            table.add_row(
                line.what,
                line.unit,
                f"{line.price.usd:.7f}".rstrip("0").rstrip("."),
                _number(line.expected),
                f"{line.expected_usd:.2f}",
                _number(line.most),
                f"{line.most_usd:.2f}",
            )
        table.add_row("all of it", "", "", "", f"{self.expected_usd:.2f}", "", f"{self.most_usd:.2f}")
        console.print(table)
        for source in sorted({line.price.source for line in self.lines}):
            console.print(f"  prices: {source}, without tax, free tier and discounts")
        unconfirmed = [line.what for line in self.lines if not line.price.confirmed]
        if unconfirmed:
            console.print(
                f"  not confirmed by AWS's price list or pages of {prices.AS_OF}: {'; '.join(unconfirmed)}. "
                "It may cost more than the table says."
            )


def _number(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
