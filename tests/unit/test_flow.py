"""Cases and referrals walk only the drawn paths, reach every state, and always belong to somebody."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import (
    CASE_OWNER,
    CASE_TRANSITIONS,
    REFERRAL_OWNER,
    REFERRAL_TRANSITIONS,
    CaseState,
    ReferralState,
    move_case,
    move_referral,
)

State = TypeVar("State", bound=StrEnum)


def reachable(start: State, table: Mapping[State, frozenset[State]]) -> set[State]:
    """Every state that some walk from `start` enters."""
    seen, waiting = {start}, [start]
    while waiting:
        for there in table[waiting.pop()] - seen:
            seen.add(there)
            waiting.append(there)
    return seen


def test_every_state_can_be_reached_from_the_first() -> None:
    assert reachable(CaseState.RECEIVING, CASE_TRANSITIONS) == set(CaseState)
    assert reachable(ReferralState.NEW, REFERRAL_TRANSITIONS) == set(ReferralState)


def test_every_state_stands_in_its_tables_and_has_one_owner() -> None:
    assert set(CASE_TRANSITIONS) == set(CASE_OWNER) == set(CaseState)
    assert set(REFERRAL_TRANSITIONS) == set(REFERRAL_OWNER) == set(ReferralState)
    assert all(CASE_OWNER.values())
    assert all(REFERRAL_OWNER.values())


@pytest.mark.parametrize("state", [CaseState.UNSUITABLE, CaseState.FAILED])
def test_what_was_not_analysed_waits_on_an_operators_list_and_can_be_retried(state: CaseState) -> None:
    assert CASE_OWNER[state] == "operator"
    assert CaseState.SETTLED in CASE_TRANSITIONS[state]


def test_every_open_referral_can_be_closed_and_no_closed_one_moves() -> None:
    for state, onward in REFERRAL_TRANSITIONS.items():
        assert bool(onward) == (REFERRAL_OWNER[state] == "nurse")
        assert not onward or ReferralState.CLOSED in onward


def test_only_a_new_referral_can_be_turned_down() -> None:
    sources = {here for here, onward in REFERRAL_TRANSITIONS.items() if ReferralState.NOT_FOR_FLS in onward}
    assert sources == {ReferralState.NEW}


def test_a_study_is_reviewed_only_after_it_awaited_review() -> None:
    sources = {here for here, onward in CASE_TRANSITIONS.items() if CaseState.REVIEWED in onward}
    assert sources == {CaseState.AWAITING_REVIEW}


class CaseWalk(RuleBasedStateMachine):
    """One received study, pushed around at random."""

    def __init__(self) -> None:
        super().__init__()
        self.state = CaseState.RECEIVING
        self.walked = [self.state]

    @rule(there=st.sampled_from(CaseState))
    def push(self, there: CaseState) -> None:
        if there not in CASE_TRANSITIONS[self.state]:
            with pytest.raises(WrongState):
                move_case(self.state, there)
            return
        self.state = move_case(self.state, there)
        self.walked.append(self.state)

    @precondition(lambda self: bool(CASE_TRANSITIONS[self.state]))
    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        self.state = move_case(self.state, data.draw(st.sampled_from(sorted(CASE_TRANSITIONS[self.state]))))
        self.walked.append(self.state)

    @invariant()
    def nothing_skips_the_analysis(self) -> None:
        if CaseState.AWAITING_REVIEW in self.walked:
            before = self.walked[: self.walked.index(CaseState.AWAITING_REVIEW)]
            assert before[-1] is CaseState.SETTLED

    @invariant()
    def a_reviewed_study_stays_reviewed(self) -> None:
        assert CaseState.REVIEWED not in self.walked[:-1]

    @invariant()
    def an_open_study_has_an_owner_who_can_act(self) -> None:
        closed = CASE_OWNER[self.state].startswith("nobody")
        assert closed == (self.state in (CaseState.ANALYSED_CLEAR, CaseState.REVIEWED))


class ReferralWalk(RuleBasedStateMachine):
    """One referral, pushed around at random."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ReferralState.NEW
        self.walked = [self.state]

    @rule(there=st.sampled_from(ReferralState))
    def push(self, there: ReferralState) -> None:
        if there not in REFERRAL_TRANSITIONS[self.state]:
            with pytest.raises(WrongState):
                move_referral(self.state, there)
            return
        self.state = move_referral(self.state, there)
        self.walked.append(self.state)

    @precondition(lambda self: bool(REFERRAL_TRANSITIONS[self.state]))
    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        self.state = move_referral(self.state, data.draw(st.sampled_from(sorted(REFERRAL_TRANSITIONS[self.state]))))
        self.walked.append(self.state)

    @invariant()
    def no_state_is_visited_twice(self) -> None:
        assert len(self.walked) == len(set(self.walked))

    @invariant()
    def treatment_is_decided_only_after_assessment(self) -> None:
        if ReferralState.TREATMENT_DECIDED in self.walked:
            assert ReferralState.ASSESSED in self.walked


TestCaseWalk = CaseWalk.TestCase
TestCaseWalk.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestReferralWalk = ReferralWalk.TestCase
TestReferralWalk.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
