"""PID and MRG: who a message is about (HL7 v2.5.1 sections 3.4.2 and 3.4.10)."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from vfx_finder.domain.age import parse_date
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.hospital import PersonTold
from vfx_finder.domain.identity import PatientRef
from vfx_finder.interop.hl7 import Components, Message, Segment

_LONGEST_NUMBER = 256
_LONGEST_NAME = 512
_SEXES = ("F", "M", "O")
_TIME = re.compile(r"(\d{8})(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?([+-]\d{4})?", re.ASCII)


def person(pid: Segment) -> PersonTold:
    """What a PID segment says. Raises `Unreadable` for a number or name longer than any."""
    died, said = parse_date(pid.text(29)[:8]), pid.text(30).upper()
    return PersonTold(
        identifiers=numbers(pid, 3),
        PatientName=_name(pid),
        PatientBirthDate=_day(pid.text(7)),
        PatientSex=sex if (sex := pid.text(8).upper()) in _SEXES else "",
        is_dead=_is_dead(pid, said, died),
        deceased_on=died,
        contradicts_itself=said == "N" and died is not None,
    )


def _is_dead(pid: Segment, said: str, died: date | None) -> bool | None:
    """PID-30, else whether PID-29 has a date; the HL7 null in either takes a death back."""
    if said in ("Y", "N"):
        return said == "Y" or died is not None
    if died is not None:
        return True
    return False if pid.is_null(30) or pid.is_null(29) else None


def numbers_named(message: Message) -> tuple[PatientRef, ...]:
    """Every patient number of a message, in PID-3 and MRG-1; none where one is malformed."""
    fields = {"PID": 3, "MRG": 1}
    try:
        found = [numbers(one, fields[one.name]) for one in message.segments if one.name in fields]
    except Unreadable:
        return ()
    return tuple(dict.fromkeys(ref for several in found for ref in several))


def numbers(segment: Segment, field: int) -> tuple[PatientRef, ...]:
    """Every patient number of a field (CX), with its assigning authority: CX-4's namespace, else its universal ID."""
    found = (_number(one) for one in segment.repetitions(field))
    return tuple(dict.fromkeys(ref for ref in found if ref is not None))


def _number(cx: Components) -> PatientRef | None:
    number, issuer = cx.text(1), cx.text(4, 1) or cx.text(4, 2)
    if max(len(number), len(issuer)) > _LONGEST_NUMBER:
        raise Unreadable("A patient number is longer than any.")
    return PatientRef(number, issuer) if number else None


def _name(pid: Segment) -> str:
    """PID-5 (XPN: family, given, middle, suffix, prefix) as a DICOM PN (family, given, middle, prefix, suffix)."""
    names = pid.repetitions(5)
    legal = [one for one in names if one.text(7) == "L"]
    if not names:
        return ""
    one = (legal or list(names))[0]
    parts = [one.text(number).replace("^", " ").replace("=", " ") for number in (1, 2, 3, 5, 4)]
    name = "^".join(parts).rstrip("^")
    if len(name) > _LONGEST_NAME:
        raise Unreadable("A patient's name is longer than any.")
    return name


def _day(text: str) -> str:
    day = parse_date(text[:8])
    return f"{day:%Y%m%d}" if day else ""


def moment(text: str) -> datetime | None:
    """An HL7 time stamp (TS) with its zone, UTC where it has none; None where missing or malformed."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    day, hour, minute, second, zone = found.groups()
    try:
        at = datetime.strptime(day, "%Y%m%d").replace(
            hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0), tzinfo=_zone(zone)
        )
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if not text:
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))
