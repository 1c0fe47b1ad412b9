"""How levels are told: never alone where they are not sure, and unusual spines in plain words."""

from dataclasses import replace

import pytest

from tests.support import spines
from tests.support.reviews import found
from vfx_finder.domain.finding import Finding
from vfx_finder.domain.guidance import check_wording, report_text
from vfx_finder.domain.numbering import LEVEL_UNCERTAIN, MISSING_ABOVE, NO_VERTEBRA, TRANSITIONAL, numbering_remarks
from vfx_finder.domain.referral import Eligibility
from vfx_finder.domain.spine import Level, LevelEstimate, Vertebra
from vfx_finder.figures.strip import in_words
from vfx_finder.reading.draft import from_form, proposed
from vfx_finder.reading.page import marks, shown_rows

DOUBTFUL = LevelEstimate(Level.L1, 0.62, {Level.T12: 0.31, Level.L2: 0.05, Level.T11: 0.02})


def vertebra(level: Level, *flags: str, estimate: LevelEstimate | None = None) -> Vertebra:
    return Vertebra(estimate or LevelEstimate(level, 0.99, {}), (0.0, 0.0, 0.0), None, flags, None)


def test_a_level_that_is_not_sure_is_told_with_its_alternatives() -> None:
    assert DOUBTFUL.words == "L1, or T12 (31 %) or L2 (5 %)"
    assert LevelEstimate(Level.L1, 0.9, {Level.T12: 0.1}).words == "L1"
    assert LevelEstimate(Level.L1, 0.4, {}).words == "L1"


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (("T11", "T12", "L1", "L2", "L3", "L4", "L5", "L6"), "six lumbar vertebrae (L6)"),
        (("T11", "T12", "T13", "L1"), "thirteen thoracic vertebrae (T13)"),
        (("T11", "L1", "L2", "L3", "L4", "L5"), "eleven thoracic vertebrae (no T12)"),
        (("T11", "T12", "L1", "L2", "L3", "L4"), "four lumbar vertebrae (no L5)"),
        (("T13", "L4", "L5", "L6"), "thirteen thoracic vertebrae (T13) and six lumbar vertebrae (L6)"),
        (("L2", "L3"), "not twelve thoracic and five lumbar vertebrae"),
    ],
)
def test_transitional_anatomy_is_said_in_words(levels: tuple[str, ...], words: str) -> None:
    (sentence,) = numbering_remarks([vertebra(Level(level), TRANSITIONAL) for level in levels])
    assert sentence.startswith(f"Transitional anatomy: {words}.")


def test_doubt_gaps_and_false_bodies_are_said_and_a_usual_spine_needs_no_words() -> None:
    assert numbering_remarks([vertebra(Level.T12), vertebra(Level.L1)]) == ()
    said = numbering_remarks(
        [
            vertebra(Level.L1, LEVEL_UNCERTAIN, estimate=DOUBTFUL),
            vertebra(Level.L2, NO_VERTEBRA, LEVEL_UNCERTAIN, estimate=LevelEstimate(Level.T9, 0.1, {Level.L1: 0.05})),
            vertebra(Level.L3, MISSING_ABOVE),
        ]
    )
    assert said == (
        "The level numbers are not certain; the lowest is L1, or T12 (31 %) or L2 (5 %). All may be off by the same "
        "number.",
        "A vertebra above L3 was not found.",
        "One body is probably no vertebra: outlined, listed, and left out of the numbering.",
    )


def doubtful_spine() -> tuple[Finding, ...]:
    """A grade 2 at L1 whose number is not sure."""
    return spines.analysis({Level.L1: 2}, unsure=Level.L1).findings


def test_list_picture_table_and_report_say_the_doubt_until_the_reader_sets_the_level() -> None:
    findings = doubtful_spine()
    draft, at = proposed(findings), next(n for n, one in enumerate(findings) if one.grade == 2)
    row = shown_rows(draft)[at]
    assert row.level_unsure
    assert row.alternatives == "or T12 (29 %)"
    assert row.caption.startswith("L1, or T12 (29 %) · grade 2")
    assert marks(draft)[at].level == "L1?"
    assert draft.doubts == {Level.L1: "L1, or T12 (29 %)"}
    assert in_words({Level.L1: 2}, draft.doubts) == "L1, or T12 (29 %) grade 2"
    text = report_text(draft.outcome(), Eligibility.ELIGIBLE, draft.doubts)
    assert "L1: moderate vertebral fracture" in text
    assert "Level not certain: L1, or T12 (29 %)." in text
    assert check_wording(text) == ()
    settled = from_form(findings, {f"level-{at}": "T12", f"level-{at - 1}": "T11"})
    assert settled.doubts == {}
    assert marks(settled)[at].level == "T12"


def test_what_is_probably_no_vertebra_carries_no_level_on_the_picture() -> None:
    findings = doubtful_spine()
    false = replace(findings[0], grade=None, vertebra=replace(findings[0].vertebra, flags=(NO_VERTEBRA,)))
    assert marks(proposed((false, *findings[1:])))[0].level == "?"


def test_a_sure_level_stands_alone_in_the_report() -> None:
    assert "not certain" not in report_text(found({Level.L1: 2}), Eligibility.ELIGIBLE, {})
