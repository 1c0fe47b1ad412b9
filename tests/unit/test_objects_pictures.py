"""Key images and the PDF: drawn from the analysis alone, legible in Latin letters, plain about who confirmed what."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.platypus import Paragraph, Table

from pipelines.steps.key_image import AMBER, BLUE, RED, key_images
from pipelines.steps.lettering import drawable, letters, wrapped
from pipelines.steps.report_pdf import _first_page, report_pdf
from tests.support import results
from vfx_finder.dicom.result import Result
from vfx_finder.dicom.source import read_source
from vfx_finder.domain.spine import Level
from vfx_finder.domain.told import told


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Result:
    """A preliminary result."""
    files = results.study(tmp_path_factory.mktemp("study"))
    analysis = results.analysed(unsure=Level.L2)
    source = read_source(files, analysis.series[0].SeriesInstanceUID)
    return Result(source, analysis, told(analysis, None), None, results.MAKING)


@pytest.fixture(scope="module")
def signed(result) -> Result:
    """The same, signed."""
    review = results.signed()
    return replace(result, review=review, vertebrae=told(result.analysis, review))


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this colour."""
    return int((picture == colour).all(axis=-1).sum())


def words_on(result: Result, words: str = "") -> str:
    """Everything that stands on the first page of the PDF."""
    parts: list[str] = []
    for flowable in _first_page(result, words):
        cells = [cell for row in flowable._cellvalues for cell in row] if isinstance(flowable, Table) else [flowable]
        parts += [cell.getPlainText() for cell in cells if isinstance(cell, Paragraph)]
    return "\n".join(parts)


def test_what_nobody_confirmed_is_amber_and_what_was_signed_is_red(result, signed):
    """The colours say the same as the words, and never the other's."""
    before, after = key_images(result)[0], key_images(signed)[0]
    assert count(before, AMBER) > 500 and count(before, RED) == 0
    assert count(after, RED) > 500 and count(after, AMBER) == 0
    assert min(count(before, BLUE), count(after, BLUE)) > 500


def test_fractures_have_a_close_up_and_sound_spines_have_none(result):
    """One picture where nothing is suspected, two where something is."""
    sound = results.analysed({})
    quiet = replace(result, analysis=sound, vertebrae=told(sound, None))
    assert [len(key_images(one)) for one in (result, quiet)] == [2, 1]
    assert count(key_images(quiet)[0], AMBER) == 0


def test_an_analysis_without_picture_gets_none(result):
    """Nothing is drawn on nothing."""
    assert key_images(replace(result, analysis=replace(result.analysis, picture=None))) == []


def test_the_report_says_who_what_where_and_how_sure(result):
    """Patient, level in doubt, heights, and that nobody confirmed it; no recommendation before a signature."""
    said = words_on(result)
    for part in ("Synthetic Sixty Eight", "SYNTH-0001", "AI, unconfirmed", "grade 3 at L2, or L1 (29 %)",
                 "suspected vertebral fracture", "Research software", "does not exclude fracture"):  # fmt: skip
        assert part in said, part
    assert "Recommend" not in said


def test_the_signed_report_carries_name_reason_and_recommendation(signed):
    """What was turned down stands with its reason, and nothing is called unconfirmed any more."""
    said = words_on(signed, "Bones: 2 vertebral fractures.\nRecommend referral.")
    for part in ("Confirmed by Dr Zoë Müller", "21 Nov 2026 09:30", "Schmorl node", "Recommend referral."):
        assert part in said, part
    assert "unconfirmed" not in said


def test_the_same_result_gives_the_same_pdf(result):
    """No clock and no chance in it."""
    pictures = key_images(result)
    first = report_pdf(result, "", pictures)
    assert first == report_pdf(result, "", pictures)
    assert first.startswith(b"%PDF-")


@given(st.text())
def test_any_text_can_be_drawn(text):
    """Every letter is one that the font has, or a question mark; nothing is a box and nothing fails."""
    drawn = drawable(text)
    assert len(drawn) == len(text)
    assert all(ord(char) < 0x180 or char in "–—‘’“”…≥≤≈−" for char in drawn)
    letters(15).getlength(drawn)


def test_names_keep_their_accents():
    """European letters stay, others lose their accent before they become a question mark."""
    assert drawable("Zoë Łukasiewicz Ñ") == "Zoë Łukasiewicz Ñ"
    assert drawable("Nguyễn") == "Nguyen"
    assert drawable("Иванова") == "???????"


def test_lines_are_no_wider_than_they_may_be():
    """Words that are alone too long stand alone."""
    font = letters(15)
    lines = wrapped("suspected vertebral fracture, moderate, Genant grade 2; unconfirmed", font, 200)
    assert all(font.getlength(line) <= 200 for line in lines)
    assert " ".join(lines) == "suspected vertebral fracture, moderate, Genant grade 2; unconfirmed"
