"""What a radiologist changes on the study page, and what that makes of the signature."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import spines
from vfx_finder.domain.finding import FILM_SUSPECTED
from vfx_finder.domain.review import Decision, RejectReason
from vfx_finder.domain.spine import Level
from vfx_finder.reading.draft import Draft, from_form, proposed
from vfx_finder.reading.page import will_sign

FINDINGS = spines.analysis({Level.T8: 1, Level.T12: 2, Level.L1: 3}).findings
AT = {finding.vertebra.level.level: index for index, finding in enumerate(FINDINGS)}


def form(**fields: str) -> dict[str, str]:
    """Form fields named by level: grade_T12="1" is the grade of the vertebra that stands at T12."""
    named = (name.split("_") for name in fields)
    return {f"{kind}-{AT[Level(level)]}": value for (kind, level), value in zip(named, fields.values(), strict=True)}


def levels(draft: Draft) -> list[Level]:
    return [row.level for row in draft.rows]


def test_untouched_page_signs_what_the_software_proposed() -> None:
    draft = from_form(FINDINGS, {})
    assert draft == proposed(FINDINGS)
    assert {row.level: row.grade for row in draft.fractures} == {Level.T12: 2, Level.L1: 3}
    assert will_sign(draft) == "You sign: vertebral fractures T12 grade 2, L1 grade 3. Not decided, not signed: T8."
    assert not draft.problems


def test_a_mild_flag_counts_towards_nothing_until_the_reader_confirms_it() -> None:
    """A lone grade 1 is within what readers disagree on: silence must not sign it."""
    silent = proposed(FINDINGS)
    assert Level.T8 not in {decision.level for decision in silent.decisions()}
    assert silent.outcome().fracture_count == 2
    said = from_form(FINDINGS, form(decision_T8="confirmed"))
    assert said.outcome().grades == {Level.T8: 1, Level.T12: 2, Level.L1: 3}
    assert {decision.level: decision.grade for decision in said.decisions()}[Level.T8] == 1


def test_a_mild_flag_given_another_grade_is_confirmed_by_that() -> None:
    assert from_form(FINDINGS, form(grade_T8="2")).outcome().grades[Level.T8] == 2
    assert Level.T8 not in from_form(FINDINGS, form(grade_T8="1")).outcome().grades


def test_a_grade_2_that_is_probably_none_by_its_shape_is_not_signed_by_silence() -> None:
    """Beside a real fracture one key signs all that stands: what looks like a mimic must not stand yet."""
    probably_none = replace(FINDINGS[AT[Level.T12]], probability_grade2plus=0.04)
    findings = tuple(probably_none if one is FINDINGS[AT[Level.T12]] else one for one in FINDINGS)
    assert proposed(findings).outcome().grades == {Level.L1: 3}
    assert proposed(findings).worst_index == AT[Level.L1]
    assert from_form(findings, form(decision_T12="confirmed")).outcome().grades == {Level.T12: 2, Level.L1: 3}


def test_the_eye_goes_first_to_what_brought_the_study_and_not_to_a_higher_grade_that_is_probably_none() -> None:
    likely = {Level.T8: 0.47, Level.T12: 0.04}
    found = spines.analysis({Level.T8: 1, Level.T12: 2}).findings
    findings = [replace(one, probability_grade2plus=likely.get(one.vertebra.level.level, 0.01)) for one in found]
    worst = proposed(findings).rows[proposed(findings).worst_index]
    assert worst.level is Level.T8


FILM = spines.film({Level.T12: (FILM_SUSPECTED,)}).findings
"""A radiograph on which T12 is suspected; software grades nothing on it."""


def test_a_suspicion_on_a_film_is_not_signed_away_by_silence() -> None:
    """One key press must not put "no vertebral fracture" on record for a film that was listed for a look."""
    silent = proposed(FILM)
    assert silent.problems == ("T12: suspected on this radiograph; give it a grade, or reject it.",)
    assert silent.outcome().fracture_count == 0
    assert silent.worst_index == AT[Level.T12]
    assert from_form(FILM, form(decision_T12="confirmed")).problems == silent.problems


def test_a_reader_grades_what_the_film_left_open() -> None:
    draft = from_form(FILM, form(grade_T12="2"))
    assert not draft.problems
    (decision,) = draft.decisions()
    assert (decision.level, decision.grade, decision.original_grade) == (Level.T12, 2, None)
    assert will_sign(draft) == "You sign: vertebral fracture T12 grade 2."


@pytest.mark.parametrize("said", [{"decision_T12": "rejected"}, {"grade_T12": "0"}], ids=["rejected", "grade 0"])
def test_a_suspicion_on_a_film_is_rejected_with_a_reason(said: dict[str, str]) -> None:
    assert from_form(FILM, form(**said)).problems == ("T12: choose why it is rejected.",)
    draft = from_form(FILM, form(**said, reason_T12="schmorl-node"))
    assert not draft.problems
    (decision,) = draft.decisions()
    assert (decision.decision, decision.reason, decision.grade) == (Decision.REJECTED, RejectReason.SCHMORL_NODE, 0)


def test_the_eye_goes_first_to_the_worst() -> None:
    assert proposed(FINDINGS).worst_index == AT[Level.L1]


def test_vertebrae_that_nobody_graded_are_not_signed() -> None:
    assert Level.L5 not in {decision.level for decision in proposed(FINDINGS).decisions()}


def test_a_rejection_needs_its_reason() -> None:
    draft = from_form(FINDINGS, form(decision_L1="rejected"))
    assert draft.problems == ("L1: choose why it is rejected.",)
    with pytest.raises(ValueError, match="reason"):
        draft.decisions()


def test_a_rejection_with_reason_leaves_the_other_fractures() -> None:
    draft = from_form(FINDINGS, form(decision_L1="rejected", reason_L1="schmorl-node", note_L1=" lower end plate "))
    decision = next(one for one in draft.decisions() if one.original_level is Level.L1)
    assert (decision.decision, decision.reason) == (Decision.REJECTED, RejectReason.SCHMORL_NODE)
    assert (decision.grade, decision.note) == (3, "lower end plate")
    assert draft.outcome().max_grade == 2


def test_another_reason_must_be_said_in_words() -> None:
    said = form(decision_L1="rejected", reason_L1="other")
    assert from_form(FINDINGS, said).problems == ("L1: say in the note what the other reason is.",)
    assert not from_form(FINDINGS, said | form(note_L1="kyphoplasty")).problems


def test_grade_0_on_a_flag_is_a_rejection_so_that_the_reason_is_kept() -> None:
    draft = from_form(FINDINGS, form(grade_T12="0"))
    assert [row.level for row in draft.rejected] == [Level.T12]
    assert draft.problems


def test_a_missed_fracture_is_added_by_its_grade() -> None:
    draft = from_form(FINDINGS, form(grade_L3="2", grade_L5="1"))
    added = {decision.level: decision for decision in draft.decisions()}
    assert (added[Level.L3].grade, added[Level.L3].original_grade) == (2, 0)
    assert (added[Level.L5].grade, added[Level.L5].original_grade) == (1, None)


def test_a_suspected_metastasis_is_seen_in_the_outcome() -> None:
    draft = from_form(FINDINGS, form(decision_T8="rejected", reason_T8="pathological-suspected"))
    assert draft.outcome().pathological_suspected


def test_all_levels_shift_by_one_and_the_signature_says_both() -> None:
    draft = proposed(FINDINGS).shifted(1)
    assert (levels(draft)[0], levels(draft)[AT[Level.T12]], levels(draft)[-1]) == (Level.T6, Level.L1, Level.S1)
    decision = next(one for one in draft.decisions() if one.original_level is Level.T12)
    assert (decision.original_level, decision.level) == (Level.T12, Level.L1)
    assert not draft.may_shift(1)


def test_two_fractures_at_one_level_cannot_be_signed() -> None:
    draft = from_form(FINDINGS, form(level_L1="T12"))
    assert draft.problems == ("T12 stands on two fractures: change one level.",)


@given(st.integers(-1, 1), st.dictionaries(st.sampled_from(sorted(AT)), st.sampled_from("0123"), max_size=5))
def test_a_shift_moves_numbers_and_nothing_else(by: int, grades: dict[Level, str]) -> None:
    draft = from_form(FINDINGS, {f"grade-{AT[level]}": grade for level, grade in grades.items()})
    moved = draft.shifted(by)
    assert len(set(levels(moved))) == len(FINDINGS)
    assert [row.grade for row in moved.rows] == [row.grade for row in draft.rows]
    assert moved.shifted(-by) == draft


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_nonsense_in_the_form_changes_nothing(fields: dict[str, str]) -> None:
    assert from_form(FINDINGS, fields) == proposed(FINDINGS)
