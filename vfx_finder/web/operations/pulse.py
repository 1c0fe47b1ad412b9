"""Everything the overview, the alarms and the metrics say, asked once."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import quantiles

from vfx_finder.config import Settings
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.sender import is_loopback
from vfx_finder.ledger import deliveries, operations, queries, retention
from vfx_finder.ledger.models import Sender


@dataclass(frozen=True)
class Disk:
    """Bytes free where received images lie, and how many are kept free by refusing studies."""

    free: int
    keep_free: int

    @property
    def free_words(self) -> str:
        """In gigabytes of 10^9 bytes, as disks are sold."""
        return f"{self.free / 1e9:.1f} GB"

    @property
    def keep_free_words(self) -> str:
        """The same of what is kept free."""
        return f"{self.keep_free / 1e9:.1f} GB"


class Gate(StrEnum):
    """Who may send: those who are named, anybody on the network, or nobody at all."""

    NAMED = "named"
    THIS_MACHINE = "this-machine"
    ANYBODY = "anybody"
    NOBODY = "nobody"


@dataclass(frozen=True)
class AnswerTimes:
    """Seconds from the last image to the answer over the last day: the middle, and what 95 of 100 keep below."""

    median: float
    p95: float


@dataclass(frozen=True)
class Pulse:
    """The state of the whole system at one moment; no patient stands in it."""

    now: datetime
    states: dict[CaseState, int]
    hour: operations.Passed
    day: operations.Passed
    hours: tuple[operations.Hour, ...]
    answer_times: AnswerTimes | None
    last_received_at: datetime | None
    last_analysed_at: datetime | None
    waiting: operations.Waiting
    signs: list[operations.Sign]
    troubles: operations.Troubles
    traffic: list[deliveries.Traffic]
    disk: Disk | None
    gate: Gate
    hears_hospital: bool
    removed: retention.Removed
    kept_days: int


def take_pulse(settings: Settings, now: datetime) -> Pulse:
    """Ask the ledger and the disk; about twenty short questions."""
    signs = operations.signs_of_life()
    return Pulse(
        now=now,
        states=queries.counts_by_state(),
        hour=operations.passed_since(now - operations.HOUR),
        day=operations.passed_since(now - operations.DAY),
        hours=operations.by_hour(now),
        answer_times=_answer_times(operations.seconds_to_answer(now - operations.DAY)),
        last_received_at=operations.last_received_at(),
        last_analysed_at=operations.last_analysed_at(),
        waiting=operations.waiting(now),
        signs=signs,
        troubles=operations.troubles(now - operations.DAY),
        traffic=deliveries.traffic(),
        disk=_disk(settings, signs),
        gate=gate_of(settings, operations.senders()),
        hears_hospital=settings.hl7_port is not None,
        removed=retention.removed_so_far(),
        kept_days=settings.keep_images_days,
    )


def _answer_times(seconds: list[float]) -> AnswerTimes | None:
    """None where nothing was answered."""
    if not seconds:
        return None
    if len(seconds) == 1:
        return AnswerTimes(seconds[0], seconds[0])
    cuts = quantiles(seconds, n=20, method="inclusive")
    return AnswerTimes(median=cuts[9], p95=cuts[18])


def _disk(settings: Settings, signs: Iterable[operations.Sign]) -> Disk | None:
    """As the listeners see their own disk; as this process sees it where none told."""
    told = [int(sign.facts["free_bytes"]) for sign in signs if "free_bytes" in sign.facts]
    if told:
        return Disk(min(told), settings.keep_free)
    if settings.spool_dir.exists():
        return Disk(shutil.disk_usage(settings.spool_dir).free, settings.keep_free)
    return None


def gate_of(settings: Settings, senders: Iterable[Sender]) -> Gate:
    """As the listener understands its accept list: one whose every sender is switched off is not empty."""
    rows = list(senders)
    named = set(settings.accepted_calling_ae_titles) - {row.AETitle for row in rows}
    if named or any(row.enabled for row in rows):
        return Gate.NAMED
    if rows:
        return Gate.NOBODY
    if settings.accept_any_sender:
        return Gate.ANYBODY
    return Gate.THIS_MACHINE if is_loopback(settings.dicom_host) else Gate.NOBODY
