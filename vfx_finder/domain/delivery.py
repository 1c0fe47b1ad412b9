"""Sending results out: how a destination is spoken to, what it answered, and where one delivery stands."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from vfx_finder.domain.delivered import Kind, Stage
from vfx_finder.domain.errors import Retry, WrongState


class Protocol(StrEnum):
    """How a destination is spoken to."""

    DICOM = "dicom"
    STOW = "stow-rs"
    HL7 = "hl7-mllp"
    FHIR = "fhir-r4"

    @property
    def carries_objects(self) -> bool:
        """Whether DICOM objects travel by it, or messages."""
        return self in {Protocol.DICOM, Protocol.STOW}


class DeliveryState(StrEnum):
    """Where one delivery stands. Only what the peer answered moves it on."""

    WAITING = "waiting"
    """To be sent, now or at `next_at`."""
    SENT = "sent"
    """Every object was answered with success; the proof (storage commitment) is still asked for."""
    PROVEN = "proven"
    """The peer took responsibility, or answered as finally as its protocol can."""
    DEAD = "dead-letter"
    """Given up: a person looks at the reason and resends."""
    SUPERSEDED = "superseded"
    """A newer result of the same study goes instead."""


DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.WAITING: frozenset(
        {DeliveryState.SENT, DeliveryState.PROVEN, DeliveryState.DEAD, DeliveryState.SUPERSEDED}
    ),
    DeliveryState.SENT: frozenset({DeliveryState.PROVEN, DeliveryState.WAITING, DeliveryState.DEAD}),
    DeliveryState.PROVEN: frozenset({DeliveryState.WAITING}),
    DeliveryState.DEAD: frozenset({DeliveryState.WAITING, DeliveryState.SUPERSEDED}),
    DeliveryState.SUPERSEDED: frozenset(),
}
"""`-> WAITING` from an ended state is an operator's resend; from SENT it is a refused commitment."""

DELIVERY_OWNER: dict[DeliveryState, str] = {
    DeliveryState.WAITING: "worker",
    DeliveryState.SENT: "worker: asks the archive for proof",
    DeliveryState.PROVEN: "nobody: closed",
    DeliveryState.DEAD: "operator",
    DeliveryState.SUPERSEDED: "nobody: closed",
}


def move_delivery(here: DeliveryState, there: DeliveryState) -> DeliveryState:
    """`there`, if a delivery may go there from `here`; otherwise raise `WrongState`."""
    if there not in DELIVERY_TRANSITIONS[here]:
        raise WrongState(f"A delivery that is {here} cannot become {there}.")
    return there


class PeerAway(Retry):
    """The destination cannot be reached, or does not let us in."""


@dataclass(frozen=True)
class Answer:
    """What the peer answered for one object or message; `words` never quote a dataset.

    `kind` is a `domain.delivered.Kind` or the name of a message. `status` is the DIMSE or HTTP status, None where no
    answer came. `hopeless`: the same object would be refused again, so a person must look.
    """

    kind: str
    SOPInstanceUID: str
    status: int | None
    words: str
    accepted: bool
    hopeless: bool = False
    SOPClassUID: str = ""


@dataclass(frozen=True)
class Proof:
    """The result of a storage commitment (DICOM PS3.4 annex J): instances taken responsibility for, and those not.

    `failed` holds pairs of SOPInstanceUID and FailureReason (0008,1197).
    """

    TransactionUID: str
    committed: frozenset[str]
    failed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Pace:
    """How patiently results are sent.

    `first_wait_s` seconds pass before the second try, twice as long before each further one, at most `longest_wait_s`;
    after `tries` tries the delivery is a dead letter. `proof_wait_s` is how long a storage commitment is waited for
    before it is asked for again, twice as long each time, `proof_tries` times.
    """

    first_wait_s: float = 60.0
    longest_wait_s: float = 3600.0
    tries: int = 48
    proof_wait_s: float = 600.0
    proof_tries: int = 8


JITTER = 0.25
"""The longest part of a wait that is added by chance, so that deliveries do not come back all at once."""


def back_off(tries: int, chance: float, pace: Pace) -> float:
    """Seconds to wait after this many tries (at least 1). `chance` in [0, 1) spreads it by up to a quarter."""
    doubled = pace.first_wait_s * 2.0 ** min(tries - 1, 30)
    return min(doubled, pace.longest_wait_s) * (1 + JITTER * chance)


def proof_wait(asked: int, pace: Pace) -> float:
    """Seconds to wait for a storage commitment that has been asked for this often (at least once)."""
    return pace.proof_wait_s * 2.0 ** min(asked - 1, 30)


def kinds_sent(wanted: frozenset[Kind], stage: Stage, *, flagged: bool) -> frozenset[Kind]:
    """What a destination gets of one result, of the kinds that it wants.

    Where nothing was flagged and nobody signed, only the sagittal reformat goes: it is an image for the reader, and
    says nothing; an unread "no fracture" in the archive would look like a report.
    """
    if stage is Stage.FINAL or flagged:
        return wanted
    return wanted & {Kind.REFORMAT}


AE_TITLE_MAX = 16
PORT_MAX = 65535


@dataclass(frozen=True)
class DestinationFacts:
    """Where results shall go, as an operator fills it in; the columns of `ledger.Destination` say what each means.

    `token` None keeps the one that is there. Raises `ValueError`, with words for the person, for an incomplete one.
    """

    name: str
    protocol: Protocol
    AETitle: str = ""
    host: str = ""
    port: int | None = None
    use_tls: bool = False
    url: str = ""
    token: str | None = None
    receiving_application: str = ""
    receiving_facility: str = ""
    kinds: frozenset[Kind] = frozenset()
    before_sign_off: bool = False
    commitment: bool = True
    enabled: bool = True

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ValueError(problem)

    def _problem(self) -> str:
        if not self.name.strip():
            return "A destination has a name."
        if self.protocol.carries_objects and not self.kinds:
            return "Choose at least one kind of result."
        if self.protocol in {Protocol.STOW, Protocol.FHIR}:
            return "" if _is_web_address(self.url) else "The address begins with http:// or https:// and names a host."
        return self._problem_by_line()

    def _problem_by_line(self) -> str:
        if not _is_host(self.host) or self.port is None or not 0 < self.port <= PORT_MAX:
            return "A destination has a host and a port from 1 to 65535."
        if self.protocol is Protocol.HL7 and not (self.receiving_application + self.receiving_facility).isprintable():
            return "A receiving application or facility is plain text."
        if self.protocol is Protocol.DICOM and not _is_ae_title(self.AETitle):
            return "An AE title has 1 to 16 characters, none of them a backslash or a control character."
        return ""


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = url.isprintable() and parts.path.isascii()
    return parts.scheme in {"http", "https"} and is_plain and has_port and _is_host(parts.hostname or "")


def _is_host(host: str) -> bool:
    """An address, or a name that could be looked up: no empty or overlong part."""
    try:
        return bool(host.strip().encode("idna"))
    except UnicodeError:
        return False


def _is_ae_title(title: str) -> bool:
    """DICOM PS3.5 section 6.2, value representation AE."""
    return 0 < len(title.strip()) <= AE_TITLE_MAX and "\\" not in title and title.isascii() and title.isprintable()
