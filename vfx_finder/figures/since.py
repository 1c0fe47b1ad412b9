"""What became of each vertebra since an earlier study, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vfx_finder.domain.prior import SCALE_TOLERANCE, TOLERANCE, Change, Compared, Comparison, compare
from vfx_finder.domain.prior_numbering import SIDES
from vfx_finder.domain.seen import SeenVertebra
from vfx_finder.figures.people import plain_date
from vfx_finder.ledger.priors import model_names
from vfx_finder.ledger.queries import StudyFile

_WITHIN_ERROR = f"Changes of less than {100 * TOLERANCE:.0f} % of a height are within the measuring error."


@dataclass(frozen=True)
class ShownChange:
    """One vertebra's change: `words` in a few words, `detail` with every height, `css` the change's code."""

    words: str
    detail: str
    css: str


@dataclass(frozen=True)
class ShownComparison:
    """The earlier study in one sentence, what to mind when comparing, and every vertebra in the order given."""

    date: str
    case_id: int
    sentence: str
    cautions: tuple[str, ...]
    changes: tuple[ShownChange, ...]


def since(file: StudyFile, later: Sequence[SeenVertebra]) -> ShownComparison | None:
    """What became of these vertebrae of a study since its earlier one; None where there is none."""
    earlier = file.earlier
    if earlier is None or file.record is None:
        return None
    comparison = compare(earlier.vertebrae, later)
    day = plain_date(earlier.taken_on)
    read = "as signed" if earlier.is_signed else "as the software found it, not read"
    return ShownComparison(
        date=day,
        case_id=earlier.case_id,
        sentence=f"Compared with the study of {day}, {read}.",
        cautions=_cautions(comparison, same_models=earlier.models == model_names(file.record)),
        changes=tuple(shown_change(one, day) for one in comparison.vertebrae),
    )


def shown_change(one: Compared, day: str) -> ShownChange:
    """One vertebra's change since `day`."""
    return ShownChange(_words(one, day), _detail(one), one.change.value)


def _words(one: Compared, day: str) -> str:
    if one.change is Change.NOT_COMPARABLE:
        return one.why.label if one.why else ""
    if one.change is Change.NEW:
        return f"new since {day}: {_greatest(one)}"
    if one.change is Change.WORSE:
        return f"{'worse' if _was_broken(one) else 'lower'}: {_greatest(one)}"
    if one.change is Change.KNOWN:
        return f"known, unchanged{_grade_then(one)}"
    return f"unchanged{_grade_then(one)}"


def _was_broken(one: Compared) -> bool:
    return one.then is not None and one.then.is_broken


def _grade_then(one: Compared) -> str:
    """What was said of the same height then, where that was something else."""
    then = one.then
    if then is None or (then.grade == one.now.grade and then.is_rejected == one.now.is_rejected):
        return ""
    if then.is_rejected:
        return f", rejected then{f' ({then.reason.label})' if then.reason else ''}"
    return f", grade {then.grade} then"


def _greatest(one: Compared) -> str:
    """The height that lost most: "-18 % anterior (-4.6 mm)"."""
    if one.lost_share is None or one.lost_mm is None:
        return ""
    at = max(range(3), key=lambda side: one.lost_share[side] if one.lost_share else 0.0)
    return f"{_signed(-100 * one.lost_share[at], 0)} % {SIDES[at]} ({_signed(-one.lost_mm[at], 1)} mm)"


def _detail(one: Compared) -> str:
    """Every height: level then where it was another, change in mm and percent."""
    if one.lost_share is None or one.lost_mm is None or one.then is None:
        return ""
    was = f"was {one.then.level}; " if one.then.level is not one.now.level else ""
    parts = (
        f"{side} {_signed(-mm, 1)} mm ({_signed(-100 * share, 0)} %)"
        for side, mm, share in zip(SIDES, one.lost_mm, one.lost_share, strict=True)
    )
    return was + ", ".join(parts)


def _signed(value: float, digits: int) -> str:
    """With a true minus sign, and no sign on what rounds to nothing."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{'−' if value < 0 else '+'}{text}"


def _cautions(comparison: Comparison, *, same_models: bool) -> tuple[str, ...]:
    said: Mapping[str, bool] = {
        _shift_words(comparison.shift): comparison.shift != 0,
        "The heights fit a numbering one level apart nearly as well: where that matters, nothing is said.": (
            comparison.numbering_doubtful
        ),
        "T13 or L6 is in one of the two studies only: compare the numbering.": comparison.variant_differs,
        _scale_words(comparison): comparison.scaled,
        "The sound bodies of the two studies differ so much in size that nothing is compared. Same patient?": (
            _too_different(comparison)
        ),
        "Too few sound bodies to check that both studies are of one size.": comparison.scale is None,
        "Measured by another version of the networks then.": not same_models,
        _WITHIN_ERROR: True,
    }
    return tuple(words for words, holds in said.items() if holds)


def _shift_words(shift: int) -> str:
    way = "one level further down" if shift > 0 else "one level further up"
    return f"The numbering differs: each vertebra here was numbered {way} then. They are compared body by body."


def _scale_words(comparison: Comparison) -> str:
    by = 100 * ((comparison.scale or 1.0) - 1)
    return f"The sound bodies measure {_signed(by, 0)} % here: heights are compared after scaling."


def _too_different(comparison: Comparison) -> bool:
    scale = comparison.scale
    return scale is not None and abs(scale - 1) > SCALE_TOLERANCE and not comparison.scaled
