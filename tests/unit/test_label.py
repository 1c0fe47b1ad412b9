"""Vertebrae are numbered from what is seen, doubt is told, and unusual spines are never renumbered in silence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.hypotheses import LONGEST, SPINES
from pipelines.steps.label import (
    CROWDED,
    MISSING_ABOVE,
    TRANSITIONAL,
    UNCERTAIN,
    Numbering,
    label,
    number,
)
from pipelines.steps.level_rank import RANK
from pipelines.steps.picture_error import ON_CT
from tests.support.chains import Anchor, chain, straight
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, Point3

ORDINARY = tuple(level for level in HEAD_TO_FOOT if level not in (Level.C1, Level.T13, Level.L6, Level.S1))
RIB, NO_RIB, SACRUM, C2 = 0.93, 0.05, 0.98, 0.98


def run(first: Level, last: Level, spine: tuple[Level, ...] = ORDINARY) -> tuple[Level, ...]:
    """The levels of `spine` from `first` to `last`."""
    return spine[spine.index(first) : spine.index(last) + 1]


def ribs(levels: tuple[Level, ...]) -> list[Anchor]:
    """What a good network sees of the ribs of these levels."""
    return [{"rib": RIB if level.startswith("T") else NO_RIB} for level in levels]


def numbered(levels: tuple[Level, ...], anchors: list[Anchor] | None = None) -> Numbering:
    """The numbering of an ideal chain of these levels."""
    return number(*chain(straight(levels), anchors or []))


def names(numbering: Numbering) -> tuple[Level, ...]:
    return tuple(one.level for one in numbering.levels)


def chance(numbering: Numbering, level: Level) -> float:
    """How probable it is that the lowest body has this level."""
    lowest = numbering.levels[-1]
    return {lowest.level: lowest.confidence, **lowest.alternatives}.get(level, 0.0)


def test_a_lumbar_chain_on_the_sacrum_is_named_with_certainty_and_without_remarks() -> None:
    levels = run(Level.T9, Level.L5)
    anchors: list[Anchor] = [*ribs(levels)]
    anchors[-1]["sacrum_below"] = SACRUM
    answer = numbered(levels, anchors)
    assert names(answer) == levels
    assert min(one.confidence for one in answer.levels) > 0.95
    assert answer.flags == ((),) * len(levels)


def test_the_neck_is_counted_from_the_dens() -> None:
    levels = run(Level.C3, Level.C6)
    unseen: list[Anchor] = [{} for _ in levels]
    seen: list[Anchor] = [{"c2_above": C2}, *({"c2_above": 0.05} for _ in levels[1:])]
    assert names(numbered(levels, seen)) == levels
    assert chance(numbered(levels, seen), Level.C6) > 0.9 > chance(numbered(levels, unseen), Level.C6) + 0.2


def test_without_an_anchor_the_doubt_is_told_with_its_alternatives() -> None:
    levels = run(Level.T11, Level.L2)
    answer = numbered(levels)
    for truth, one, flags in zip(levels, answer.levels, answer.flags, strict=True):
        assert UNCERTAIN in flags
        assert truth is one.level or truth in one.alternatives
        assert one.level not in one.alternatives
        assert one.confidence >= max(one.alternatives.values())


def test_six_lumbar_bodies_are_named_and_flagged() -> None:
    levels = (*run(Level.T7, Level.L5), Level.L6)
    anchors = ribs(levels)
    anchors[-1]["sacrum_below"] = SACRUM
    answer = numbered(levels, anchors)
    assert names(answer) == levels
    flagged = [level for level, flags in zip(levels, answer.flags, strict=True) if TRANSITIONAL in flags]
    assert flagged == [Level.T11, Level.T12, Level.L1, Level.L2, Level.L3, Level.L4, Level.L5, Level.L6]


def test_four_lumbar_bodies_are_not_called_five() -> None:
    levels = run(Level.T7, Level.L4)
    anchors = ribs(levels)
    anchors[-1]["sacrum_below"] = SACRUM
    answer = numbered(levels, anchors)
    assert names(answer) == levels
    assert all(TRANSITIONAL in flags for flags in answer.flags[-5:])


def test_a_thirteenth_rib_is_told() -> None:
    levels = (*run(Level.C3, Level.T12), Level.T13, *run(Level.L1, Level.L5))
    anchors = ribs(levels)
    anchors[0]["c2_above"], anchors[-1]["sacrum_below"] = C2, SACRUM
    answer = numbered(levels, anchors)
    assert names(answer) == levels
    assert TRANSITIONAL in answer.flags[levels.index(Level.T13)]


def test_eleven_thoracic_bodies_are_told() -> None:
    levels = (*run(Level.C3, Level.T11), *run(Level.L1, Level.L5))
    anchors = ribs(levels)
    anchors[0]["c2_above"], anchors[-1]["sacrum_below"] = C2, SACRUM
    answer = numbered(levels, anchors)
    assert names(answer) == levels
    assert TRANSITIONAL in answer.flags[-1]


@pytest.mark.parametrize("missed", [Level.T10, Level.L1, Level.L3])
def test_a_body_that_was_not_found_leaves_its_name_free(missed: Level) -> None:
    levels = run(Level.T7, Level.L5)
    points = [point for level, point in zip(levels, straight(levels), strict=True) if level is not missed]
    left = tuple(level for level in levels if level is not missed)
    answer = number(*chain(points, [*({} for _ in left[1:]), {"sacrum_below": SACRUM}]))
    assert names(answer) == left
    flagged = [level for level, flags in zip(left, answer.flags, strict=True) if MISSING_ABOVE in flags]
    assert flagged == [levels[levels.index(missed) + 1]]


def test_a_rib_seen_once_where_none_is_does_not_renumber_the_spine() -> None:
    levels = run(Level.T8, Level.L5)
    anchors = ribs(levels)
    anchors[-1]["sacrum_below"] = SACRUM
    anchors[levels.index(Level.L3)]["rib"] = 1.0
    assert names(numbered(levels, anchors)) == levels


def test_one_sure_mistake_does_not_outvote_the_rest_of_the_chain() -> None:
    levels = run(Level.T6, Level.L3)
    anchors = ribs(levels)
    anchors[levels.index(Level.L2)]["rib"] = 1.0
    assert names(numbered(levels, anchors)) == levels


def test_the_sacrum_taken_for_a_body_is_named_s1_so_that_nobody_grades_it() -> None:
    levels = (*run(Level.T12, Level.L5), Level.S1)
    anchors = ribs(levels)
    anchors[-2]["sacrum_below"], anchors[-1]["sacrum_below"] = SACRUM, 0.02
    assert names(numbered(levels, anchors))[-1] is Level.S1


def test_a_crushed_body_does_not_shift_the_names() -> None:
    levels = run(Level.T8, Level.L5)
    points = straight(levels)
    crushed = levels.index(Level.L1)
    sunk: list[Point3] = [(x, y, z - 8.0 if at < crushed else z) for at, (x, y, z) in enumerate(points)]
    answer = number(*chain(sunk, [*({} for _ in levels[1:]), {"sacrum_below": SACRUM}]))
    assert names(answer) == levels


def test_the_place_of_a_body_cut_by_the_field_of_view_is_hardly_trusted() -> None:
    levels = run(Level.T7, Level.T12)
    points = straight(levels)
    points[0] = (0.0, 0.0, points[1][2] + 19.0)
    rest: list[Anchor] = [{} for _ in levels[1:]]
    trusted, cut = number(*chain(points, [{}, *rest])), number(*chain(points, [{"cut": True}, *rest]))
    without = number(*chain(points[1:], rest))
    assert chance(trusted, Level.T12) < chance(without, Level.T12) - 0.1
    assert chance(cut, Level.T12) == pytest.approx(chance(without, Level.T12), abs=0.03)


@pytest.mark.parametrize("below_mm", [12.0, 18.0, 22.0])
def test_a_body_between_two_vertebrae_takes_no_name_from_them(below_mm: float) -> None:
    """Half of a split body, or a piece of posterior bone: listed as none, with the chance that it is one after all."""
    levels = run(Level.T9, Level.L5)
    points = straight(levels)
    x, y, z = points[4]
    sacrum: Anchor = {"sacrum_below": SACRUM}
    answer = number(*chain([*points[:5], (x, y, z - below_mm), *points[5:]], [*({} for _ in levels), sacrum]))
    assert answer.left_out <= {4, 5}
    assert len(answer.left_out) == 1
    kept = [one.level for n, one in enumerate(answer.levels) if n not in answer.left_out]
    assert tuple(kept) == levels
    (false,) = answer.left_out
    assert answer.levels[false].confidence < 0.6
    assert [n for n, flags in enumerate(answer.flags) if CROWDED in flags] == [false - 1, false, false + 1]


def test_a_false_body_does_not_renumber_the_spine_above_it() -> None:
    levels = run(Level.T6, Level.L4)
    points = straight(levels)
    at = levels.index(Level.L1)
    x, y, z = points[at]
    extra = [*points[: at + 1], (x, y, z - 14.0), *points[at + 1 :]]
    seen = ribs(levels)
    answer = number(*chain(extra, [*seen[: at + 1], {}, *seen[at + 1 :]]))
    assert [one.level for n, one in enumerate(answer.levels) if n not in answer.left_out] == list(levels)


def test_two_crushed_vertebrae_are_both_vertebrae() -> None:
    """Sunk on each other to two thirds of the usual distance, they stay in the chain."""
    levels = run(Level.T8, Level.L5)
    points = straight(levels)
    crushed = levels.index(Level.T12)
    sunk: list[Point3] = [(x, y, z - 12.0 if at <= crushed else z) for at, (x, y, z) in enumerate(points)]
    answer = number(*chain(sunk, [*({} for _ in levels[1:]), {"sacrum_below": SACRUM}]))
    assert answer.left_out == frozenset()
    assert names(answer) == levels


def test_nothing_found_is_no_error_and_one_body_alone_is_anybodys_guess() -> None:
    assert label(*chain([(0.0, 0.0, 0.0)])) == number(*chain([(0.0, 0.0, 0.0)])).levels
    bodies, stack = chain([(0.0, 0.0, 0.0)])
    assert label((), stack) == ()
    assert label(bodies, stack)[0].confidence < 0.1


def test_more_bodies_than_any_spine_has_still_get_an_answer() -> None:
    answer = number(*chain([(0.0, 0.0, -25.0 * at) for at in range(LONGEST + 4)]))
    assert len(answer.levels) == LONGEST + 4
    assert [one.confidence for one in answer.levels[:4]] == [0.0] * 4
    assert all(UNCERTAIN in flags for flags in answer.flags[:4])


def test_the_nine_kinds_of_spine_make_up_all_there_are() -> None:
    assert sum(np.exp(kind.log_prior) for kind in SPINES) == pytest.approx(1.0)
    assert [kind.levels[-2] for kind in SPINES if not kind.transitional] == [Level.L5]
    assert len({kind.levels for kind in SPINES}) == 9


SEEN = st.none() | st.floats(0.0, 1.0)
BODY = st.fixed_dictionaries(
    {
        "rib": SEEN,
        "sacrum_below": SEEN,
        "c2_above": SEEN,
        "sacrum_here": SEEN,
        "rank": st.none() | st.floats(-5.0, 30.0),
        "cut": st.booleans(),
    }
)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0.0, 90.0), BODY), min_size=1, max_size=20))
def test_whatever_was_found_the_names_run_downwards_and_the_chances_are_chances(
    found: list[tuple[float, Anchor]],
) -> None:
    heights = np.cumsum([step for step, _ in found])
    answer = number(*chain([(0.0, 0.0, -float(z)) for z in heights], [anchor for _, anchor in found]))
    kept = [level for n, level in enumerate(names(answer)) if n not in answer.left_out]
    places = [HEAD_TO_FOOT.index(level) for level in kept]
    assert places == sorted(set(places))
    assert kept, "a chain is never left without a single vertebra"
    for one in answer.levels:
        total = one.confidence + sum(one.alternatives.values())
        assert 0.0 <= one.confidence <= 1.0
        assert total <= 1.0 + 1e-9
        assert all(chance >= 0.01 for chance in one.alternatives.values())


ANCHORS = st.sampled_from(["rib", "sacrum_below", "c2_above", "rank", "sacrum_here"])


@settings(max_examples=40)
@given(st.integers(0, len(ORDINARY) - 4), st.integers(2, 8), st.lists(ANCHORS, unique=True), ANCHORS)
def test_one_more_true_anchor_never_makes_the_truth_less_probable(
    start: int, count: int, before: list[str], one_more: str
) -> None:
    levels = ORDINARY[start : start + count]
    without, withal = (numbered(levels, true_anchors(levels, kinds)) for kinds in (before, [*before, one_more]))
    assert joint(withal, levels) >= joint(without, levels) - 1e-9


def true_anchors(levels: tuple[Level, ...], kinds: list[str]) -> list[Anchor]:
    """What a network that makes no mistake says of these levels, as far as it is asked."""
    last, first = len(levels) - 1, 0
    every: list[Anchor] = [
        {
            "rib": RIB if level.startswith("T") else NO_RIB,
            "rank": RANK[level],
            "sacrum_below": (SACRUM if level is Level.L5 else 0.02) if n == last else None,
            "c2_above": (C2 if level is Level.C3 else 0.02) if n == first else None,
            "sacrum_here": 0.02 if n == last else None,
        }
        for n, level in enumerate(levels)
    ]
    return [{kind: seen for kind, seen in one.items() if kind in kinds} for one in every]


def joint(answer: Numbering, truth: tuple[Level, ...]) -> float:
    """How probable the truth is at its least probable body."""
    return min(
        {one.level: one.confidence, **one.alternatives}.get(level, 0.0)
        for one, level in zip(answer.levels, truth, strict=True)
    )


def test_what_the_picture_says_of_the_level_settles_a_chain_without_an_anchor() -> None:
    levels = run(Level.T11, Level.L2)
    read: list[Anchor] = [{"rank": RANK[level]} for level in levels]
    without, withal = numbered(levels), numbered(levels, read)
    assert chance(without, Level.L2) < 0.6
    assert chance(withal, Level.L2) > chance(without, Level.L2) + 0.1


@pytest.mark.parametrize("scale", [0.75, 0.8])
def test_a_film_whose_scale_was_guessed_is_numbered_by_its_levels_not_by_its_millimetres(scale: float) -> None:
    levels = run(Level.T5, Level.L5)
    bodies, stack = chain(straight(levels, scale), [{"rank": RANK[level]} for level in levels])
    assert names(number(bodies, stack)) != levels
    assert names(number(bodies, stack, replace(ON_CT, scale_log_sd=0.15))) == levels


@pytest.mark.parametrize("off", [-8.0, 8.0])
def test_a_map_that_is_wildly_wrong_does_not_outvote_the_sacrum(off: float) -> None:
    """Ten bodies read alike are one witness, and a wild one is worth nothing."""
    levels = run(Level.T9, Level.L5)
    read: list[Anchor] = [{"rank": RANK[level] + off} for level in levels]
    read[-1]["sacrum_below"] = SACRUM
    assert names(numbered(levels, read)) == levels
    assert chance(numbered(levels, read), Level.L5) > 0.85


def test_six_lumbar_bodies_above_the_sacrum_are_told_as_alternatives() -> None:
    """Six bodies on the sacrum, no rib seen: most likely T12 to L5 with a rib missed, or L1 to L6."""
    levels = (*run(Level.L1, Level.L5), Level.L6)
    seen: list[Anchor] = [{"rib": NO_RIB} for _ in levels]
    seen[-1]["sacrum_below"] = SACRUM
    answer = numbered(levels, seen)
    assert 0.15 < chance(answer, Level.L6) < 0.6
    assert 0.4 < chance(answer, Level.L5) < 0.85
    assert all(UNCERTAIN in flags for flags in answer.flags)


@settings(max_examples=25)
@given(
    st.integers(0, len(ORDINARY) - 5),
    st.integers(3, 9),
    st.floats(0.9, 1.1),
    st.tuples(*[st.floats(-300, 300)] * 3),
    st.floats(-0.6, 0.6),
)
def test_where_the_patient_lies_and_how_tilted_does_not_matter(
    start: int, count: int, scale: float, shift: Point3, tilt: float
) -> None:
    points = np.array(straight(ORDINARY[start : start + count], scale))
    turned = points @ np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]]) + shift
    here, there = number(*chain([tuple(one) for one in points])), number(*chain([tuple(one) for one in turned]))
    assert names(here) == names(there)
    assert [one.confidence for one in here.levels] == pytest.approx([one.confidence for one in there.levels], abs=1e-6)
