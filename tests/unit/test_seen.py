"""What a study leaves behind: the software's findings, as a reader signed them."""

from tests.support.reviews import confirmed, rejected
from tests.support.spines import analysis
from vfx_finder.domain.review import RejectReason, VertebraDecision
from vfx_finder.domain.seen import seen
from vfx_finder.domain.spine import Level

L = Level


def test_an_unread_study_is_seen_as_the_software_saw_it() -> None:
    found = {one.level: one for one in seen(analysis({L.L1: 2}, unsure=L.T8).findings)}
    assert found[L.L1].is_broken
    assert not found[L.T12].is_broken
    assert not found[L.T8].level_sure
    assert found[L.L5].grade is None


def test_a_signed_grade_and_a_rejection_count_and_signed_levels_are_sure() -> None:
    decisions = (confirmed(L.L1, 3, original_grade=2), rejected(L.T12, 2, RejectReason.LIMBUS))
    found = {one.level: one for one in seen(analysis({L.L1: 2, L.T12: 2}, unsure=L.T8).findings, decisions)}
    assert (found[L.L1].grade, found[L.L1].is_broken) == (3, True)
    assert not found[L.T12].is_broken
    assert all(one.level_sure for one in found.values())


def test_a_reader_who_moved_every_level_moved_the_ungraded_ones_too() -> None:
    decisions = tuple(VertebraDecision(there, here, 0, 0) for here, there in ((L.T12, L.L1), (L.L1, L.L2)))
    levels = [one.level for one in seen(analysis().findings, decisions)]
    assert levels == [L.T6, L.T7, L.T8, L.T9, L.T10, L.T11, L.T12, L.L1, L.L2, L.L3, L.L4, L.L5, L.S1]


def test_a_reader_who_moved_one_level_moved_no_other() -> None:
    decisions = (VertebraDecision(L.L1, L.T12, 0, 0), VertebraDecision(L.L2, L.L2, 0, 0))
    levels = [one.level for one in seen(analysis().findings, decisions)]
    assert levels.count(L.L1) == 2
    assert L.T11 in levels
