"""What is graded, what is not and why, and what the patient's numbers say."""

from dataclasses import replace

import pytest

from pipelines.steps.judge import CUT, Circumstances, judge
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Deformity, Finding
from vfx_finder.domain.mimic import Mimic
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.operating_point import BALANCED, SCREENING
from vfx_finder.domain.spine import Heights, Level, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason

SIZE_MM = 29.0


def vertebra(level: Level, kept: tuple[float, float, float] = (1, 1, 1), flags: tuple[str, ...] = ()) -> Vertebra:
    """A vertebra that kept these shares of its normal heights."""
    shape = genant.NORMAL_SHAPE.get(level, (0.6, 0.55, 0.6))
    heights = Heights(*(SIZE_MM * part * share for part, share in zip(shape, kept, strict=True)))
    return Vertebra(LevelEstimate(level, 1.0, {}), (0.0, 0.0, 0.0), heights, flags, None)


def unmeasured(level: Level) -> Vertebra:
    return replace(vertebra(level), heights=None)


def lumbar(**changed: Vertebra) -> list[Vertebra]:
    levels = (Level.T11, Level.T12, Level.L1, Level.L2, Level.L3, Level.L4, Level.L5)
    return [changed.get(level.value, vertebra(level)) for level in levels]


def found(findings: tuple[Finding, ...], level: Level) -> Finding:
    return next(finding for finding in findings if finding.vertebra.level.level is level)


def test_a_normal_spine_is_grade_0_throughout() -> None:
    findings, patient = judge(lumbar())
    assert [finding.grade for finding in findings] == [0] * 7
    assert all(finding.deformity is None for finding in findings)
    assert (patient.max_grade, patient.fracture_count, patient.spinal_deformity_index) == (0, 0, 0)
    assert patient.probability_grade2plus < 0.1


def test_a_moderate_wedge_is_found_named_and_makes_the_patient_suspected() -> None:
    findings, patient = judge(lumbar(L1=vertebra(Level.L1, (0.65, 0.8, 1.0))))
    wedge = found(findings, Level.L1)
    assert (wedge.grade, wedge.deformity) == (2, Deformity.WEDGE)
    assert wedge.loss is not None
    assert wedge.loss.expected == pytest.approx(0.35, abs=0.02)
    assert (patient.max_grade, patient.fracture_count, patient.spinal_deformity_index) == (2, 1, 2)
    assert patient.probability_grade2plus > 0.9


def test_the_spinal_deformity_index_leaves_l5_out() -> None:
    crushed = (0.5, 0.45, 0.5)
    _, patient = judge(lumbar(L1=vertebra(Level.L1, crushed), L5=vertebra(Level.L5, crushed)))
    assert (patient.max_grade, patient.fracture_count, patient.spinal_deformity_index) == (3, 2, 3)


def test_a_body_cut_by_the_field_of_view_is_never_graded_and_tells_its_neighbours_nothing() -> None:
    cut = vertebra(Level.T11, (0.3, 0.3, 0.3), flags=("cut-by-field-of-view",))
    findings, patient = judge(lumbar(T11=cut))
    finding = found(findings, Level.T11)
    assert finding.grade is None
    assert finding.loss is None
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is Reason.CUT_BY_FIELD_OF_VIEW
    assert patient.max_grade == 0
    lower = [vertebra(Level.T12, flags=("cut-by-field-of-view",)), vertebra(Level.L1), vertebra(Level.L2)]
    findings, _ = judge([cut, *lower])
    assert "no-neighbours" in found(findings, Level.L1).vertebra.flags


@pytest.mark.parametrize("level", [Level.S1, Level.L6, Level.T1, Level.T3, Level.C7])
def test_levels_outside_t4_to_l5_are_never_graded(level: Level) -> None:
    findings, patient = judge([*lumbar(), vertebra(level, (0.4, 0.4, 1.0))])
    finding = findings[-1]
    assert finding.grade is None
    assert finding.probability_grade2plus is None
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is Reason.OUTSIDE_GRADED_LEVELS
    assert patient.max_grade == 0


def test_a_body_that_could_not_be_measured_says_so() -> None:
    findings, _ = judge(lumbar(L2=unmeasured(Level.L2)))
    finding = found(findings, Level.L2)
    assert finding.unsuitable is not None
    assert finding.unsuitable.reason is Reason.NOT_MEASURABLE


