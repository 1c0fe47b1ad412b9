"""How heights become grades: thresholds, evenly crushed bodies, natural wedges, and what a grade must never do."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vfx_finder.domain import genant
from vfx_finder.domain.finding import Deformity, Loss
from vfx_finder.domain.spine import GRADED_LEVELS, Heights, Level

LUMBAR = (Level.T11, Level.T12, Level.L1, Level.L2, Level.L3, Level.L4, Level.L5)
graded = st.sampled_from([level for level in GRADED_LEVELS if level is not Level.T13])
heights = st.builds(Heights, *(st.floats(6, 40) for _ in range(3)))


def normal(level: Level, size_mm: float = 29.0) -> Heights:
    """A vertebra exactly as large as its level predicts for a patient whose L3 is `size_mm` high behind."""
    return Heights(*(size_mm * part for part in genant.NORMAL_SHAPE[level]))


def spine(size_mm: float = 29.0, **changed: Heights) -> dict[Level, Heights]:
    return {level: normal(level, size_mm) for level in genant.NORMAL_SHAPE} | {
        Level(name): heights for name, heights in changed.items()
    }


def squeezed(heights: Heights, anterior: float = 0.0, middle: float = 0.0, posterior: float = 0.0) -> Heights:
    """The body after losing these shares of its heights."""
    return Heights(
        heights.anterior * (1 - anterior), heights.middle * (1 - middle), heights.posterior * (1 - posterior)
    )


def grade_of(level: Level, heights: Heights, others: dict[Level, Heights]) -> int:
    return genant.grade(genant.severity(level, genant.loss_of(level, heights, others)))


def severity_of(level: Level, heights: Heights, others: dict[Level, Heights]) -> float:
    return genant.severity(level, genant.loss_of(level, heights, others))


@pytest.mark.parametrize(
    ("severity", "grade"),
    [(0.0, 0), (0.1999, 0), (0.20, 1), (0.2499, 1), (0.25, 2), (0.3999, 2), (0.40, 3), (0.9, 3)],
)
def test_a_loss_on_a_threshold_belongs_to_the_higher_grade(severity: float, grade: int) -> None:
    assert genant.grade(severity) == grade


@pytest.mark.parametrize("level", sorted(set(genant.NORMAL_SHAPE) - {Level.T1, Level.T2, Level.T3}))
def test_a_normal_vertebra_among_normal_neighbours_is_grade_0_at_every_level(level: Level) -> None:
    assert grade_of(level, normal(level), spine()) == 0


@pytest.mark.parametrize(("loss", "grade"), [(0.03, 0), (0.30, 2), (0.50, 3)])
def test_an_evenly_crushed_body_is_seen_against_its_neighbours_although_its_own_heights_agree(
    loss: float, grade: int
) -> None:
    crushed = squeezed(normal(Level.L1), loss, loss, loss)
    assert genant.own_loss(crushed) == pytest.approx(genant.own_loss(normal(Level.L1)))
    assert grade_of(Level.L1, crushed, spine()) == grade
    if grade:
        assert genant.deformity(Level.L1, crushed, spine()) is Deformity.CRUSH


def test_the_natural_wedge_of_l5_is_no_fracture() -> None:
    wedged = normal(Level.L5)
    assert genant.own_loss(wedged) > 0.17
    assert grade_of(Level.L5, squeezed(wedged, middle=0.08, posterior=0.05), spine()) == 0


def test_l5_is_graded_by_what_its_neighbours_predict() -> None:
    assert grade_of(Level.L5, squeezed(normal(Level.L5), 0.3, 0.3, 0.2), spine()) == 2


def test_a_wedge_of_a_third_is_grade_2_and_named() -> None:
    wedge = squeezed(normal(Level.T12), anterior=0.32, middle=0.18)
    assert grade_of(Level.T12, wedge, spine()) == 2
    assert genant.deformity(Level.T12, wedge, spine()) is Deformity.WEDGE


def test_a_codfish_vertebra_is_biconcave() -> None:
    fish = squeezed(normal(Level.L3), anterior=0.03, middle=0.30)
    assert grade_of(Level.L3, fish, spine()) == 2
    assert genant.deformity(Level.L3, fish, spine()) is Deformity.BICONCAVE


def test_a_crush_that_kept_some_of_its_posterior_wall_is_still_a_crush() -> None:
    """Genant 1993: what makes a crush is that the posterior height is lost too, not that it is lost as much."""
    crushed = squeezed(normal(Level.L2), anterior=0.40, middle=0.48, posterior=0.28)
    assert genant.deformity(Level.L2, crushed, spine()) is Deformity.CRUSH


def test_a_posterior_wall_lost_by_less_than_a_mild_loss_makes_no_crush() -> None:
    assert grade_of(Level.L2, squeezed(normal(Level.L2), 0.08, 0.18, 0.10), spine()) == 1
    assert genant.deformity(Level.L2, squeezed(normal(Level.L2), 0.08, 0.18, 0.10), spine()) is Deformity.BICONCAVE
    assert genant.deformity(Level.L2, squeezed(normal(Level.L2), 0.08, 0.18, 0.12), spine()) is Deformity.CRUSH


def test_a_rim_that_stands_up_in_front_makes_no_crush_of_a_sound_posterior_wall() -> None:
    """Only the neighbours say what the posterior height was: against the tall front it would seem to be lost."""
    lipped = squeezed(normal(Level.T8), anterior=-0.22, middle=0.10)
    assert genant.deformity(Level.T8, lipped, spine()) is Deformity.BICONCAVE


def test_without_neighbours_a_lost_posterior_wall_is_told_by_what_is_left_of_the_body() -> None:
    collapsed = squeezed(normal(Level.L2), middle=0.30, posterior=0.35)
    assert genant.deformity(Level.L2, collapsed, {}) is Deformity.CRUSH


def test_two_fractured_neighbours_do_not_hide_a_fracture() -> None:
    crushed = {level: squeezed(normal(level), 0.35, 0.35, 0.3) for level in (Level.T12, Level.L1, Level.L2)}
    others = spine() | crushed
    assert all(grade_of(level, heights, others) >= 2 for level, heights in crushed.items())


def test_without_neighbours_the_own_shape_still_grades() -> None:
    assert grade_of(Level.T8, squeezed(normal(Level.T8), anterior=0.3, middle=0.15), {}) == 2
    assert not genant.has_neighbours(Level.T8, {Level.T9: normal(Level.T9)})


def test_a_level_without_a_normal_shape_has_only_its_own_loss() -> None:
    assert genant.loss_of(Level.C5, Heights(10, 9, 10), {}) == Loss(pytest.approx(0.1), None)


def test_a_supernumerary_vertebra_is_judged_like_the_ones_beside_it() -> None:
    between = Heights(26.3, 23.6, 27.9)
    assert grade_of(Level.T13, between, spine()) == 0
    assert grade_of(Level.T13, squeezed(between, 0.5, 0.4, 0.3), spine()) == 3


shares = st.tuples(*(st.floats(0.3, 1.03) for _ in range(3)))
"""Of the height its neighbours predict: beyond that a rim stands out and is bounded (`GenantRule.most_above`)."""


@given(level=graded, share=shares, less=st.floats(0.0, 0.9), size=st.floats(22, 34))
def test_losing_more_of_the_lowest_height_never_lowers_the_grade(
    level: Level, share: tuple[float, float, float], less: float, size: float
) -> None:
    whole = normal(level, size)
    here = Heights(whole.anterior * share[0], whole.middle * share[1], whole.posterior * share[2])
    names = ("anterior", "middle", "posterior")
    values = [getattr(here, name) for name in names]
    assume(values.index(min(values)) == share.index(min(share)))
    lower = squeezed(here, **{names[values.index(min(values))]: less})
    before, after = severity_of(level, here, spine(size)), severity_of(level, lower, spine(size))
    assert after >= before - 1e-6


@given(level=graded, share=shares, loss=st.floats(0.0, 0.9), size=st.floats(22, 34))
def test_losing_height_evenly_never_lowers_the_grade(
    level: Level, share: tuple[float, float, float], loss: float, size: float
) -> None:
    whole = normal(level, size)
    here = Heights(whole.anterior * share[0], whole.middle * share[1], whole.posterior * share[2])
    less = squeezed(here, loss, loss, loss)
    assert severity_of(level, less, spine(size)) >= severity_of(level, here, spine(size)) - 1e-6


@given(level=graded, here=heights, scale=st.floats(0.3, 3.0))
def test_the_grade_does_not_depend_on_the_size_of_the_patient(level: Level, here: Heights, scale: float) -> None:
    def sized(heights: Heights) -> Heights:
        return squeezed(heights, 1 - scale, 1 - scale, 1 - scale)

    others = spine(L3=Heights(20, 18, 26))
    larger = {there: sized(heights) for there, heights in others.items()}
    assert severity_of(level, sized(here), larger) == pytest.approx(severity_of(level, here, others))


@given(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0, 0.1))
def test_probability_rises_with_severity_to_one_in_four_at_grade_2(one: float, two: float, noise: float) -> None:
    low, high = sorted((one, two))
    assert genant.probability_grade2plus(low, noise) <= genant.probability_grade2plus(high, noise)
    assert genant.probability_grade2plus(0.25, noise) == pytest.approx(0.25)


def test_a_noisy_measurement_is_less_certain() -> None:
    assert genant.probability_grade2plus(0.32, 0.08) < genant.probability_grade2plus(0.32)
    assert genant.probability_grade2plus(0.18, 0.08) > genant.probability_grade2plus(0.18)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.data())
def test_a_patient_is_at_least_as_suspected_as_each_vertebra(probabilities: list[float], data: st.DataObject) -> None:
    patient = genant.patient_probability(probabilities)
    assert min(max(probabilities), genant.MOST_CERTAIN) <= patient + 1e-9
    assert patient <= genant.MOST_CERTAIN
    at = data.draw(st.integers(0, len(probabilities) - 1))
    raised = [*probabilities[:at], 1.0, *probabilities[at + 1 :]]
    assert genant.patient_probability(raised) >= patient - 1e-9


def test_many_normal_vertebrae_make_no_suspected_patient() -> None:
    assert genant.patient_probability([0.01] * 17) < 0.03
    assert genant.patient_probability([]) == 0


def test_thresholds_can_be_set() -> None:
    strict = genant.GenantRule(mild=0.15, moderate=0.2, severe=0.3)
    assert [genant.grade(value, strict) for value in (0.14, 0.15, 0.2, 0.3)] == [0, 1, 2, 3]


def test_the_normal_shape_grows_towards_the_feet_and_has_no_jump() -> None:
    behind = [shape[2] for shape in genant.NORMAL_SHAPE.values()]
    steps = [below / above for above, below in itertools.pairwise(behind)]
    assert all(0.87 < step < 1.08 for step in steps)
    assert list(genant.NORMAL_SHAPE) == sorted(genant.NORMAL_SHAPE, key=list(Level).index)


def test_a_rim_that_stands_out_above_all_neighbours_takes_no_height_from_the_rest() -> None:
    """A lip, or an outline that ran into the arch, is not the height that the front was lost from."""
    neighbours = {level: normal(level) for level in (Level.T12, Level.L2, Level.L3)}
    usual = normal(Level.L1)
    lipped = Heights(usual.anterior, usual.middle, 1.2 * usual.posterior)
    alone, beside = (genant.loss_of(Level.L1, lipped, near) for near in ({}, neighbours))
    assert genant.grade(genant.severity(Level.L1, alone)) >= 2
    assert genant.grade(genant.severity(Level.L1, beside)) == 0
    assert genant.within_reason(Level.L1, usual, neighbours) == usual


def test_fractured_neighbours_do_not_hide_a_wedge() -> None:
    """The best-kept neighbour sets the bound: two crushed ones beside it change nothing."""
    wedge = Heights(*(part * share for part, share in zip(triple(normal(Level.L1)), (0.65, 0.8, 1.0), strict=True)))
    crushed = {level: Heights(*(0.5 * part for part in triple(normal(level)))) for level in (Level.T12, Level.L2)}
    neighbours = crushed | {Level.L3: normal(Level.L3)}
    assert genant.grade(genant.severity(Level.L1, genant.loss_of(Level.L1, wedge, neighbours))) >= 2


@given(st.floats(0.0, 1.0))
def test_likeness_lowers_by_a_bounded_amount(probability: float) -> None:
    after = genant.lowered(probability)
    assert after <= probability
    assert probability - after <= 1 / 3 + 1e-9
    assert (after == 1.0) == (probability == 1.0)


def triple(heights: Heights) -> tuple[float, float, float]:
    return heights.anterior, heights.middle, heights.posterior


def test_a_wedge_among_broken_neighbours_keeps_its_grade() -> None:
    """Neighbours that are broken too still say by their backs how high this vertebra was."""
    broken = {
        level: squeezed(heights, anterior=0.5, middle=0.4, posterior=0.1)
        for level, heights in spine(28.0).items()
        if level is not Level.L1
    }
    wedge = squeezed(spine(28.0)[Level.L1], anterior=0.5, middle=0.3)
    assert genant.grade(severity_of(Level.L1, wedge, broken)) == 3


def test_a_wedge_between_two_evenly_crushed_neighbours_keeps_its_grade() -> None:
    """In a short field of view two collapsed neighbours never hide the fracture between them."""
    whole = spine(28.0)
    crushed = {
        level: squeezed(whole[level], anterior=0.4, middle=0.4, posterior=0.4) for level in (Level.T12, Level.L2)
    }
    wedge = squeezed(whole[Level.L1], anterior=0.5, middle=0.3)
    assert genant.grade(severity_of(Level.L1, wedge, crushed)) == 3
