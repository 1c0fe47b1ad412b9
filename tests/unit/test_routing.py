"""Which studies are analysed and how soon: the first rule that fits decides, and nothing is left out by a hair."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.hours import WHOLE_DAY, Hours
from vfx_finder.domain.routing import (
    LONGEST_GATHERED,
    MORE,
    PATTERNS,
    Rule,
    Traits,
    Verdict,
    first_fitting,
    gathered,
    left_out_before_it_arrives,
    tried,
)

HEADS = Rule("no heads", Verdict.LEAVE_OUT, BodyPartExamined="*HEAD*")
TRAUMA = Rule("trauma first", Verdict.URGENT, BodyPartExamined="*spine*")
CHILDREN = Rule("no children", Verdict.LEAVE_OUT, oldest=17)
NIGHT = Rule("the rest at night", Verdict.OFF_PEAK)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


words = st.text(st.sampled_from("ABC *?\\."), max_size=12)


def test_the_first_rule_that_fits_decides() -> None:
    rules = (HEADS, TRAUMA, NIGHT)
    assert first_fitting(rules, Traits(BodyPartExamined="HEAD")) is HEADS
    assert first_fitting(rules, Traits(BodyPartExamined="LSPINE")) is TRAUMA
    assert first_fitting(rules, Traits(BodyPartExamined="CHEST")) is NIGHT
    assert first_fitting((HEADS,), Traits(BodyPartExamined="CHEST")) is None


def test_a_pattern_ignores_case_and_an_empty_one_fits_everything() -> None:
    rule = Rule("scanner", Verdict.URGENT, calling="ct_?", StudyDescription="*thorax*")
    assert rule.fits(Traits(calling="CT_1", StudyDescription="CT Thorax nativ"))
    assert not rule.fits(Traits(calling="CT_12", StudyDescription="CT Thorax nativ"))
    assert not rule.fits(Traits(calling="CT_1"))


def test_a_scan_of_head_and_chest_is_never_left_out_as_a_head() -> None:
    """Hazard: a whole-body trauma scan lost because its first series shows the head."""
    polytrauma = Traits(BodyPartExamined="HEAD\\CHEST\\ABDOMEN")
    assert not HEADS.fits(polytrauma)
    assert TRAUMA.fits(Traits(BodyPartExamined="HEAD\\CSPINE"))
    assert HEADS.fits(Traits(BodyPartExamined="HEAD\\HEAD AND NECK"))
    assert not HEADS.fits(Traits()), "a study that names no part of the body is not a head"


def test_an_unknown_age_fits_no_bound() -> None:
    assert CHILDREN.fits(Traits(age=17))
    assert not CHILDREN.fits(Traits(age=18))
    assert not CHILDREN.fits(Traits(age=None))
    assert Rule("old", Verdict.URGENT, youngest=50).fits(Traits(age=50))


def test_trying_says_which_rule_decides_and_why_each_other_does_not() -> None:
    found = tried((HEADS, CHILDREN, TRAUMA, NIGHT), Traits(BodyPartExamined="LSPINE", age=70))
    assert [one.decides for one in found] == [False, False, True, False]
    assert found[0].why_not == ("body part “LSPINE”, not “*HEAD*”",)
    assert found[1].why_not == ("the age is 70, above 17",)
    assert found[2].why_not == ()
    assert found[3].why_not == ("the rule “trauma first” is asked before it",)
    assert tried((CHILDREN,), Traits())[0].why_not == ("the age is not known",)
    assert tried((HEADS,), Traits())[0].why_not == ("body part not stated, not “*HEAD*”",)
    asleep = tried((HEADS, CHILDREN), Traits(BodyPartExamined="HEAD", age=9), off=frozenset({HEADS.name}))
    assert [(one.decides, one.in_force) for one in asleep] == [(True, False), (True, True)]
    late = tried((CHILDREN, HEADS), Traits(BodyPartExamined="HEAD", age=9), off=frozenset({HEADS.name}))
    assert late[1].why_not == ("the rule “no children” is asked before it",)
    both = tried((HEADS,), Traits(BodyPartExamined="HEAD\\CHEST"))
    assert both[0].why_not == ("body part “HEAD”, “CHEST”, not “*HEAD*”",)


def test_what_people_read_of_a_rule_is_what_its_form_calls_it() -> None:
    """No Python name and no DICOM keyword where the form has words."""
    from vfx_finder.web.operations.forms import RuleForm

    labels = {name: field.label.lower() for name, field in RuleForm.base_fields.items() if name in PATTERNS}
    assert labels == PATTERNS


def test_only_a_rule_that_is_certain_keeps_a_study_from_being_asked_for() -> None:
    """An archive lists modality, description and age, not the sender, the part of the body or the station."""
    by_name = Rule("heads by name", Verdict.LEAVE_OUT, StudyDescription="*head*")
    listed = Traits(Modality="CT", StudyDescription="CT head", age=70)
    assert left_out_before_it_arrives((by_name,), listed) is by_name
    assert left_out_before_it_arrives((HEADS, by_name), listed) is None, "the first rule may save it or not"
    assert left_out_before_it_arrives((TRAUMA, by_name), listed) is None
    assert left_out_before_it_arrives((CHILDREN, by_name), listed) is by_name
    assert left_out_before_it_arrives((NIGHT, by_name), listed) is None
    assert left_out_before_it_arrives((), listed) is None


@given(words, words, words, words)
def test_what_is_left_out_before_it_arrives_is_also_left_out_after(
    modality: str, description: str, part: str, pattern: str
) -> None:
    """Whatever the images then say of the part of the body."""
    rules = (
        Rule("part", Verdict.LEAVE_OUT, BodyPartExamined=pattern or "X"),
        Rule("name", Verdict.LEAVE_OUT, StudyDescription=pattern),
    )
    listed = Traits(Modality=modality, StudyDescription=description)
    certain = left_out_before_it_arrives(rules, listed)
    arrived = Traits(Modality=modality, StudyDescription=description, BodyPartExamined=part)
    first = first_fitting(rules, arrived)
    assert certain is None or (first is not None and first.verdict is Verdict.LEAVE_OUT)


@given(st.lists(st.text(st.sampled_from("ABCDE"), min_size=1, max_size=16), max_size=12))
def test_parts_of_the_body_are_gathered_and_what_is_cut_is_told(parts: list[str]) -> None:
    have = ""
    for part in parts:
        have = gathered(have, part)
        assert gathered(have, part) == have, "each once"
    values = have.split("\\") if have else []
    assert len(have) <= LONGEST_GATHERED
    assert values == list(dict.fromkeys(parts)) or (values[-1] == MORE and set(values[:-1]) <= set(parts))


def test_hours_pass_midnight_and_open_again_in_the_evening() -> None:
    night = Hours.parse("20-6")
    assert [night.contain(at(21, hour)) for hour in (19, 20, 23, 0, 5, 6)] == [
        False, True, True, True, True, False,
    ]  # fmt: skip
    assert night.opening(at(21, 9, 30)) == at(21, 20)
    assert Hours(1, 5).opening(at(21, 9, 30)) == at(22, 1)
    assert night.opening(at(21, 22, 15)) == at(21, 22, 15)
    assert WHOLE_DAY.contain(at(21, 12))
    assert str(night) == "20-6"


@pytest.mark.parametrize("text", ["", "20", "24-6", "-1-6", "20-6-8", "evening"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(WrongState):
        Hours.parse(text)
