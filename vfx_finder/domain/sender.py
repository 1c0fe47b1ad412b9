"""Who may send to this system, and why a caller is turned away. No sockets, no rows."""

import ipaddress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from vfx_finder.domain.errors import WrongState

LONGEST_TITLE = 16
"""Characters of an AE title (VR AE, DICOM PS3.5 table 6.2-1)."""
FOUND = "(found in the spool)"
"""The calling title of a file whose listener died before its row was written, where the disk kept no other."""


class Refused(StrEnum):
    """Why a caller was turned away, or what it sent was not taken. Counted by caller, host, reason and detail."""

    UNKNOWN_SENDER = "unknown-sender"
    WRONG_HOST = "wrong-host"
    SWITCHED_OFF = "sender-switched-off"
    NOBODY_MAY = "no-sender-is-set-up"
    WRONG_CALLED_TITLE = "wrong-called-title"
    TOO_MANY = "too-many-associations"
    TOO_OFTEN = "too-many-connections-a-minute"
    TLS = "tls-failed"
    PLAIN = "plain-at-a-tls-port"
    NOTHING_TAKEN = "nothing-it-offered-is-taken"
    NOT_ALL_TAKEN = "not-everything-it-offered-is-taken"
    """It was let in; of what it offered, the SOP Class that the detail names is not taken."""
    TOO_SLOW = "too-slow"
    SILENT = "connected-and-said-nothing"
    NOT_DICOM = "not-dicom"
    TOO_LARGE = "too-large"
    NO_SPACE = "no-space-left"
    DAMAGED = "damaged-instance"
    BAD_TOKEN = "bad-token"
    """A token of DICOMweb that belongs to no sender."""


@dataclass(frozen=True)
class Sender:
    """One system that may send. `host`: an address or a network ("10.1.2.0/24"), empty for any."""

    AETitle: str
    host: str = ""
    enabled: bool = True

    def is_at(self, host: str) -> bool:
        """Whether a caller at this address is the sender's place."""
        return not self.host or _contains(self.host, host)


@dataclass(frozen=True)
class AcceptList:
    """The senders that are set up. `anybody`: an empty list lets every caller in, otherwise nobody."""

    senders: tuple[Sender, ...] = ()
    anybody: bool = False

    def objection(self, calling: str, host: str) -> Refused | None:
        """Why this caller may not come in; None if it may."""
        if not self.senders:
            return None if self.anybody else Refused.NOBODY_MAY
        named = [sender for sender in self.senders if sender.AETitle == calling.strip()]
        if not named:
            return Refused.UNKNOWN_SENDER
        if not any(sender.enabled for sender in named):
            return Refused.SWITCHED_OFF
        if not any(sender.enabled and sender.is_at(host) for sender in named):
            return Refused.WRONG_HOST
        return None


NOT_LET_IN: dict[Refused, str] = {
    Refused.UNKNOWN_SENDER: "its AE title is not among the Sources",
    Refused.WRONG_HOST: "its AE title is among the Sources, but with another host",
    Refused.SWITCHED_OFF: "it is switched off among the Sources",
    Refused.NOBODY_MAY: "no sender is set up among the Sources",
    Refused.PLAIN: "it is set up without TLS, and this system hears TLS only; have it use TLS both ways",
}
"""What stands in the way of a system that should be let in, in words that end a sentence."""

COULD_BE_LET_IN = frozenset({Refused.UNKNOWN_SENDER, Refused.WRONG_HOST, Refused.SWITCHED_OFF, Refused.NOBODY_MAY})
"""Refusals that an operator ends by letting the caller in; no port scan, full disk or failed TLS is among them."""


@dataclass(frozen=True)
class Reporter:
    """A system that may report storage commitment: its title, the addresses it may call from, whether it uses TLS."""

    AETitle: str
    hosts: tuple[str, ...]
    use_tls: bool


def report_objection(accept: AcceptList, by: Reporter, *, tls_only: bool = False) -> Refused | None:
    """Why a system that reports storage commitment by an association of its own would be turned away; None if not.

    DICOM PS3.4 section J.3.3 leaves it to the archive by which association it reports; most call back. A name among
    its hosts is not looked up: then the title alone is judged. `tls_only`: our listener speaks nothing else, and a
    system that is called without TLS calls so too.
    """
    objections = [accept.objection(by.AETitle, host) for host in by.hosts if is_address(host)]
    if not objections:
        at_large = AcceptList(tuple(replace(sender, host="") for sender in accept.senders), anybody=accept.anybody)
        objections = [at_large.objection(by.AETitle, "")]
    if None not in objections:
        return objections[0]
    return Refused.PLAIN if tls_only and not by.use_tls else None


@dataclass(frozen=True)
class Turned:
    """Callers turned away for one reason, `count` times between `first_at` and `last_at`."""

    calling: str
    host: str
    reason: str
    detail: str
    count: int
    first_at: datetime
    last_at: datetime


def checked_title(title: str) -> str:
    """An AE title without padding. Raises `WrongState` unless it has 1 to 16 plain characters (PS3.5 6.2)."""
    stripped = title.strip()
    if not 0 < len(stripped) <= LONGEST_TITLE:
        raise WrongState("An AE title has 1 to 16 characters.")
    if not stripped.isascii() or not stripped.isprintable() or "\\" in stripped:
        raise WrongState("An AE title is plain letters, digits and signs, without a backslash.")
    return stripped


def checked_host(host: str) -> str:
    """An address, a network or nothing, in its usual spelling. Raises `WrongState` for anything else."""
    stripped = host.strip()
    if not stripped:
        return ""
    try:
        network = ipaddress.ip_network(stripped, strict=False)
    except ValueError:
        raise WrongState("A host is an IP address or a network such as 10.1.2.0/24.") from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def is_address(host: str) -> bool:
    """Whether this is an IP address, and not a name that would have to be looked up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach an address to which a server is bound."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _contains(network: str, host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
