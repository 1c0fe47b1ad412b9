"""Storage commitment as its provider (DICOM PS3.4 annex J): what is asked, what is answered, how patiently told."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

MOST_REFERENCES = 20_000
"""Instances in one request: several times the largest study; more are refused for want of resources."""

ROWS_FOLLOW = timedelta(seconds=20)
"""The row of an acknowledged instance may follow its file by a moment; before this no instance is called unknown."""

FIRST_AFTER = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(hours=24)
"""A result is told again after 10 s, 20 s, 40 s ... an hour, for a day."""


class FailureReason(IntEnum):
    """Why an instance is not committed: Failure Reason (0008,1197), DICOM PS3.3 section C.14.1.1."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    CLASS_NOT_SUPPORTED = 0x0122


@dataclass(frozen=True)
class Reference:
    """One instance as a request names it."""

    SOPClassUID: str
    SOPInstanceUID: str


@dataclass(frozen=True)
class Asked:
    """A request for commitment: each instance once, in the order of the request."""

    TransactionUID: str
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Report:
    """What is answered: every instance that was asked for is either committed or failed."""

    TransactionUID: str
    committed: tuple[Reference, ...]
    failed: tuple[tuple[Reference, FailureReason], ...]


def pause_after(attempts: int) -> timedelta:
    """How long to wait after this many tries that did not reach the peer."""
    doublings: int = 2 ** min(max(attempts, 1) - 1, 12)
    return min(FIRST_AFTER * doublings, LONGEST_PAUSE)
