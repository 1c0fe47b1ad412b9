"""Who is referred, in which order, by when, and why not."""

from dataclasses import fields, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reviews import found, outcomes
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import REFERRAL_TRANSITIONS, ReferralState
from vfx_finder.domain.referral import (
    Circumstances,
    CloseReason,
    Eligibility,
    Hold,
    NotForFlsReason,
    Route,
    Routing,
    Tier,
    check_move,
    days_left,
    due_date,
    eligibility,
    is_new,
    route,
    sort_key,
    tier,
)
from vfx_finder.domain.review import ReviewOutcome
from vfx_finder.domain.spine import Level

ONE_MODERATE = found({Level.L1: 2})
GRADES = st.dictionaries(st.sampled_from(Level), st.integers(0, 3), max_size=8)
ENDS = (ReferralState.CLOSED, ReferralState.NOT_FOR_FLS)


@pytest.mark.parametrize(
    ("age", "answer"),
    [
        (49, Eligibility.TOO_YOUNG),
        (50, Eligibility.ELIGIBLE),
        (91, Eligibility.ELIGIBLE),
        (None, Eligibility.AGE_UNKNOWN),
    ],
)
def test_fifty_is_old_enough_and_an_unknown_age_is_asked_about(age: int | None, answer: Eligibility) -> None:
    assert eligibility(age) is answer


def test_a_moderate_fracture_at_fifty_goes_to_the_fracture_liaison_service() -> None:
    assert route(ONE_MODERATE, Eligibility.ELIGIBLE) == Routing(Route.FLS)


def test_a_moderate_fracture_under_fifty_goes_to_a_specialist_and_never_into_the_queue() -> None:
    assert route(ONE_MODERATE, Eligibility.TOO_YOUNG) == Routing(Route.SPECIALIST)


def test_a_moderate_fracture_without_an_age_is_referred_with_a_question() -> None:
    assert route(ONE_MODERATE, Eligibility.AGE_UNKNOWN) == Routing(Route.FLS, Hold.AGE_UNKNOWN)


def test_mild_fractures_are_shown_but_not_queued_by_themselves() -> None:
    assert route(found({Level.T8: 1, Level.T9: 1}), Eligibility.ELIGIBLE) == Routing(Route.NOWHERE)


@given(outcomes(), st.sampled_from(Eligibility))
def test_nobody_confirmed_is_lost_and_nobody_is_sent_the_wrong_way(
    outcome: ReviewOutcome, eligible: Eligibility
) -> None:
    there = route(outcome, eligible)
    if outcome.pathological_suspected:
        assert there.route is Route.ONCOLOGY
    elif outcome.max_grade >= 2:
        assert there.route is (Route.SPECIALIST if eligible is Eligibility.TOO_YOUNG else Route.FLS)
    else:
        assert there.route is Route.NOWHERE
    assert (there.hold is not None) == (there.route is Route.FLS and eligible is Eligibility.AGE_UNKNOWN)


@pytest.mark.parametrize(
    ("grades", "known", "expected"),
    [
        ({Level.L1: 2}, Circumstances(), Tier.B),
        ({Level.L1: 3}, Circumstances(), Tier.A),
        ({Level.L1: 2, Level.T8: 1}, Circumstances(), Tier.A),
        ({Level.L1: 1}, Circumstances(), Tier.C),
        ({Level.L1: 2}, Circumstances(prednisolone_mg_per_day=7.5), Tier.A),
        ({Level.L1: 2}, Circumstances(prednisolone_mg_per_day=7.4), Tier.B),
        ({Level.L1: 2}, Circumstances(new_within_24_months=True), Tier.A),
        ({Level.L1: 2}, Circumstances(fracture_on_treatment=True), Tier.A),
        ({Level.L1: 1}, Circumstances(hip_fracture=True), Tier.A),
        ({Level.L1: 2}, Circumstances(False, 0.0, False, False), Tier.B),
    ],
)
def test_tiers(grades: dict[Level, int], known: Circumstances, expected: Tier) -> None:
    assert tier(found(grades), known) is expected


CIRCUMSTANCES = st.builds(
    Circumstances,
    new_within_24_months=st.none() | st.booleans(),
    prednisolone_mg_per_day=st.none() | st.floats(0, 60),
    fracture_on_treatment=st.none() | st.booleans(),
    hip_fracture=st.none() | st.booleans(),
)


@given(outcomes(min_fractures=1), CIRCUMSTANCES, st.sampled_from([one.name for one in fields(Circumstances)]))
def test_a_missing_fact_never_lowers_a_tier_below_what_the_known_answer_no_would_give(
    outcome: ReviewOutcome, known: Circumstances, name: str
) -> None:
    unknown, denied = replace(known, **{name: None}), replace(known, **{name: 0})
    assert tier(outcome, unknown) <= tier(outcome, denied)
    assert tier(outcome, known) <= tier(outcome)
    assert name in unknown.unknown