def test_on_thick_slices_a_mild_loss_is_neither_called_mild_nor_sound_and_grade_2_stays() -> None:
    mild, moderate = vertebra(Level.T12, (0.9, 0.9, 1.0)), vertebra(Level.L3, (0.65, 0.7, 1.0))
    thin, _ = judge(lumbar(T12=mild, L3=moderate))
    thick, patient = judge(lumbar(T12=mild, L3=moderate), circumstances=Circumstances(slice_mm=6.0))
    assert (found(thin, Level.T12).grade, found(thin, Level.L3).grade) == (1, 2)
    assert (found(thick, Level.T12).grade, found(thick, Level.L3).grade) == (None, 2)
    withheld = found(thick, Level.T12).unsuitable
    assert withheld is not None
    assert withheld.reason is Reason.TOO_THICK_FOR_MILD
    assert all("thick-slices" in finding.vertebra.flags for finding in thick)
    assert patient.fracture_count == 1


def test_planes_that_disagree_make_the_probability_less_certain_and_keep_the_flag() -> None:
    doubted = vertebra(Level.L1, (0.68, 0.8, 1.0), flags=("planes-disagree",))
    certain, _ = judge(lumbar(L1=doubted))
    doubtful, _ = judge(lumbar(L1=doubted), [0, 0, 0.1, 0, 0, 0, 0])
    one, other = found(certain, Level.L1), found(doubtful, Level.L1)
    assert one.probability_grade2plus is not None
    assert other.probability_grade2plus is not None
    assert one.probability_grade2plus > other.probability_grade2plus > 0.5
    assert "planes-disagree" in other.vertebra.flags


def test_a_vertebra_without_neighbours_is_graded_and_flagged() -> None:
    findings, _ = judge([vertebra(Level.L1, (0.7, 0.8, 1.0))])
    assert findings[0].grade == 2
    assert "no-neighbours" in findings[0].vertebra.flags


def test_no_vertebra_is_no_patient_at_risk() -> None:
    findings, patient = judge([])
    assert findings == ()
    assert patient.probability_grade2plus == 0


def test_one_spread_for_each_vertebra_or_none() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        judge(lumbar(), [0.1])


def test_the_order_of_vertebrae_does_not_change_a_finding() -> None:
    spine = lumbar(L1=vertebra(Level.L1, (0.65, 0.8, 1.0)), L2=vertebra(Level.L2, (0.9, 0.75, 1.0)))
    forward, one = judge(spine)
    backward, other = judge(spine[::-1])
    assert backward == forward[::-1]
    assert one == other


MIMIC = Mimic.SCHMORL_NODE.value


def test_likeness_to_a_mimic_lowers_the_probability_and_never_the_grade() -> None:
    kept = (0.72, 0.85, 1.0)
    plain, _ = judge(lumbar(L1=vertebra(Level.L1, kept)))
    alike, _ = judge(lumbar(L1=vertebra(Level.L1, kept, (MIMIC,))))
    before, after = (found(findings, Level.L1) for findings in (plain, alike))
    assert after.grade == before.grade == 2
    assert before.probability_grade2plus is not None
    assert after.probability_grade2plus == genant.lowered(before.probability_grade2plus) < before.probability_grade2plus
    assert MIMIC in after.vertebra.flags
    assert SCREENING.flags(after.grade, after.probability_grade2plus)


def test_the_shape_says_how_probable_a_fracture_is_and_never_which_grade_or_whether_one_is_given() -> None:
    """A grade 2 by its heights whose end-plates are those of a Cupid's bow: told, at 4 %, and on nobody's worklist."""
    spine = lumbar(L1=vertebra(Level.L1, (0.79, 0.85, 1.0), (MIMIC,)), L3=vertebra(Level.L3, flags=(CUT,)))
    by_rule, _ = judge(spine)
    by_shape, patient = judge(spine, broken=[0.04] * len(spine))
    assert [one.grade for one in by_shape] == [one.grade for one in by_rule]
    assert [one.unsuitable for one in by_shape] == [one.unsuitable for one in by_rule]
    told = found(by_shape, Level.L1)
    assert (told.grade, told.probability_grade2plus) == (2, 0.04), "likeness is not counted a second time"
    assert MIMIC in told.vertebra.flags
    assert found(by_shape, Level.L3).probability_grade2plus is None
    assert not BALANCED.flags(told.grade, told.probability_grade2plus)
    assert patient.max_grade == 2


