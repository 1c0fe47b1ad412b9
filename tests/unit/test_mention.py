"""Whether a radiology report mentions a vertebral fracture: sentences of an invented department, and what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reviews import outcomes
from vfx_finder.domain.guidance import report_text
from vfx_finder.domain.mention import Mention, Verdict, mentions_vertebral_fracture
from vfx_finder.domain.referral import Eligibility

MENTIONED = [
    "Wedge compression fracture of T12.",
    "There is a moderate vertebral fracture at L1 with 30 % loss of height.",
    "Old osteoporotic fractures of T7 and T8.",
    "Compression fractures of T7 and T8, unchanged.",
    "Unchanged L2 compression fracture.",
    "No change in the T12 compression fracture.",
    "No significant interval change in the known L1 fracture.",
    "T12 burst fracture without retropulsion.",
    "L1 # with anterior wedging.",
    "Multilevel vertebral fractures.",
    "VCF at D12.",
    "Likely chronic T11 compression fracture.",
    "The T12 fracture appears old.",
    "Insufficiency fracture of the L5 vertebral body.",
    "Superior endplate fracture of L4.",
    "No pneumothorax. There is a fracture of the T9 vertebral body.",
    "Loss of height of L1 in keeping with a compression fracture.",
    "BONES: Degenerative change. Wedge fracture of\nL2 noted.",
    "Severe vertebral fracture, Genant grade 3, at T8.",
    "No acute fracture. Old wedge fracture of T12.",
    "Compression deformity of T12, an old fracture.",
    "T6, T8 and L1 vertebral fractures are again seen.",
]

NOT_MENTIONED = [
    "No vertebral fracture.",
    "No acute fracture.",
    "No fracture or dislocation.",
    "No rib, sternal or vertebral fracture.",
    "Rib fractures on the left, 5 to 7.",
    "Fracture of the left femoral neck.",
    "No evidence of an acute compression fracture.",
    "Vertebral body heights are preserved.",
    "The lungs are clear. No effusion.",
    "No suspicious bone lesion.",
    "There is collapse of the left lower lobe.",
    "Wedge resection of the right upper lobe.",
    "No cord compression.",
    "Compression of the left renal vein.",
    "Compression fracture is not seen.",
    "Vertebral fracture has been excluded.",
    "Refer to the fracture liaison service.",
    "Her fracture risk is raised.",
    "Degenerative changes of the lumbar spine without fracture.",
    "Alignment is normal, without vertebral fracture.",
    "No spinal fracture is identified.",
    "Negative for fracture.",
    "Bones: No fracture, no destructive lesion.",
    "Sacral insufficiency? No.",
    "Series #3 image #42 shows a nodule.",
    "Healed fractures of the transverse processes? None.",
    "Left hip fracture, fixed with screws.",
    "No loss of vertebral body height.",
]

UNSURE = [
    "Possible T12 compression fracture.",
    "?L1 fracture.",
    "L1 fracture cannot be excluded.",
    "Wedging of T7 and T8.",
    "Loss of height of L1.",
    "Anterior wedge deformity of T12.",
    "Mild height loss at T11.",
    "Collapse of the T9 vertebral body.",
    "Fractures noted.",
    "No new vertebral fracture.",
    "No further compression fractures.",
    "No rib fracture, T12 wedge fracture.",
    "Clinical details: previous T12 fracture.",
    "Indication: ?vertebral fracture. Findings: clear lungs.",
    "Vertebroplasty at L2.",
    "Fracture of the L2 transverse process.",
    "Suspicion of vertebral fracture at T8.",
    "T12 deformity, fracture versus Schmorl node.",
    "Biconcave vertebrae.",
    "Keine frische Fraktur, ältere Sinterung von LWK 1 mit Höhenminderung, ohne Beteiligung der Hinterkante.",
    "Vertebral fracture is unlikely.",
    "No vertebral fracture. Impression: L1 compression fracture.",
    "No rib fracture but a crush fracture of L3.",
]


@pytest.mark.parametrize("report", MENTIONED)
def test_a_report_that_says_so(report):
    assert mentions_vertebral_fracture(report).verdict is Verdict.YES


@pytest.mark.parametrize("report", NOT_MENTIONED)
def test_a_report_that_denies_it_or_is_silent(report):
    assert mentions_vertebral_fracture(report).verdict is Verdict.NO


@pytest.mark.parametrize("report", UNSURE)
def test_a_report_that_must_be_read(report):
    """Hedged, ambiguous, contradictory, in the requester's words only, or not in English."""
    assert mentions_vertebral_fracture(report).verdict is Verdict.UNSURE


REPORT = """CT chest. Clinical history: ?PE, previous rib fractures.
Findings: No pulmonary embolus. No rib fracture.
There is an old wedge compression fracture of
T9 with loss of about 30 % of height.
Impression: No PE."""


def test_the_sentence_is_quoted_whole_also_over_two_lines():
    assert mentions_vertebral_fracture(REPORT) == Mention(
        Verdict.YES, ("There is an old wedge compression fracture of T9 with loss of about 30 % of height.",)
    )


def test_both_sides_of_a_contradiction_are_quoted():
    told = mentions_vertebral_fracture("No vertebral fracture.\nImpression: fracture of T9.")
    assert told == Mention(Verdict.UNSURE, ("No vertebral fracture.", "Impression: fracture of T9."))


def test_no_acute_fracture_does_not_contradict_an_old_one():
    told = mentions_vertebral_fracture("No acute vertebral fracture. Old fracture of T9.")
    assert told == Mention(Verdict.YES, ("Old fracture of T9.",))


def test_a_silent_report_has_nothing_to_quote():
    assert mentions_vertebral_fracture("Lungs are clear. No effusion.") == Mention(Verdict.NO)
    assert mentions_vertebral_fracture("") == Mention(Verdict.NO)


@given(outcomes(min_fractures=1))
def test_our_own_report_text_mentions_what_it_reports(reached):
    assert mentions_vertebral_fracture(report_text(reached, Eligibility.ELIGIBLE)).verdict is Verdict.YES


@given(st.lists(st.sampled_from([*MENTIONED, *NOT_MENTIONED, *UNSURE, "no", "?", "\n", ":", "fracture"]), max_size=8))
def test_any_text_has_an_answer_and_quotes_only_what_is_there(parts):
    text = " ".join(parts)
    told = mentions_vertebral_fracture(text)
    flat = " ".join(text.split())
    assert all(sentence in flat for sentence in told.sentences)
    assert bool(told.sentences) or told.verdict is not Verdict.YES