@given(outcomes(min_fractures=1), outcomes(min_fractures=1), CIRCUMSTANCES)
def test_one_fracture_more_never_lowers_a_tier(
    outcome: ReviewOutcome, other: ReviewOutcome, known: Circumstances
) -> None:
    extra = tuple(one for one in other.fractures if one.level not in outcome.grades)
    assert tier(replace(outcome, fractures=outcome.fractures + extra), known) <= tier(outcome, known)


def test_the_queue_puts_the_worst_the_most_pressing_and_the_oldest_first() -> None:
    queue = [
        ("lone moderate, much time", sort_key(Tier.B, 2, 80, 70)),
        ("three fractures", sort_key(Tier.A, 6, 80, 60)),
        ("lone moderate, older", sort_key(Tier.B, 2, 80, 85)),
        ("lone moderate, overdue", sort_key(Tier.B, 2, -5, 55)),
        ("lone severe", sort_key(Tier.A, 3, 1, 90)),
        ("lone moderate, age unknown", sort_key(Tier.B, 2, 80, None)),
    ]
    assert [name for name, _ in sorted(queue, key=lambda one: one[1])] == [
        "three fractures",
        "lone severe",
        "lone moderate, overdue",
        "lone moderate, age unknown",
        "lone moderate, older",
        "lone moderate, much time",
    ]


@given(st.sampled_from(Tier), st.integers(0, 30), st.integers(-400, 90), st.integers(0, 120))
def test_an_unknown_age_never_moves_a_patient_down_the_queue(rank: Tier, sdi: int, left: int, age: int) -> None:
    assert sort_key(rank, sdi, left, None) < sort_key(rank, sdi, left, age)


def test_the_ninety_days_run_from_the_signature_to_the_assessment() -> None:
    signed = date(2026, 11, 21)
    assert due_date(ReferralState.ASSESSED, signed) == date(2027, 2, 19)
    assert [days_left(signed, signed + timedelta(days)) for days in (0, 90, 91)] == [90, 0, -1]
    assert due_date(ReferralState.FOLLOWED_UP_16W, signed) == signed + timedelta(days=112)
    assert due_date(ReferralState.CONTACTED, signed) is None


@given(GRADES, GRADES)
def test_only_a_new_level_or_a_higher_grade_is_news(now: dict[Level, int], before: dict[Level, int]) -> None:
    news = {level for level, grade in now.items() if grade > before.get(level, 0)}
    assert is_new(now, before) == bool(news)
    assert not is_new(now, now)
    assert is_new(now, {}) == any(now.values())


def test_a_known_fracture_that_got_worse_is_news() -> None:
    assert is_new({Level.L1: 3}, {Level.L1: 2})
    assert not is_new({Level.L1: 2}, {Level.L1: 2, Level.T8: 1})
    assert is_new({Level.L1: 2, Level.T12: 1}, {Level.L1: 2})


def test_a_referral_without_an_age_waits_until_it_is_known() -> None:
    with pytest.raises(WrongState, match="Age not known"):
        check_move(ReferralState.NEW, ReferralState.ACCEPTED, Hold.AGE_UNKNOWN)
    assert check_move(ReferralState.NEW, ReferralState.ACCEPTED) is ReferralState.ACCEPTED
    ended = check_move(ReferralState.NEW, ReferralState.NOT_FOR_FLS, Hold.AGE_UNKNOWN, NotForFlsReason.UNDER_50)
    assert ended is ReferralState.NOT_FOR_FLS


REASONS = st.none() | st.sampled_from(CloseReason) | st.sampled_from(NotForFlsReason)


@given(st.sampled_from(ReferralState), st.sampled_from(ReferralState), st.none() | st.sampled_from(Hold), REASONS)
def test_every_end_has_a_reason_of_its_own_kind_and_no_other_step_has_one(
    here: ReferralState,
    there: ReferralState,
    hold: Hold | None,
    reason: CloseReason | NotForFlsReason | None,
) -> None:
    kinds = {ReferralState.CLOSED: CloseReason, ReferralState.NOT_FOR_FLS: NotForFlsReason}
    reason_fits = isinstance(reason, kinds[there]) if there in kinds else reason is None
    free = there in ENDS or hold is None
    if there in REFERRAL_TRANSITIONS[here] and reason_fits and free:
        assert check_move(here, there, hold, reason) is there
    else:
        with pytest.raises(WrongState):
            check_move(here, there, hold, reason)


@pytest.mark.parametrize("words", [CloseReason, NotForFlsReason, Route, Hold])
def test_every_reason_and_route_has_words_of_its_own(words: type[CloseReason]) -> None:
    labels = [one.label for one in words]
    assert all(labels)
    assert len(set(labels)) == len(labels)
