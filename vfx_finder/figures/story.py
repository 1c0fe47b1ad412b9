"""The audit trail as a person reads it: when, what, who."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from vfx_finder.domain.late import LateAnswer, WhyNothing
from vfx_finder.domain.referral import Route
from vfx_finder.figures.people import written_date

VERB_WORDS: Mapping[str, str] = {
    "received": "First image received",
    "settled": "Taken as complete",
    "reopened": "More images arrived; to be analysed again",
    "duplicate-with-other-bytes": "An image came again with other content; the first was kept",
    "other-content-seen": "Images with other content seen to",
    "patient-conflict": "Images name different patients",
    "routed": "A routing rule fitted",
    "unsuitable": "Not analysed",
    "analysed-by-hand": "Analysis before all others asked for",
    "revived": "Its analysis had been lost and was asked for again",
    "priors-searched": "Earlier studies looked for in an archive",
    "analysed-all-the-same": "Analysis asked for against a routing rule",
    "instance-after-review": "Images arrived after signing",
    "sender-learned": "Its sender became known",
    "not-analysed-seen": "Seen to: nothing to do",
    "late-images-seen": "Images after signing seen to",
    "images-removed": "Images removed after their time",
    "images-received-anew": "Images that had been removed arrived again",
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
    "circumstances-answered": "First contact",
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


_REPEATED = frozenset({"duplicate-with-other-bytes", "instance-after-review", "images-received-anew"})
"""What comes image by image: a run of it is one line."""


class Told(Protocol):
    """What the story needs of an audit event."""

    at: datetime
    verb: str
    name: str
    role: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One event, or a run of the same ones: when, what in words, by whom; `since` is when a run began."""

    at: datetime
    words: str
    who: str
    since: datetime | None = None


def story(events: Iterable[Told]) -> tuple[Line, ...]:
    """Events in words, newest first."""
    runs = [list(run) for _, run in groupby(enumerate(events), key=_run)]
    return tuple(_line([event for _, event in run]) for run in reversed(runs))


def _run(numbered: tuple[int, Told]) -> tuple[object, ...]:
    """The same for events that are told together."""
    number, event = numbered
    return (event.verb, event.name) if event.verb in _REPEATED else (number,)


def _line(run: Sequence[Told]) -> Line:
    first, last = run[0], run[-1]
    since = None if first.at == last.at else first.at
    return Line(last.at, _repeated(run) or _words(last), f"{last.name} ({last.role})", since)


def _repeated(run: Sequence[Told]) -> str:
    """What came image by image, counted; empty for anything else."""
    verb, last = run[-1].verb, run[-1].detail
    if verb == "instance-after-review":
        return f"{VERB_WORDS[verb]}: {last.get('count', len(run))} by then"
    if verb == "images-received-anew":
        return f"{VERB_WORDS[verb]}: {sum(int(event.detail.get('count', 1)) for event in run)}"
    times = sum(int(event.detail.get("count", 1)) for event in run)
    if verb == "duplicate-with-other-bytes" and times > 1:
        return f"{times} times an image came again with other content; the first was kept"
    return ""


def _words(event: Told) -> str:
    said = VERB_WORDS.get(event.verb, event.verb.replace("-", " ").capitalize())
    detail = event.detail
    if "was" in detail and "is" in detail:
        said = f"{_plain(detail['was'])} to {_plain(detail['is'])}".capitalize()
    extra = [_plain(detail[key]) for key in ("state", "reason") if detail.get(key)]
    extra += [str(detail["to"])] if detail.get("to") else []
    extra += [f"quiet for {detail['quiet_s']} s"] if "quiet_s" in detail else []
    extra += [f"“{detail['rule']}”, {_plain(detail.get('verdict', ''))}"] if detail.get("rule") else []
    extra += [Route(detail["route"]).label] if detail.get("route") else []
    extra += _since(detail)
    extra += [detail["fields"]] if detail.get("fields") else []
    extra += [written_date(detail["deceased_on"])] if detail.get("deceased_on") else []
    extra += [f"against “{detail['against']}”"] if detail.get("against") else []
    extra += _seen_to(event)
    extra += _removed(detail) if event.verb == "images-removed" else []
    extra += _answers(detail) if event.verb == "circumstances-answered" else []
    if event.verb == "age-answered":
        extra.append(f"{detail.get('age')} years")
    return f"{said}: {', '.join(extra)}" if extra else said


def _seen_to(event: Told) -> list[str]:
    if event.verb not in ("late-images-seen", "other-content-seen"):
        return []
    count = int(event.detail.get("count", 0))
    answer = event.detail.get("answer")
    why, remark = event.detail.get("why"), event.detail.get("remark")
    said = [LateAnswer(answer).words] if answer else []
    said += [WhyNothing(why).words] if why else []
    return [f"{count} {'image' if count == 1 else 'images'}", *said, *([f"“{remark}”"] if remark else [])]


def _removed(detail: Mapping[str, Any]) -> list[str]:
    size = f"{int(detail.get('bytes', 0)) / 1e6:.1f} MB"
    promised = ["also those that we had promised to keep"] if detail.get("also_committed") else []
    return [f"{detail.get('images')} images", size, f"kept {detail.get('kept_days')} days", *promised]


_ANSWERED: Mapping[str, str] = {
    "event": "", "treatment": "bone treatment ", "prednisolone_mg_per_day": "prednisolone mg a day ",
    "hip_fracture": "hip fracture ", "cancer": "cancer ", "bone_specialist": "bone specialist ",
}  # fmt: skip


def _answers(detail: Mapping[str, Any]) -> list[str]:
    """What the patient said, as it was saved, and what it did to the priority."""
    said = [f"{words}{_plain(detail[name])}" for name, words in _ANSWERED.items() if name in detail]
    moved = [f"priority {detail['tier_was']} to {detail['tier']}"] if "tier_was" in detail else []
    return [*(said or ["all answers taken back"]), *moved]


def _since(detail: Mapping[str, Any]) -> list[str]:
    """What is new or worse since which earlier study."""
    if not detail.get("compared_with"):
        return []
    day = written_date(str(detail["compared_with"]))
    told = [f"{name} since {day}: {detail[name]}" for name in ("new", "worse") if detail.get(name)]
    return told or [f"nothing new since {day}"]


def _plain(code: object) -> str:
    return str(code).replace("-", " ")
