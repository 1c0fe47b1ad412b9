"""What must hold of every statistic, whatever the numbers are."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.evaluation import statistics
from pipelines.evaluation.grading import Graded
from pipelines.evaluation.refit import fit, refitted
from vfx_finder.domain.spine import Level

scores = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=60)
grades = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60)


def columns(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in rows], float), np.array([positive for _, positive in rows], bool)


@given(scores)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    score, positive = columns(rows)
    assume(positive.any() and not positive.all())
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert statistics.auc(score, positive) == pytest.approx(np.mean(pairs))
    assert statistics.auc(np.exp(score / 3), positive) == pytest.approx(np.mean(pairs))
    assert statistics.auc(-score, positive) == pytest.approx(1 - np.mean(pairs))


@given(scores)
def test_the_area_under_the_roc_curve_is_the_auc(rows: list[tuple[int, bool]]) -> None:
    score, positive = columns(rows)
    curve = statistics.roc(score, positive)
    if not positive.any() or positive.all():
        assert curve == ()
        return
    x, y = np.array(curve).T
    assert (curve[0], curve[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert np.trapezoid(y, x) == pytest.approx(statistics.auc(score, positive))


@given(grades)
def test_kappa_is_symmetric_at_most_one_and_one_for_agreement(rows: list[tuple[int, int]]) -> None:
    truth, said = np.array(rows).T
    kappa = statistics.quadratic_kappa(truth, said)
    other = statistics.quadratic_kappa(said, truth)
    assert (kappa is None) == (other is None)
    if kappa is not None:
        assert kappa == pytest.approx(other)
        assert kappa <= 1 + 1e-9
    if len(set(truth)) > 1:
        assert statistics.quadratic_kappa(truth, truth) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_and_its_table_agree(rows: list[tuple[float, bool]]) -> None:
    probability, positive = columns(rows)  # type: ignore[arg-type]
    error = statistics.expected_calibration_error(probability, positive)
    bins = statistics.reliability(probability, positive)
    assert error is not None
    assert 0 <= error <= 1
    assert sum(one.n for one in bins) == len(rows)
    assert error == pytest.approx(sum(one.n * abs(one.predicted - one.happened) for one in bins) / len(rows))
    assert all(one.low - 1e-9 <= one.predicted <= one.high + 1e-9 for one in bins)


def clustered() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Scores, probabilities, true and given grades of 12 patients with 3 to 9 vertebrae."""
    random = np.random.default_rng(7)
    subjects = [f"p{at}" for at in range(12) for _ in range(3 + at % 7)]
    truth = random.integers(0, 4, len(subjects))
    said = np.clip(truth + random.integers(-1, 2, len(subjects)), 0, 3)
    score = truth + random.normal(0, 1, len(subjects))
    return score, 1 / (1 + np.exp(1.5 - score)), truth, said, subjects


def test_the_quick_intervals_are_those_of_resampling_rows() -> None:
    score, probability, truth, said, subjects = clustered()
    positive = truth >= 2
    quick_and_slow = (
        (
            statistics.auc_by_subject(score, positive, subjects),
            statistics.by_subject(lambda at: statistics.auc(score[at], positive[at]), subjects),
        ),
        (
            statistics.kappa_by_subject(truth, said, subjects),
            statistics.by_subject(lambda at: statistics.quadratic_kappa(truth[at], said[at]), subjects),
        ),
        (
            statistics.calibration_by_subject(probability, positive, subjects),
            statistics.by_subject(
                lambda at: statistics.expected_calibration_error(probability[at], positive[at]), subjects
            ),
        ),
        (
            statistics.mean_by_subject(score, subjects),
            statistics.by_subject(lambda at: float(score[at].mean()), subjects),
        ),
    )
    for quick, slow in quick_and_slow:
        assert (quick.value, quick.low, quick.high) == pytest.approx((slow.value, slow.low, slow.high))
        assert quick.low < quick.value < quick.high


def test_ten_times_the_same_patient_gives_no_narrower_interval_than_one() -> None:
    score, _, truth, _, subjects = clustered()
    once = statistics.auc_by_subject(score, truth >= 2, subjects)
    tenfold = statistics.auc_by_subject(np.tile(score, 10), np.tile(truth, 10) >= 2, subjects * 10)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_no_spread_is_no_interval_and_nothing_is_no_value() -> None:
    subjects = [str(at) for at in range(8)]
    perfect = statistics.auc_by_subject(np.arange(8.0), np.arange(8) > 3, subjects)
    assert (perfect.value, perfect.low, perfect.high) == (1.0, None, None)
    nothing = np.array([])
    assert statistics.auc_by_subject(nothing, nothing.astype(bool), []).value is None
    assert statistics.mean_by_subject(nothing, []).value is None
    assert statistics.kappa_by_subject(nothing.astype(int), nothing.astype(int), []).value is None
    assert statistics.calibration_by_subject(nothing, nothing.astype(bool), []).value is None
    assert statistics.share_by_subject(nothing.astype(bool), nothing.astype(bool), []).value is None


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilsons_interval_holds_the_share_and_narrows_with_n(hits: int, count: int) -> None:
    assume(hits <= count)
    low, high = statistics.wilson(hits / count, count)
    assert 0 <= low <= hits / count + 1e-12
    assert hits / count - 1e-12 <= high <= 1
    wider_low, wider_high = statistics.wilson(hits / count, max(1, count // 2))
    assert wider_high - wider_low >= high - low - 1e-12


def test_wilsons_interval_of_two_of_three_and_of_ten_of_ten() -> None:
    """Worked by hand: (2/3 + z2/6 -+ z sqrt(2/27 + z2/36)) / (1 + z2/3). Ten of ten leave a rate of failure of 28 %."""
    assert statistics.wilson(2 / 3, 3) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert statistics.wilson(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_a_share_on_two_patients_has_a_wide_interval_and_not_none() -> None:
    hits = np.array([True, True, True, True, False, True, True])
    share = statistics.share_by_subject(hits, np.ones(7, bool), ["a"] * 5 + ["b"] * 2)
    assert (share.n, share.subjects) == (7, 2)
    assert share.low < 0.3 < share.value < share.high


def test_an_area_under_the_curve_rests_on_the_patients_of_the_rarer_kind() -> None:
    positive = np.array([True] + [False] * 19)
    subjects = [f"p{at}" for at in range(20)]
    assert statistics.auc_by_subject(np.arange(20.0), positive, subjects).subjects == 1


def graded(subject: str, truth: int, severity: float, grade: int = 0) -> Graded:
    return Graded(subject, Level.L1, truth, grade, severity, severity, 0.0)


def test_refitted_thresholds_split_what_can_be_split() -> None:
    severity = np.array([0.05, 0.1, 0.15, 0.17, 0.3, 0.32, 0.5, 0.6])
    truth = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    mild, moderate, severe = fit(severity, truth)
    assert 0.1 < mild < 0.15
    assert 0.17 < moderate < 0.3
    assert 0.32 < severe < 0.5


def test_no_patient_helps_to_choose_its_own_thresholds() -> None:
    others = [
        graded(f"p{at}", truth, severity)
        for at in range(6)
        for truth, severity in ((0, 0.05), (1, 0.15), (2, 0.3), (3, 0.5))
    ]
    odd = [graded("odd", 3, 0.06), graded("odd_2", 3, 0.07)]
    given_grades = {row.subject: row.grade for row in refitted([*others, *odd])}
    assert given_grades["odd"] == given_grades["odd_2"] == 0
    alone = refitted([graded("only", 2, 0.3, grade=1)])
    assert alone[0].grade == 1
