"""One wording for every object: what is suspected, what was signed, what could not be said."""

from dataclasses import replace

import pytest

from tests.support import results, spines
from tests.support.reviews import confirmed, signed
from vfx_finder.domain.finding import FILM_SUSPECTED, SCALE_AT_DETECTOR, SCALE_ESTIMATED, Analysis
from vfx_finder.domain.guidance import check_wording
from vfx_finder.domain.review import Review, VertebraDecision
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason, Unsuitable
from vfx_finder.domain.told import Standing, Told, headline, sums, told

GRADES = results.GRADES


def by_level(vertebrae: tuple[Told, ...]) -> dict[Level, Told]:
    """The vertebrae by the level they are told at."""
    return {one.level: one for one in vertebrae}


def test_before_a_signature_every_finding_is_suspected_and_says_so():
    """Nothing that the software found reads like a diagnosis."""
    vertebrae = by_level(told(spines.analysis(GRADES), None))
    assert vertebrae[Level.T12].sentence == (
        "suspected vertebral fracture, moderate, Genant grade 2, wedge shape; unconfirmed"
    )
    assert vertebrae[Level.T9].sentence == "Genant grade 0"
    assert {level for level, one in vertebrae.items() if one.standing is Standing.SUSPECTED} == set(GRADES)


def test_after_it_the_reader_has_the_last_word():
    """Confirmed, turned down with a reason, and what was not commented on are three different things."""
    review = results.signed()
    analysis = spines.analysis(GRADES | {Level.L3: 1})
    vertebrae = by_level(told(analysis, review))
    assert vertebrae[Level.T12].standing is Standing.CONFIRMED
    assert vertebrae[Level.T8].sentence == "not confirmed as an osteoporotic vertebral fracture: Schmorl node"
    assert vertebrae[Level.L3].standing is Standing.UNDECIDED
    assert "did not comment" in vertebrae[Level.L3].sentence
    assert headline(analysis, tuple(vertebrae.values())) == "Vertebral fractures: grade 2 at T12; grade 3 at L2."


def test_a_level_in_doubt_is_never_told_alone():
    """The alternative stands beside the level until a reader has signed one."""
    analysis = spines.analysis(GRADES, unsure=Level.L2)
    assert by_level(told(analysis, None))[Level.L2].level_words == "L2, or L1 (29 %)"
    assert by_level(told(analysis, None))[Level.L2].short == "L2?"
    assert "grade 3 at L2, or L1 (29 %)." in headline(analysis, told(analysis, None))
    assert by_level(told(analysis, results.signed()))[Level.L2].level_words == "L2"


def test_levels_that_a_reader_moved_move_for_every_vertebra():
    """A vertebra without a decision of its own follows the shift of those with one."""
    moved = VertebraDecision(Level.L1, Level.T12, 2, 2)
    vertebrae = told(spines.analysis({Level.T12: 2}), signed(moved))
    assert [one.level.value for one in vertebrae][-3:] == ["L4", "L5", "S1"]
    assert by_level(vertebrae)[Level.L1].standing is Standing.CONFIRMED


def test_what_was_not_graded_says_why():
    """An abstention is told as one, never as grade 0."""
    analysis = spines.analysis(GRADES)
    cut = replace(
        analysis.findings[0],
        grade=None,
        unsuitable=Unsuitable(Reason.CUT_BY_FIELD_OF_VIEW, "T5 is only partly in the picture."),
    )
    vertebrae = told(replace(analysis, findings=(cut, *analysis.findings[1:])), None)
    assert vertebrae[0].grade is None
    assert vertebrae[0].sentence == "not graded: T5 is only partly in the picture"


def film(flags: tuple[str, ...]) -> Analysis:
    """A film: T12 carries these flags, nothing has a grade."""
    return spines.film({Level.T12: flags})


def test_a_film_suspects_without_a_grade():
    """A suspicion on a film is told as one, with no grade that nobody measured."""
    analysis = film((FILM_SUSPECTED,))
    vertebrae = by_level(told(analysis, None))
    assert vertebrae[Level.T12].sentence == "suspected vertebral fracture, not graded (research on films); unconfirmed"
    assert vertebrae[Level.L1].standing is Standing.NOT_GRADED
    assert headline(analysis, tuple(vertebrae.values())) == (
        "Radiograph (X-ray, research): Suspected vertebral fracture: T12."
    )
    total = sums(tuple(vertebrae.values()))
    assert (total.fracture_count, total.max_grade, total.spinal_deformity_index) == (1, None, None)


