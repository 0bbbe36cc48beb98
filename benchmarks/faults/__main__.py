"""Are faults that were made on purpose borne without loss?

`python -m benchmarks.faults` interrupts commands, fills their disks, takes their outputs away, and
gives them damaged and hostile files, again and again; then it prints how often nothing was lost.
"""

import importlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pkgutil import iter_modules

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.command import refuse_without_fork, run_benchmark
from benchmarks.faults.campaign import Campaign
from shared.errors import UsageError
from shared.flags import Repeatable

# Losses of each campaign that are told.
TOLD = 5


@dataclass(frozen=True)
class Request:
    """Inject faults, and count after how many of them nothing was lost."""

    only: Repeatable = ()
    """Run only campaigns whose name contains TEXT."""
    count: int | None = None
    """Faults per campaign. Default: each campaign's own number."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count {self.count}: expected 1 or more.")


def campaigns() -> list[Campaign]:
    """Those of all files in this folder."""
    package = Path(__file__).parent
    names = sorted(module.name for module in iter_modules([str(package)]))
    modules = [
        importlib.import_module(f"benchmarks.faults.{name}") for name in names if name != "__main__"
    ]
    return [campaign for module in modules for campaign in getattr(module, "CAMPAIGNS", ())]


def losses(campaign: Campaign, count: int) -> Iterator[tuple[int, str]]:
    """What was lost, each with the number that makes it happen again."""
    for number in range(count):
        with tempfile.TemporaryDirectory() as name:
            if lost := campaign.try_one(number, Path(name)):
                yield number, lost


def measure(request: Request) -> int:
    """Try, print a table; returns 1 if anything was lost.

    Raises:
        UsageError: no campaign has such a name, or this system can't make such faults.
    """
    refuse_without_fork("faults")
    chosen = campaigns()
    for part in request.only:
        if not any(part in campaign.name for campaign in chosen):
            known = ", ".join(campaign.name for campaign in chosen)
            raise UsageError(f"--only {part}: expected part of one of these names: {known}.")
    if request.only:
        chosen = [each for each in chosen if any(part in each.name for part in request.only)]
    table = Table("fault", box=box.SIMPLE_HEAD)
    for heading in ("tried", "held", "lost"):
        table.add_column(heading, justify="right")
    told = []
    for campaign in chosen:
        count = request.count or campaign.count
        lost = []
        for number, words in losses(campaign, count):
            lost.append(f"{campaign.name}, {number}: {words}")
            print(lost[-1], file=sys.stderr, flush=True)
        table.add_row(campaign.name, *map(str, (count, count - len(lost), len(lost))))
        told += lost[:TOLD]
        print(f"{campaign.name}: {count - len(lost)} of {count} held", file=sys.stderr, flush=True)
    Console(width=100).print(table)
    print(*told, sep="\n")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(run_benchmark("faults", Request, measure))
