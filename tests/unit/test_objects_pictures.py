"""Key images and the PDF: drawn from the analysis alone, legible in Latin letters, plain about who confirmed what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.platypus import Paragraph, Table

from pipelines.steps.key_image import AMBER, BLUE, RED, _head, key_images
from pipelines.steps.lettering import NOT_DRAWN, _glyphs, drawable, letters, name_of, wrapped
from pipelines.steps.report_pdf import _first_page, report_pdf
from tests.support import results
from vfx_finder.dicom.result import Result
from vfx_finder.dicom.source import read_source
from vfx_finder.domain.delivered import Kind
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
    assert {ord(char) for char in drawn} <= _glyphs()
    letters(15).getlength(drawn)


def test_names_keep_their_accents():
    """What the font has stays; others lose their accent before they become a question mark."""
    assert drawable("Zoë Łukasiewicz Ñ") == "Zoë Łukasiewicz Ñ"
    assert drawable("Wąsik Dvořák Őz Ħal Nguyễn") == "Wasik Dvorák Oz Hal Nguyen"
    assert drawable("Иванова") == "???????"
    assert drawable("≥ 2 – “as stated”") == "≥ 2 – “as stated”"


@pytest.mark.parametrize("bold", [False, True])
def test_no_letter_that_is_drawn_is_a_box(bold: bool):
    """Every letter of Latin Extended, seen: its picture is not the one that stands for a letter that is missing."""
    font = letters(24, bold=bold)
    box = bytes(font.getmask("\uffff"))
    drawn = {drawable(chr(code)) for code in range(0x20, 0x250)}
    assert [char for char in drawn if bytes(font.getmask(char)) == box] == []
    assert bytes(font.getmask("ą")) == box, "the font has changed: it may draw more now"


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada Tarou"),
        ("山田^太郎=Yamada^Tarou", "Yamada Tarou"),
        ("=山田^太郎=Yamada^Tarou", "Yamada Tarou"),
        ("Łukasz^Wąsik", "Łukasz Wąsik"),
        ("Иванова^Анна", "Иванова Анна"),
        ("Ωmega^A^^Dr", "Ωmega A Dr"),
        ("^^=", ""),
        ("", ""),
    ],
)
def test_a_name_is_shown_in_the_form_that_can_be_drawn(person: str, name: str):
    """DICOM PS3.5 section 6.2.1.2: alphabetic, ideographic and phonetic form."""
    assert name_of(person) == name


@pytest.mark.parametrize(
    ("person", "name", "is_said"),
    [
        ("Wąsik^Łukasz", "Wasik Łukasz", False),
        ("Ivanova^Anna=Иванова^Анна", "Ivanova Anna", False),
        ("Иванова^Анна", "??????? ????", True),
    ],
)
def test_a_report_with_a_question_mark_for_a_letter_says_so(tmp_path: Path, person: str, name: str, is_said: bool):
    """The patient's number stands there in any case, and the data element keeps every letter."""
    files = results.study(tmp_path, PatientName=person, SpecificCharacterSet="ISO_IR 192")
    analysis = results.analysed()
    source = read_source(files, analysis.series[0].SeriesInstanceUID)
    said = words_on(Result(source, analysis, told(analysis, None), None, results.MAKING))
    assert name in said
    assert (NOT_DRAWN in said) is is_said
    (pdf,) = results.made(files, {Kind.PDF}, None, analysis)
    assert str(pdf.dataset.PatientName) == person


@pytest.mark.parametrize(("signed_by", "is_said"), [("Anna Wąsik", False), ("Анна Иванова", True)])
def test_a_picture_with_a_question_mark_for_a_letter_says_so(signed, signed_by: str, is_said: bool):
    result = replace(signed, review=results.signed(signed_by))
    assert (NOT_DRAWN in [line for line, _ in _head(result, 2000)]) is is_said
    assert (NOT_DRAWN in words_on(result)) is is_said


def test_lines_are_no_wider_than_they_may_be():
    """Words that are alone too long stand alone."""
    font = letters(15)
    lines = wrapped("suspected vertebral fracture, moderate, Genant grade 2; unconfirmed", font, 200)
    assert all(font.getlength(line) <= 200 for line in lines)
    assert " ".join(lines) == "suspected vertebral fracture, moderate, Genant grade 2; unconfirmed"
