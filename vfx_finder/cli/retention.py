"""`vfx-finder retention`: which images have been kept for long enough, what keeps the others, and their removal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from vfx_finder.cli._ledger import ledger
from vfx_finder.domain.retention import Rule, Stays

if TYPE_CHECKING:
    from vfx_finder.ledger.models import Case
    from vfx_finder.spool import Spool

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Weighed:
    """One study that is old enough: its reference, last image, and how much it holds; `keeping` where it must stay."""

    case_id: int
    reference: str
    last_at: datetime
    images: int
    bytes: int
    keeping: Stays | None


def register(app: typer.Typer) -> None:
    """Add `retention` to the command line."""
    app.command()(retention)


def retention(
    remove: Annotated[bool, typer.Option("--remove", help="Remove them; without it they are only shown.")] = False,
    days: Annotated[int | None, typer.Option(min=1, help="Instead of VFX_KEEP_IMAGES_DAYS, this once.")] = None,
    also_committed: Annotated[
        bool, typer.Option("--also-committed", help="Also those that we have told a system we keep.")
    ] = False,
) -> None:
    """Show which images have been kept for long enough, and what keeps the others; --remove removes them."""
    from vfx_finder.config import load

    settings = load()
    kept = days or settings.keep_images_days
    if not kept:
        console.print("VFX_KEEP_IMAGES_DAYS is 0: images are kept for ever. See what a limit would do: --days 365")
        return
    rule = Rule(kept, also_committed)
    with ledger():
        from vfx_finder.spool import Spool

        spool = Spool(settings.spool_dir)
        if remove:
            _remove(spool, rule)
        else:
            _show(spool, rule)


def _show(spool: "Spool", rule: Rule) -> None:
    from vfx_finder.ledger import retention as asked

    with console.status("Looking at what is kept ..."):
        every = list(_weigh(spool, rule))
        young = asked.too_young(rule, datetime.now(UTC))
    goes, stays = ([one for one in every if (one.keeping is None) is free] for free in (True, False))
    _say("Would be removed", goes)
    _say("Old enough, but must stay", stays)
    for why, count in Counter(one.keeping for one in stays if one.keeping).most_common():
        console.print(f"  {count:6}  {why.words}")
    if stays:
        console.print(_table(stays))
    age = "a day" if rule.days == 1 else f"{rule.days} days"
    console.print(f"Younger than {age}: {_studies(young)}.")
    if goes:
        console.print("Nothing was removed. To remove them: vfx-finder retention --remove")


def _say(words: str, some: list[Weighed]) -> None:
    size = sum(one.bytes for one in some) / 1e9
    console.print(f"{words}: {_studies(len(some))}, {sum(one.images for one in some)} images, {size:.2f} GB.")


def _table(stays: list[Weighed]) -> Table:
    table = Table("reference", "last image", "images", "GB")
    table.add_column("why it stays", overflow="fold")
    for one in stays:
        size = f"{one.bytes / 1e9:.2f}"
        why = one.keeping.value if one.keeping else ""
        table.add_row(one.reference, f"{one.last_at:%Y-%m-%d}", str(one.images), size, why)
    return table


def _weigh(spool: "Spool", rule: Rule) -> Iterator[Weighed]:
    from vfx_finder.ledger import queries
    from vfx_finder.ledger import retention as asked

    for cases in portions(rule, datetime.now(UTC)):
        keeping = asked.what_keeps(cases, rule)
        for case in cases:
            sizes = [spool.size_of(path) for path in queries.spool_paths(case.pk)]
            facts = (case.pk, case.correlation_id, case.last_instance_at, len(sizes), sum(sizes))
            yield Weighed(*facts, keeping.get(case.pk))


def portions(rule: Rule, now: datetime) -> Iterator[list["Case"]]:
    """Every study that is old enough, oldest first, some at a time."""
    from vfx_finder.ledger import retention as asked

    after = None
    while some := list(asked.old_enough(rule, now, after)[: asked.PORTION]):
        yield some
        after = (some[-1].last_instance_at, some[-1].pk)


def _remove(spool: "Spool", rule: Rule) -> None:
    from vfx_finder.actions import retention as acts
    from vfx_finder.actions.retrieval import COMMAND_LINE

    acts.finish(spool, COMMAND_LINE, datetime.now(UTC))
    studies = images = size = 0
    with console.status("Removing ...") as status:
        for cases in portions(rule, datetime.now(UTC)):
            for case in cases:
                gone = acts.remove_images(case.pk, spool, rule, COMMAND_LINE, datetime.now(UTC))
                if isinstance(gone, acts.Gone):
                    studies, images, size = studies + 1, images + gone.images, size + gone.bytes
                    status.update(f"Removed: {_studies(studies)}, {size / 1e9:.2f} GB")
    console.print(f"Removed: {_studies(studies)}, {images} images, {size / 1e9:.2f} GB.")


def _studies(number: int) -> str:
    return f"{number} study" if number == 1 else f"{number} studies"