def test_no_shape_takes_a_plain_loss_off_the_worklist() -> None:
    """Evenly crushed lower lumbar bodies look sound to what learned from drawn ones: 30 % of severity stays a flag."""
    plain, doubtful = (lumbar(L4=vertebra(Level.L4, (kept, kept, kept))) for kept in (0.68, 0.74))
    severities = []
    for spine, is_flagged in ((plain, True), (doubtful, False)):
        told = found(judge(spine, broken=[0.05] * len(spine))[0], Level.L4)
        assert told.grade == 2
        assert told.loss is not None
        severities.append(genant.severity(Level.L4, told.loss))
        assert BALANCED.flags(told.grade, told.probability_grade2plus) is is_flagged
    assert severities[0] >= genant.RULE.plain > severities[1] >= genant.RULE.moderate


def test_a_grade_2_whose_shape_was_not_asked_is_never_lost_to_a_likeness() -> None:
    spine = lumbar(L1=vertebra(Level.L1, (0.79, 0.85, 1.0), (MIMIC,)))
    told = found(judge(spine)[0], Level.L1)
    assert told.grade == 2
    assert BALANCED.flags(told.grade, told.probability_grade2plus)
    assert BALANCED.threshold <= genant.PLAIN_AT_LEAST


def test_a_vertebra_whose_shape_says_nothing_is_judged_by_its_severity() -> None:
    spine = lumbar(L1=vertebra(Level.L1, (0.72, 0.85, 1.0)))
    assert judge(spine, broken=[None] * len(spine)) == judge(spine)


def test_two_likenesses_lower_no_more_than_one_and_a_lesion_lowers_nothing() -> None:
    kept = (0.72, 0.85, 1.0)
    flags: list[tuple[str, ...]] = [(MIMIC,), (MIMIC, Mimic.LIMBUS.value), (Mimic.LYTIC_LESION.value,), ()]
    one, two, lesion, none = (
        found(judge(lumbar(L1=vertebra(Level.L1, kept, these)))[0], Level.L1).probability_grade2plus for these in flags
    )
    assert one == two
    assert lesion == none


def test_a_plainly_sound_vertebra_is_not_remarked_on_for_what_else_it_resembles() -> None:
    findings, _ = judge(lumbar(L1=vertebra(Level.L1, flags=(MIMIC, Mimic.SCLEROTIC_LESION.value))))
    assert found(findings, Level.L1).vertebra.flags == (Mimic.SCLEROTIC_LESION.value,)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [("metal", Reason.METAL), ("cement", Reason.CEMENT), ("planes-unlike", Reason.PLANES_DISAGREE)],
)
def test_what_is_no_bone_or_no_single_body_is_not_graded_and_counts_for_nobody(flag: str, reason: Reason) -> None:
    tall = vertebra(Level.L1, (1.3, 1.3, 1.3), (flag,))
    findings, _ = judge(lumbar(L1=tall))
    refused = found(findings, Level.L1)
    assert (refused.grade, refused.probability_grade2plus) == (None, None)
    assert refused.unsuitable is not None
    assert refused.unsuitable.reason is reason
    without, _ = judge(lumbar(L1=unmeasured(Level.L1)))
    assert found(findings, Level.L2).loss == found(without, Level.L2).loss


def test_planes_that_disagree_strongly_forbid_to_call_it_sound_but_never_take_back_a_fracture() -> None:
    """Near the bound it is withheld; a plain fracture and a plainly sound vertebra are what they are."""
    answers = []
    for kept in ((1.0, 1.0, 1.0), (0.85, 0.9, 1.0), (0.6, 0.75, 1.0)):
        findings, _ = judge(lumbar(L1=vertebra(Level.L1, kept)), [0.0, 0.0, 0.105, 0.0, 0.0, 0.0, 0.0])
        one = found(findings, Level.L1)
        answers.append((one.grade is None, one.unsuitable.reason if one.unsuitable else None))
    assert answers == [(False, None), (True, Reason.PLANES_DISAGREE), (False, None)]


def test_a_false_body_is_listed_with_its_reason() -> None:
    false = replace(unmeasured(Level.T6), flags=(NO_VERTEBRA,))
    findings, _ = judge([*lumbar(), false])
    assert findings[-1].unsuitable is not None
    assert findings[-1].unsuitable.reason is Reason.NOT_A_VERTEBRA