def test_a_film_is_never_told_to_be_without_suspicion():
    """The model for films is an experiment: what it did not mark may be fractured."""
    analysis = film(())
    said = headline(analysis, told(analysis, None))
    assert said == (
        "Radiograph (X-ray, research): 12 vertebrae measured on the projection, not graded by software. "
        "Does not exclude fracture."
    )
    assert "suspected" not in said


def test_a_suspicion_that_a_signature_passed_over_stays_named():
    """On a film as on a CT: silence of the reader does not make a finding unsaid."""
    for analysis in (film((FILM_SUSPECTED,)), spines.analysis({Level.T12: 1})):
        said = headline(analysis, told(analysis, signed(confirmed(Level.L1, 0))))
        assert "No vertebral fracture confirmed; found by software, without the radiologist's word: " in said
        assert "T12" in said
        assert "suspected" not in said


@pytest.mark.parametrize("flag", [SCALE_ESTIMATED, SCALE_AT_DETECTOR])
def test_a_film_without_a_scale_at_the_patient_tells_no_millimetres(flag: str):
    """Its heights are good for ratios alone: at the detector everything is 5 to 30 % larger."""
    one = by_level(told(film((FILM_SUSPECTED, flag)), None))[Level.T12]
    assert one.heights is None
    assert one.loss is not None


def test_a_reader_may_grade_what_a_film_did_not():
    """The signed grade stands."""
    one = by_level(told(film((FILM_SUSPECTED,)), signed(confirmed(Level.T12, 2))))[Level.T12]
    assert (one.standing, one.grade) == (Standing.CONFIRMED, 2)


def test_a_body_that_is_probably_no_vertebra_has_no_level():
    """It is listed and takes no part in the numbering."""
    analysis = spines.analysis({})
    first = analysis.findings[0]
    left_out = replace(first, vertebra=replace(first.vertebra, flags=("probably-no-vertebra",)), grade=None)
    one = told(replace(analysis, findings=(left_out, *analysis.findings[1:])), None)[0]
    assert not one.is_vertebra
    assert one.name == "Body that is probably no vertebra"


def test_silence_is_never_a_clean_bill():
    """Without a finding the headline says what was looked at, and what that does not mean."""
    analysis = spines.analysis({})
    assert headline(analysis, told(analysis, None)) == (
        "No vertebral fracture suspected or confirmed in 12 graded vertebrae. Does not exclude fracture."
    )


def test_cement_is_said_in_the_first_line():
    """A treated fracture has no grade and lists no study, but nobody may read past it."""
    for grades, result in (({}, "No vertebral fracture suspected"), ({Level.T12: 2}, "Suspected vertebral fracture")):
        analysis = spines.cemented(grades)
        said = headline(analysis, told(analysis, None))
        assert said.startswith(result)
        assert said.endswith("Cement in L1, as after a treated fracture: not graded.")
        assert [found.vertebra.level.level for found in analysis.flagged] == list(grades)


def test_a_cemented_vertebra_that_a_reader_grades_is_a_fracture():
    """The reader knows what the software cannot: why the cement is there."""
    analysis = spines.cemented({})
    vertebrae = told(analysis, signed(confirmed(Level.L1, 2)))
    assert by_level(vertebrae)[Level.L1].standing is Standing.CONFIRMED
    assert headline(analysis, vertebrae) == "Vertebral fracture: grade 2 at L1."


def test_the_numbers_count_what_is_told():
    """A rejected finding counts for nothing; L5 is in no deformity index."""
    assert sums(told(spines.analysis(GRADES), None)) == sums(told(spines.analysis(GRADES | {Level.L5: 2}), None))
    assert vars(sums(told(spines.analysis(GRADES), results.signed()))) == {
        "max_grade": 3, "fracture_count": 2, "spinal_deformity_index": 5,
    }  # fmt: skip


@pytest.mark.parametrize("review", [None, results.signed()], ids=["before", "after"])
def test_no_sentence_uses_a_word_in_place_of_fracture(review: Review | None):
    """What audits call ambiguous stands only beside the word "fracture"."""
    for one in told(spines.analysis(GRADES), review):
        if one.standing.is_fracture:
            assert [problem for problem in check_wording(one.sentence) if problem.code == "ambiguous-word"] == []


def test_a_confirmed_grade_replaces_the_softwares():
    """The reader's grade is the one that is told."""
    vertebrae = by_level(told(spines.analysis({Level.T12: 2}), signed(confirmed(Level.T12, 3, 2))))
    assert vertebrae[Level.T12].grade == 3
