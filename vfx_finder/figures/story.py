"""The audit trail as a person reads it: when, what, who."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from vfx_finder.domain.referral import Route
from vfx_finder.figures.people import written_date

VERB_WORDS: Mapping[str, str] = {
    "received": "First image received",
    "settled": "All images received; analysis asked for",
    "reopened": "More images arrived; to be analysed again",
    "duplicate-with-other-bytes": "An image arrived twice with different content; the first was kept",
    "patient-conflict": "Images name different patients",
    "routed": "A routing rule fitted",
    "unsuitable": "Not analysed",
    "analysed-by-hand": "Analysis before all others asked for",
    "revived": "Its analysis had been lost and was asked for again",
    "priors-searched": "Earlier studies looked for in an archive",
    "instance-after-review": "Another image arrived after signing",
    "analysed": "Analysed",
    "failed": "Analysis failed",
    "retried": "Analysis asked for again",
    "signed": "Review signed",
    "referred": "Referred to the Fracture Liaison Service",
    "escalated": "Another study added fractures",
    "known-no-new-referral": "Already known: no new referral",
    "moved": "Moved along the pathway",
    "noted": "Note written",
    "age-answered": "Age answered",
    "patient-corrected": "The hospital corrected the patient's details",
    "patient-merged": "The hospital merged two patient records into this one",
    "merged-two-open": "The hospital merged two patients who both have an open referral",
    "patient-died": "The hospital reports that the patient has died",
    "patient-alive": "The hospital took back that the patient has died",
    "report-received": "Radiology report received",
    "delivery-asked": "Result to be sent",
    "delivery-stored": "Result stored by the archive",
    "delivery-proven": "Result delivered",
    "delivery-not-kept": "Result not kept by the archive; sent again",
    "delivery-dead": "Result not delivered: a person must look",
    "delivery-superseded": "Result not sent: a newer one goes instead",
    "resent": "Result sent again",
}


class Told(Protocol):
    """What the story needs of an audit event."""

    at: datetime
    verb: str
    name: str
    role: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One event: when, what in words, and by whom."""

    at: datetime
    words: str
    who: str


def story(events: Iterable[Told]) -> tuple[Line, ...]:
    """Events in words, newest first."""
    lines = [Line(event.at, _words(event), f"{event.name} ({event.role})") for event in events]
    return tuple(reversed(lines))


def _words(event: Told) -> str:
    said = VERB_WORDS.get(event.verb, event.verb.replace("-", " ").capitalize())
    detail = event.detail
    if "was" in detail and "is" in detail:
        said = f"{_plain(detail['was'])} to {_plain(detail['is'])}".capitalize()
    extra = [_plain(detail[key]) for key in ("state", "reason") if detail.get(key)]
    extra += [f"“{detail['rule']}”, {_plain(detail.get('verdict', ''))}"] if detail.get("rule") else []
    extra += [Route(detail["route"]).label] if detail.get("route") else []
    extra += _since(detail)
    extra += [detail["fields"]] if detail.get("fields") else []
    extra += [written_date(detail["deceased_on"])] if detail.get("deceased_on") else []
    if event.verb == "age-answered":
        extra.append(f"{detail.get('age')} years")
    return f"{said}: {', '.join(extra)}" if extra else said


def _since(detail: Mapping[str, Any]) -> list[str]:
    """What is new or worse since which earlier study."""
    if not detail.get("compared_with"):
        return []
    day = written_date(str(detail["compared_with"]))
    told = [f"{name} since {day}: {detail[name]}" for name in ("new", "worse") if detail.get(name)]
    return told or [f"nothing new since {day}"]


def _plain(code: object) -> str:
    return str(code).replace("-", " ")
