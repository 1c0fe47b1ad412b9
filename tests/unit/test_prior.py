"""Against an earlier study: what is new is found, what is known stays known, and nothing is renumbered in silence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.seen_spines import SPAN, renumbered, sized, spine
from vfx_finder.domain.prior import TOLERANCE, Change, Compared, Comparison, WhyNotComparable, compare
from vfx_finder.domain.review import RejectReason
from vfx_finder.domain.seen import SeenVertebra
from vfx_finder.domain.spine import Heights, Level

L = Level
losses = st.dictionaries(st.sampled_from(SPAN), st.floats(0.25, 0.55), max_size=4)
SOUND = {Change.UNCHANGED}


def at(comparison: Comparison, level: Level) -> Compared:
    return next(one for one in comparison.vertebrae if one.now.level is level)


def changes(comparison: Comparison) -> dict[Level, Change]:
    return {one.now.level: one.change for one in comparison.vertebrae}


def edited(vertebrae: tuple[SeenVertebra, ...], level: Level, **said: object) -> tuple[SeenVertebra, ...]:
    return tuple(replace(one, **said) if one.level is level else one for one in vertebrae)


@given(losses)
def test_the_same_analysis_twice_shows_nothing_new(lost: dict[Level, float]) -> None:
    comparison = compare(spine(lost), spine(lost))
    assert comparison.shift == 0
    assert not comparison.numbering_doubtful
    assert changes(comparison) == {level: Change.KNOWN if level in lost else Change.UNCHANGED for level in SPAN}
    assert all(max(one.lost_share) == pytest.approx(0) for one in comparison.vertebrae if one.lost_share)


@given(losses, st.integers(0, 10_000))
def test_two_readings_of_one_spine_with_measuring_error_show_nothing_new(lost: dict[Level, float], seed: int) -> None:
    """The ratio error of the issue, 0.02, put on every height of both."""
    earlier, later = spine(lost, noise=0.018, seed=seed), spine(lost, noise=0.018, seed=seed + 1)
    found = set(changes(compare(earlier, later)).values())
    assert not found & {Change.NEW, Change.WORSE}


def test_a_fracture_that_was_not_there_is_new_with_what_it_lost() -> None:
    comparison = compare(spine(), spine({L.L1: 0.35}))
    new = at(comparison, L.L1)
    assert [one.now.level for one in comparison.of(Change.NEW)] == [L.L1]
    assert new.lost_share == pytest.approx((0.35, 0.175, 0.0))
    assert new.then is not None
    assert new.lost_mm is not None
    assert new.then.heights is not None
    assert new.lost_mm[0] == pytest.approx(0.35 * new.then.heights.anterior)


def test_a_known_fracture_that_sank_is_worse() -> None:
    comparison = compare(spine({L.T12: 0.27}), spine({L.T12: 0.45}))
    worse = at(comparison, L.T12)
    assert worse.change is Change.WORSE
    assert worse.lost_share is not None
    assert worse.lost_share[0] == pytest.approx(1 - 0.55 / 0.73)
    assert set(changes(comparison).values()) == {Change.WORSE, Change.UNCHANGED}


def test_a_grade_that_changes_without_a_loss_of_height_is_no_new_fracture() -> None:
    """24 % then and 26 % now are one measurement made twice: known, whatever the grades say."""
    comparison = compare(spine({L.L1: 0.24}), spine({L.L1: 0.26}))
    assert at(comparison, L.L1).change is Change.KNOWN
    comparison = compare(spine({L.L1: 0.18}), spine({L.L1: 0.21}))
    assert at(comparison, L.L1).change is Change.UNCHANGED


def test_a_rejected_finding_was_no_fracture() -> None:
    earlier = edited(spine({L.L1: 0.26}), L.L1, is_rejected=True, reason=RejectReason.SCHMORL_NODE)
    assert at(compare(earlier, spine({L.L1: 0.26})), L.L1).change is Change.UNCHANGED
    assert at(compare(earlier, spine({L.L1: 0.48})), L.L1).change is Change.NEW


def test_a_fracture_rejected_only_as_known_stays_a_fracture() -> None:
    earlier = edited(spine({L.L1: 0.26}), L.L1, is_rejected=True, reason=RejectReason.ALREADY_KNOWN)
    assert at(compare(earlier, spine({L.L1: 0.26})), L.L1).change is Change.KNOWN
    assert at(compare(earlier, spine({L.L1: 0.48})), L.L1).change is Change.WORSE


@given(losses, st.floats(0.9, 1.1))
def test_another_size_of_the_whole_spine_is_no_loss_and_is_told(lost: dict[Level, float], by: float) -> None:
    comparison = compare(spine(lost), sized(spine(lost), by))
    assert comparison.shift == 0
    assert not set(changes(comparison).values()) & {Change.NEW, Change.WORSE}
    assert comparison.scale == pytest.approx(by)
    assert comparison.scaled == (abs(by - 1) > 0.03)


def test_a_new_fracture_is_found_under_another_size() -> None:
    comparison = compare(spine(), sized(spine({L.T11: 0.3}), 0.93))
    assert [one.now.level for one in comparison.of(Change.NEW)] == [L.T11]
    assert at(comparison, L.T11).lost_share == pytest.approx((0.3, 0.15, 0.0))


@pytest.mark.parametrize("by", [0.8, 1.25])
def test_spines_of_quite_another_size_are_not_compared(by: float) -> None:
    comparison = compare(spine(), sized(spine({L.T11: 0.3}), by))
    assert {(one.change, one.why) for one in comparison.vertebrae} == {
        (Change.NOT_COMPARABLE, WhyNotComparable.ANOTHER_SIZE)
    }


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("sure", [True, False])
def test_a_shift_by_one_level_is_told_and_followed(by: int, sure: bool) -> None:
    """Hazard: a known fracture, numbered differently, taken for a new one at one level and a cure at the other."""
    lost = {L.T8: 0.3, L.T12: 0.4, L.L2: 0.35}
    comparison = compare(spine(lost), renumbered(spine(lost), by, sure))
    assert comparison.shift == -by
    assert {one.now.level for one in comparison.of(Change.KNOWN)} == {
        one.level for one in renumbered(spine(lost), by) if one.is_broken
    }
    assert not comparison.of(Change.NEW)


def test_where_the_numbering_cannot_be_told_apart_neither_is_the_change() -> None:
    """One moderate fracture, an unsure number: new at T12, or the known one of L1? Not comparable, and why."""
    earlier = spine({L.L1: 0.26}, span=SPAN[5:])
    later = renumbered(spine({L.L1: 0.26}, span=SPAN[5:]), -1, sure=False)
    comparison = compare(earlier, later)
    assert not comparison.of(Change.NEW)
    assert comparison.shift or comparison.numbering_doubtful


def test_a_single_new_fracture_shifts_nothing() -> None:
    for level in SPAN:
        comparison = compare(spine(), spine({level: 0.5}))
        assert (comparison.shift, comparison.numbering_doubtful) == (0, False)
        assert at(comparison, level).change is Change.NEW


def test_a_body_cannot_grow() -> None:
    comparison = compare(spine({L.T12: 0.40}), spine())
    assert comparison.shift == 0
    grown = at(comparison, L.T12)
    assert (grown.change, grown.why) == (Change.NOT_COMPARABLE, WhyNotComparable.TALLER)


def test_what_one_study_did_not_show_is_not_compared() -> None:
    comparison = compare(spine(span=SPAN[4:]), spine({SPAN[1]: 0.4}))
    hidden = at(comparison, SPAN[1])
    assert (hidden.change, hidden.why) == (Change.NOT_COMPARABLE, WhyNotComparable.NOT_IN_VIEW_THEN)
    assert set(changes(comparison).values()) == {Change.NOT_COMPARABLE, Change.UNCHANGED}


@pytest.mark.parametrize("said", [{"heights": None}, {"grade": None}])
def test_what_was_not_graded_is_not_compared(said: dict[str, None]) -> None:
    for earlier, later, why in (
        (spine(), edited(spine(), L.L1, **said), WhyNotComparable.NOT_GRADED_NOW),
        (edited(spine(), L.L1, **said), spine(), WhyNotComparable.NOT_GRADED_THEN),
    ):
        one = at(compare(earlier, later), L.L1)
        assert (one.change, one.why) == (Change.NOT_COMPARABLE, why)


def test_too_few_sound_bodies_leave_the_size_unchecked_and_say_so() -> None:
    few = spine({L.L1: 0.3, L.L2: 0.3}, span=(L.T12, L.L1, L.L2, L.L3))
    comparison = compare(few, few)
    assert comparison.scale is None
    assert not comparison.scaled


def test_t13_in_one_study_only_is_told() -> None:
    extra = SeenVertebra(L.T13, Heights(24.0, 22.0, 25.0), 0)
    assert compare(spine(), (*spine(), extra)).variant_differs
    assert not compare((*spine(), extra), (*spine(), extra)).variant_differs


@given(losses, losses)
def test_every_vertebra_of_the_later_study_is_answered_once_and_in_order(
    then: dict[Level, float], now: dict[Level, float]
) -> None:
    comparison = compare(spine(then), spine(now))
    assert [one.now.level for one in comparison.vertebrae] == list(SPAN)
    for one in comparison.vertebrae:
        assert (one.why is not None) == (one.change is Change.NOT_COMPARABLE)
        lost = max(one.lost_share) if one.lost_share else 0.0
        assert lost > TOLERANCE or one.change not in {Change.NEW, Change.WORSE}


def test_an_empty_study_compares_nothing() -> None:
    assert compare((), ()).vertebrae == ()
    assert {one.why for one in compare((), spine()).vertebrae} == {WhyNotComparable.NOT_IN_VIEW_THEN}
