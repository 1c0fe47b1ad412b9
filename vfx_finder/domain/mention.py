"""Does a radiology report mention a vertebral fracture? Conservative help for a reader, with the sentences quoted.

It decides whether a fracture found later was occult, that is, not mentioned. It is a set of rules for reports in
English, not a language model; nothing acts on its answer, a person reads the sentences.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from vfx_finder.domain import mention_words as words


class Verdict(StrEnum):
    """Whether the report mentions one."""

    YES = "yes"
    NO = "no"
    """It denies one, or says nothing of any."""
    UNSURE = "unsure"
    """Hedged, ambiguous, contradictory, in the requester's words only, or not in English: read it."""


@dataclass(frozen=True)
class Mention:
    """The verdict and the sentences that it rests on, as written; none where the report is silent."""

    verdict: Verdict
    sentences: tuple[str, ...] = ()


_STRONGEST = (Verdict.YES, Verdict.UNSURE)
_FEW_WORDS = 8
_LONGEST_SCOPE = 12
"""Words between a negation and what it still denies."""
_REACH = 60
"""Characters between an ambiguous word and the vertebra that it is about."""
_CLOSE = 40
"""Characters between a fracture and the bone that it is of."""


def mentions_vertebral_fracture(text: str) -> Mention:
    """Whether this report mentions a vertebral fracture."""
    said = [(sentence, _verdict(sentence, is_history)) for sentence, is_history in _sentences(text)]
    yes, unsure, no = ([sentence for sentence, one in said if one is kind] for kind in (*_STRONGEST, Verdict.NO))
    if yes and any(_denies_all(sentence) for sentence in no):
        return Mention(Verdict.UNSURE, tuple(sentence for sentence, one in said if one is not None))
    if yes:
        return Mention(Verdict.YES, tuple(yes))
    if unsure or not _is_english(text):
        return Mention(Verdict.UNSURE, tuple(unsure))
    return Mention(Verdict.NO, tuple(no))


def _denies_all(sentence: str) -> bool:
    """It denies every vertebral fracture, not only a recent one or one at some level."""
    return bool(words.SPINE.search(sentence)) and not words.LEVEL.search(sentence) and not words.RECENT.search(sentence)


def _verdict(sentence: str, is_history: bool) -> Verdict | None:
    """What one sentence says of vertebral fractures; None where it is about something else."""
    plain = words.NOT_A_FINDING.sub(" ", sentence)
    said = [_of_fracture(plain, found) for found in words.FRACTURE.finditer(plain)]
    said += [_of_ambiguous(plain, found) for found in words.AMBIGUOUS.finditer(plain) if _is_of_spine(plain, found)]
    told = [one for one in said if one is not None]
    strongest = next((kind for kind in _STRONGEST if kind in told), None)
    if strongest is not None:
        return Verdict.UNSURE if is_history else strongest
    if is_history:
        return None
    return Verdict.NO if told or words.HEIGHTS_KEPT.search(plain) else None


def _of_fracture(sentence: str, found: re.Match[str]) -> Verdict | None:
    """What is said of one fracture."""
    elsewhere, in_spine = _is_elsewhere(sentence, found), bool(words.SPINE.search(sentence))
    if elsewhere and not in_spine:
        return None
    denied = _denied(sentence, found)
    if denied is Verdict.NO:
        return Verdict.NO
    certain = words.ABOUT_ITS_AGE.sub(" ", sentence)
    if denied or elsewhere or not in_spine or words.HEDGED.search(certain):
        return Verdict.UNSURE
    return Verdict.YES


def _of_ambiguous(sentence: str, found: re.Match[str]) -> Verdict:
    """Never a clear mention: audits of reports count such words as ambiguous."""
    return Verdict.NO if _denied(sentence, found) is Verdict.NO else Verdict.UNSURE


def _is_of_spine(sentence: str, found: re.Match[str]) -> bool:
    if found.group().lower().startswith(("kypho", "vertebr")):
        return True
    around = f"{sentence[max(0, found.start() - _REACH) : found.start()]} {sentence[found.end() :][:_REACH]}"
    return bool(words.LEVEL.search(around) or words.VERTEBRA.search(around))


def _is_elsewhere(sentence: str, found: re.Match[str]) -> bool:
    """Another bone is named close by."""
    before, after = sentence[: found.start()][-_CLOSE:], sentence[found.end() :][:_CLOSE]
    return bool(words.OTHER_BONE.search(before) or words.OTHER_BONE.search(after))


def _denied(sentence: str, found: re.Match[str]) -> Verdict | None:
    """NO where this term is denied, UNSURE where the denial may not reach it, None where nothing denies it."""
    if words.NOT_EXCLUDED.search(sentence):
        return Verdict.UNSURE
    if any(one.start() <= found.start() < one.end() for one in words.DENIED_AFTER.finditer(sentence)):
        return Verdict.NO
    scope = _scope(sentence[: found.start()])
    if scope is None:
        return None
    if words.MORE_THAN_KNOWN.search(sentence[: found.end()]):
        return Verdict.UNSURE
    return Verdict.NO if _reaches(scope) else Verdict.UNSURE


def _scope(before: str) -> str | None:
    """What stands between the last negation that still holds and the term; None where none does."""
    told = words.NO_NEGATION.sub(lambda one: " " * len(one.group()), before)
    denials = list(words.NEGATION.finditer(told))
    if not denials:
        return None
    scope = told[denials[-1].end() :]
    return None if words.ENDS_SCOPE.search(scope) else scope


def _reaches(scope: str) -> bool:
    """A denial goes on through a list ("no rib, sternal or vertebral fracture"), not over a comma into something new
    ("no rib fracture, T12 wedge fracture")."""
    between = words.FRACTURE.split(scope)[-1]
    is_list = bool(words.JOINS.search(between))
    is_new = ("," in between or between != scope) and not is_list
    return not is_new and ";" not in scope and len(scope.split()) <= _LONGEST_SCOPE


_HEADING = re.compile(r"^\s*([A-Za-z][A-Za-z /&-]{2,40}):")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?;])\s+(?=\S)")


def _sentences(text: str) -> list[tuple[str, bool]]:
    """Every sentence, and whether it stands in the part that tells the requester's words."""
    found: list[tuple[str, bool]] = []
    is_history = False
    for paragraph in _unwrapped(text):
        heading = _HEADING.match(paragraph)
        if heading:
            is_history = bool(words.HISTORY.search(heading.group(1)))
        found += [(part.strip(), is_history) for part in _SENTENCE_ENDS.split(paragraph) if part.strip()]
    return found


def _unwrapped(text: str) -> list[str]:
    """Lines, with those that go on in the next one joined to it."""
    paragraphs: list[str] = []
    goes_on = False
    for line in text.splitlines():
        said = " ".join(line.split())
        if paragraphs and said and (goes_on or said[0].islower()) and not _HEADING.match(said):
            paragraphs[-1] += f" {said}"
        else:
            paragraphs.append(said)
        goes_on = bool(words.CARRIES_ON.search(said))
    return [one for one in paragraphs if one]


def _is_english(text: str) -> bool:
    """Short, or with the small words of English."""
    return len(text.split()) < _FEW_WORDS or 20 * len(words.SMALL_WORDS.findall(text)) >= len(text.split())
