"""The answer to an HL7 v2 message, ours to others and theirs to us (HL7 v2.5.1 sections 2.9.2, 2.14.8, table 0008)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vfx_finder.domain.errors import Unreadable
from vfx_finder.interop.hl7 import Message, escaped, read

APPLICATION = "VFX_FINDER"
"""MSH-3 of everything that this system says."""


class Code(StrEnum):
    """MSA-1 in original mode."""

    ACCEPT = "AA"
    """Kept and done with, or kept for a person."""
    ERROR = "AE"
    """The sender must mend the content before sending it again."""
    REJECT = "AR"
    """Not a message that can be taken at all."""


_COMMIT = {Code.ACCEPT: "CA", Code.ERROR: "CE", Code.REJECT: "CR"}
_ACCEPTED = ("AA", "CA")
_NO = ("", "NE")


def acknowledgement(message: Message | None, code: Code, words: str, now: datetime) -> bytes:
    """The ACK for a message, in UTF-8, from the facility that it was sent to; None for bytes that could not be read as
    a message.

    In enhanced mode (MSH-15 asks for an accept acknowledgement, MSH-16 for none) the code is CA, CE or CR.
    """
    return "\r".join([_header(message, now), *_said(message, code, words), ""]).encode()


def _header(message: Message | None, now: datetime) -> str:
    facility, to, event, control_id, version = "", ("", ""), "", "", "2.5.1"
    processing = "P"
    if message is not None:
        header = message.header
        to, facility = (header.text(3), header.text(4)), header.text(6)
        event, control_id = message.event, message.control_id
        version, processing = header.text(12) or version, header.text(11) or processing
    kind = "^".join(["ACK", escaped(event), "ACK"]) if event else "ACK"
    stamp = f"{now:%Y%m%d%H%M%S}"
    return (
        f"MSH|^~\\&|{APPLICATION}|{escaped(facility)}|{escaped(to[0])}|{escaped(to[1])}|{stamp}||{kind}|ACK{escaped(control_id)}"
        f"|{escaped(processing)}|{escaped(version)}||||||UNICODE UTF-8"
    )


def _said(message: Message | None, code: Code, words: str) -> list[str]:
    asked = message is not None and message.header.text(15) not in _NO and message.header.text(16) in _NO
    said = _COMMIT[code] if asked else code.value
    control_id = message.control_id if message else ""
    lines = [f"MSA|{said}|{escaped(control_id)}|{escaped(words[:80])}"]
    if code is not Code.ACCEPT:
        lines.append(f"ERR|||207^Application internal error^HL70357|E||||{escaped(words[:250])}")
    return lines


@dataclass(frozen=True)
class Said:
    """What a peer answered to one of our messages."""

    accepted: bool
    code: str
    words: str


def answer_in(content: bytes, control_id: str) -> Said:
    """What this acknowledgement says of our message `control_id`.

    Raises `Unreadable` where it is none, or one of another message.
    """
    message = read(content)
    answer = message.first("MSA")
    if answer is None or not answer.text(1):
        raise Unreadable("The answer has no MSA segment.")
    if answer.whole(2) != control_id:
        raise Unreadable("The answer is about another message.")
    problem = message.first("ERR")
    words = answer.whole(3) or ((problem.whole(8) or problem.text(3, 2)) if problem else "")
    return Said(answer.text(1) in _ACCEPTED, answer.text(1), words)
