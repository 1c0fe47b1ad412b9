"""Every reason that can stand on the not-analysed list has plain words and something to do."""

import pytest

from vfx_finder.domain.study import Reason

OF_A_VERTEBRA = {
    Reason.CUT_BY_FIELD_OF_VIEW,
    Reason.NOT_MEASURABLE,
    Reason.OUTSIDE_GRADED_LEVELS,
    Reason.NOT_A_VERTEBRA,
    Reason.PLANES_DISAGREE,
    Reason.FILM_NOT_GRADED,
    Reason.METAL,
    Reason.CEMENT,
    Reason.TOO_THICK_FOR_MILD,
}


def test_no_reason_is_without_words() -> None:
    from vfx_finder.actions.analysis import Failure
    from vfx_finder.web.operations.reasons import ADVICE

    assert set(ADVICE) == (set(Reason) - OF_A_VERTEBRA) | set(Failure)


@pytest.mark.parametrize("code", [*Reason, "something-new"])
def test_advice_is_a_sentence_and_never_a_code(code: str) -> None:
    from vfx_finder.web.operations.reasons import advice

    told = advice(code)
    assert told.words.endswith(".")
    assert told.to_do.endswith(".")
    assert "-" not in told.words.replace("X-ray", "").replace("thin-slice", "")
