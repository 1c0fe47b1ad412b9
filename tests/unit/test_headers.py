"""Headers become facts, broken bytes become `Unreadable`, and no value of a file ever stands in an error."""

from contextlib import suppress
from dataclasses import fields
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread, uid
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from tests.support.dicom import Order, Person, ct_slice, encoded, radiograph, recoded
from tests.support.real_data import real_data
from vfx_finder.dicom.headers import Header, header_of, read_encoded, read_header
from vfx_finder.dicom.images import read_image_facts
from vfx_finder.domain.delivered import PRODUCT
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.study import Patient

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
"""Tests turn warnings into errors; in use, pydicom's are switched off where headers are read."""

GOOD = encoded(ct_slice())
SECRET = Person(PatientID="GEHEIM-77", PatientName="Verborgen^Vera", PatientBirthDate="19480101")


def test_a_header_is_told_as_sent() -> None:
    header = read_header(GOOD)
    assert header.patient.PatientID == "SYNTH-0001"
    assert header.patient.PatientName == "Synthetic^Sixty Eight"
    assert (header.patient.PatientBirthDate, header.patient.PatientAge, header.patient.PatientSex) == (
        "19580301", "068Y", "F",
    )  # fmt: skip
    assert header.Modality == "CT"
    assert header.SOPClassUID == uid.CTImageStorage
    assert (header.StudyDate, header.StudyDescription, header.SeriesDescription) == ("20261102", "CT thorax", "axial")
    assert header.AccessionNumber == "A0001"


def test_path_bytes_and_stream_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(GOOD)
    with path.open("rb") as stream:
        assert read_header(GOOD) == read_header(path) == read_header(stream)


def test_a_received_instance_carries_the_header() -> None:
    instance = read_header(GOOD).received(path="a/b", sha256="00", calling="PACS")
    assert (instance.path, instance.sha256, instance.calling) == ("a/b", "00", "PACS")
    assert instance.patient == read_header(GOOD).patient


def test_absent_patient_values_are_empty_texts() -> None:
    patient = read_header(encoded(ct_slice(Order(person=Person("", "", "", "", ""))))).patient
    assert set(vars(patient).values()) == {""}


def test_umlauts_and_two_scripts_survive() -> None:
    dataset = ct_slice(Order(person=Person(PatientName="Müller^Jörg")))
    assert read_header(encoded(dataset)).patient.PatientName == "Müller^Jörg"
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=山田^太郎"
    assert read_header(encoded(dataset)).patient.PatientName == "Yamada^Tarou=山田^太郎"


def test_the_same_bytes_mean_what_each_files_own_character_set_says() -> None:
    dataset = ct_slice(Order(person=Person(PatientName="Müller^Jörg")))
    dataset.SpecificCharacterSet = "ISO_IR 100"
    western = encoded(dataset)
    greek = western.replace(b"ISO_IR 100", b"ISO_IR 126")
    assert read_header(western).patient.PatientName == "Müller^Jörg"
    assert read_header(greek).patient.PatientName == "Müller^Jörg".encode("latin-1").decode("iso8859_7")
    assert read_header(western).patient.PatientName == "Müller^Jörg"


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_an_encoded_dataset_tells_the_same_header_as_its_file(syntax: uid.UID) -> None:
    """What a C-STORE is read by leaves nothing out that a header tells, with every element filled."""
    dataset = ct_slice()
    told = [field.name for field in (*fields(Header), *fields(Patient)) if dictionary_has_tag(field.name)]
    for keyword in told:
        if not keyword.endswith("UID") and dictionary_VR(keyword) not in {"DA", "AS"}:
            setattr(dataset, keyword, f"its {keyword}"[:16])
    dataset.ManufacturerModelName = PRODUCT
    content = encoded(recoded(dataset, syntax))
    stream = BytesIO(content)
    stream.seek(144 + int.from_bytes(content[140:144], "little"))  # behind the file meta information
    header = header_of(read_encoded(stream, syntax))
    assert header == read_header(content)
    assert header.made_here
    assert "" not in vars(header).values()
    assert "" not in vars(header.patient).values()


def test_control_characters_that_a_database_refuses_are_dropped() -> None:
    dataset = ct_slice(PatientID="AB\x00C ", StudyDescription="two\\values\x1b")
    header = read_header(encoded(dataset))
    assert header.patient.PatientID == "ABC"
    assert header.StudyDescription == "two\\values"


@pytest.mark.parametrize(
    "syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian]
)
def test_headers_are_the_same_in_every_transfer_syntax(syntax: uid.UID) -> None:
    assert read_header(encoded(recoded(ct_slice(), syntax))) == read_header(GOOD)


def test_a_dataset_without_preamble_is_read() -> None:
    bare = BytesIO()
    dataset = dcmread(BytesIO(encoded(recoded(ct_slice(), uid.ImplicitVRLittleEndian))))
    dataset.save_as(bare, enforce_file_format=False, implicit_vr=True, little_endian=True)
    assert read_header(bare.getvalue()[132:]) == read_header(GOOD)


@pytest.mark.parametrize(
    "content", [b"", b"DICM", b"Dear colleague, the report is attached.", b"\x89PNG\r\n" + bytes(400)]
)
def test_text_and_pictures_are_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read_header(content)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
@pytest.mark.parametrize("value", [None, "", "1.2.x", "1." + "2" * 64])
def test_a_missing_or_malformed_uid_is_unreadable(keyword: str, value: str | None) -> None:
    with pytest.raises(Unreadable):
        read_header(encoded(ct_slice(**{keyword: value})))


@given(cut=st.integers(0, 2000), noise=st.lists(st.tuples(st.integers(128, 1999), st.integers(0, 255)), max_size=20))
def test_damaged_bytes_are_facts_or_unreadable_and_never_quoted(cut: int, noise: list[tuple[int, int]]) -> None:
    damaged = bytearray(encoded(ct_slice(Order(person=SECRET)))[:cut])
    for place, value in noise:
        if place < len(damaged):
            damaged[place] = value
    try:
        answer = read_header(bytes(damaged))
    except Unreadable as error:
        chain = f"{error!r} {error.__cause__!r} {error.__suppress_context__}"
        assert "GEHEIM" not in chain
        assert "Verborgen" not in chain
        assert error.__suppress_context__ or error.__context__ is None
    else:
        assert isinstance(answer, Header)


@given(cut=st.integers(0, 3000), noise=st.lists(st.tuples(st.integers(128, 2999), st.integers(0, 255)), max_size=20))
def test_damaged_files_never_break_the_choice(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: list[tuple[int, int]]
) -> None:
    damaged = bytearray(GOOD[:cut])
    for place, value in noise:
        if place < len(damaged):
            damaged[place] = value
    path = tmp_path_factory.mktemp("d") / "a.dcm"
    path.write_bytes(bytes(damaged))
    with suppress(Unreadable):
        assert read_image_facts(path).header.SOPClassUID


def test_a_radiograph_has_no_place_in_space(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(encoded(radiograph()))
    assert read_image_facts(path).planes == ()


def test_real_headers_are_read() -> None:
    files = sorted(real_data("ct", "acrin_001", "dicom").glob("*.dcm"))
    headers = {read_header(file) for file in files[:5]}
    assert {header.patient.PatientAge for header in headers} == {"049Y"}
    assert {header.Modality for header in headers} == {"CT"}
