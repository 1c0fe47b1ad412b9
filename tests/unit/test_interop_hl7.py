"""HL7 v2 as it arrives: framed, in some character set, escaped, by careless senders; and nothing makes it crash."""

from datetime import UTC, date, datetime

import hl7 as independent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import hl7 as hospital
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.hospital import Merge
from vfx_finder.domain.identity import PatientRef
from vfx_finder.interop.acknowledgement import Code, acknowledgement, answer_in
from vfx_finder.interop.adt import merges
from vfx_finder.interop.hl7 import escaped, read, unescaped
from vfx_finder.interop.mllp import Stream, framed
from vfx_finder.interop.oru import reports
from vfx_finder.interop.patient import moment, person

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CONTENT = st.binary(max_size=200).filter(lambda sent: not {0x0B, 0x1C} & set(sent))


@given(st.lists(CONTENT, max_size=4), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_messages_come_whole_however_the_packets_are_cut(messages, cuts):
    stream, arrived = Stream(), []
    sent = b"".join(framed(each) for each in messages)
    while sent:
        cut = cuts[len(sent) % len(cuts)]
        arrived += stream.feed(sent[:cut])
        sent = sent[cut:]
    assert arrived == messages
    assert not stream.is_midway


def test_a_message_without_an_end_is_too_long_one_day():
    stream = Stream(most_bytes=100)
    assert stream.feed(b"noise\x0bMSH|") == []
    assert stream.is_midway
    with pytest.raises(Unreadable, match="longer"):
        stream.feed(b"x" * 100)


def test_a_message_begun_again_is_taken_from_its_last_beginning():
    assert Stream().feed(b"\x0bMSH|^~\\&|half a mess\x0bMSH|whole\x1c\r\n") == [b"MSH|whole"]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_unreadable(noise):
    for sent in (noise, b"MSH|^~\\&|" + noise):
        try:
            told = read(sent)
        except Unreadable:
            continue
        acknowledgement(told, Code.ACCEPT, "", NOW)
        merges(told)
        for pid in (one for one in told.segments if one.name == "PID"):
            person(pid)


FIELDS = st.lists(st.text('PA1^~&\\|YN""20é .X\r', max_size=12), max_size=32)
NAMES = st.sampled_from(["PID", "MRG", "OBR", "OBX", "ORC", "EVN", "ZDS", "IPC", "MSH"])


@given(st.lists(st.tuples(NAMES, FIELDS), max_size=6))
def test_any_segments_are_understood_or_unreadable(segments):
    """Whatever stands in the fields, the only failure is the one that is answered with AE."""
    lines = [f"{name}|{'|'.join(fields)}" for name, fields in segments]
    try:
        told = read(hospital.message("ORU^R01", *lines))
        merges(told)
        reports(told)
        for pid in (one for one in told.segments if one.name == "PID"):
            person(pid)
    except Unreadable:
        pass


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=60))
def test_what_is_escaped_comes_back(text):
    assert unescaped(escaped(text)) == text
    assert not set("|^&~\n\r") & set(escaped(text))


def test_escapes_of_formatted_text():
    told = unescaped(r"T12 \T\ L1\.br\loss 30 \X25\ \H\bold\N\ \Zown\ \unknown\ A\F\B")
    assert told == "T12 & L1\nloss 30 % bold  \\unknown\\ A|B"


@pytest.mark.parametrize(
    ("charset", "codec"), [("8859/1", "iso8859-1"), ("UNICODE UTF-8", "utf-8"), ("", "utf-8"), ("", "iso8859-1")]
)
def test_names_are_read_in_the_character_set_of_the_message(charset, codec):
    """MSH-18, and without it UTF-8 where the bytes are that, else Latin-1."""
    header = f"MSH|^~\\&|PAS|HOSP|||20261121||ADT^A08|C1|P|2.5.1||||||{charset}"
    content = f"{header}\rPID|||P1||Müller^Zoë\r".encode(codec)
    segment = read(content).first("PID")
    assert segment is not None
    assert person(segment).PatientName == "Müller^Zoë"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PID|||P1\r",
        b"MSH|||||",
        b"MSH|^^^^|PAS|",
        b"MSH|^~\\&|PAS\rpid|1\r",
        b"MSH|^~\\&|PAS\rPID|\0",
        "MSH|^~\\&|PAS|||||||||||||||UNICODE UTF-8\rPID|é\r".encode("latin-1"),
        b"MSH|^~\\&|PAS|||||||||||||||ISO IR87\r",
    ],
)
def test_what_is_no_message_is_unreadable(content):
    with pytest.raises(Unreadable):
        read(content)


def test_other_separators_are_as_good():
    content = b"MSH$%*!@$PAS$HOSP$VFX$$20261121$$ADT%A08$C1$P$2.5.1\nPID$1$$P1%%%HOSP*77%%%NHS$$Doe!S!%Jane\n"
    segment = read(content).first("PID")
    assert segment is not None
    told = person(segment)
    assert told.identifiers == (PatientRef("P1", "HOSP"), PatientRef("77", "NHS"))
    assert told.PatientName == "Doe%^Jane"


def test_who_the_patient_is():
    """All numbers with their issuers, the legal name in DICOM's order, the death with its day."""
    sent = hospital.pid(
        "P1^^^HOSP^MR~~9434765919^^^NHS&2.16.840.1^NH", "Nick^N~Doe&van^Jane^Q^Jr^Dr^^L", died_at="20261120"
    )
    told = person(read(hospital.message("ADT^A31", sent)).segments[1])
    assert told.identifiers == (PatientRef("P1", "HOSP"), PatientRef("9434765919", "NHS"))
    assert told.PatientName == "Doe^Jane^Q^Dr^Jr"
    assert (told.PatientBirthDate, told.PatientSex) == ("19550301", "F")
    assert (told.is_dead, told.deceased_on) == (True, date(2026, 11, 20))


@pytest.mark.parametrize(
    ("died_at", "is_dead", "told"),
    [
        ("", "", None),
        ("", "Y", True),
        ("20261120", "", True),
        ("20261120", "Y", True),
        ("20261120", "N", True),
        ("", "N", False),
        ('""', "", False),
        ("", '""', False),
        ("unknown", "", None),
    ],
)
def test_whether_the_patient_has_died(died_at, is_dead, told):
    """A date outweighs an "N": nobody is phoned while the hospital's own message contradicts itself."""
    sent = hospital.message("ADT^A08", hospital.pid(died_at=died_at, is_dead=is_dead))
    said = person(read(sent).segments[1])
    assert said.is_dead is told
    assert said.contradicts_itself is (died_at == "20261120" and is_dead == "N")


def test_a_number_longer_than_any_is_no_number_cut_short():
    with pytest.raises(Unreadable, match="longer"):
        person(read(hospital.message("ADT^A08", hospital.pid("9" * 300))).segments[1])


def test_merges_go_to_the_number_of_the_same_issuer():
    sent = hospital.message(
        "ADT^A40",
        hospital.pid("P1^^^HOSP~77^^^NHS"),
        "MRG|66^^^NHS~P9^^^OLD",
        hospital.pid("P3^^^HOSP"),
        "MRG|P4^^^HOSP",
    )
    assert merges(read(sent)) == (
        Merge(PatientRef("77", "NHS"), PatientRef("66", "NHS")),
        Merge(PatientRef("P1", "HOSP"), PatientRef("P9", "OLD")),
        Merge(PatientRef("P3", "HOSP"), PatientRef("P4", "HOSP")),
    )


def test_a_merge_with_oneself_is_none():
    assert merges(read(hospital.merge("P1^^^HOSP", "P1^^^HOSP"))) == ()


def test_a_report_with_its_text_numbers_and_study():
    (told,) = reports(read(hospital.report(r"Lungs clear.\.br\No fracture.", "A1", study="1.2.3", status="c")))
    assert told.text == "Lungs clear.\nNo fracture."
    assert (told.accessions, told.StudyInstanceUID, told.status) == (("A1",), "1.2.3", "C")
    assert told.reported_at == datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


def test_each_order_of_a_message_is_a_report_of_its_own():
    sent = hospital.message(
        "ORU^R01",
        hospital.pid(),
        "ORC|RE|PL1|FI1",
        "OBR|1|||CT",
        "OBX|1|TX|||first~line two",
        "ORC|RE|PL2|FI2",
        "OBR|2|||CT",
        "OBX|1|TX|||second",
        "OBX|2|NM|||12",
    )
    first, second = reports(read(sent))
    assert (first.text, first.accessions) == ("first\nline two", ("FI1", "PL1"))
    assert (second.text, second.accessions) == ("second", ("FI2", "PL2"))


def test_a_laboratory_result_is_no_report():
    assert reports(read(hospital.report("Calcium 2.4", department="LAB"))) == ()


def test_a_study_that_is_no_uid_is_no_study():
    (told,) = reports(read(hospital.report("text", study="../etc")))
    assert told.StudyInstanceUID == ""


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("20261120101500+0100", datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        ("20261120", datetime(2026, 11, 20, tzinfo=UTC)),
        ("202611201015", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("20261320", None),
        ("00010101000000+2359", None),
        ("20261120+9999", None),
        ("yesterday", None),
    ],
)
def test_moments(sent, told):
    assert moment(sent) == told


def test_the_answer_is_understood_by_another_implementation():
    """python-hl7 reads our ACK; the control ID comes back as sent."""
    told = read(hospital.message("ADT^A08^ADT_A01", hospital.pid(), control_id="X\\T\\7"))
    answer = independent.parse(acknowledgement(told, Code.ERROR, "No patient | number.", NOW).decode())
    assert str(answer.segment("MSA")[1]) == "AE"
    assert str(answer.segment("MSA")[2]) == "X\\T\\7"
    assert str(answer["MSH.F9.R1.C2"]) == "A08"
    assert str(answer.segment("MSH")[5]) == "PAS"
    assert "\\F\\" in str(answer.segment("ERR")[8])


@pytest.mark.parametrize(
    ("accept", "application", "code"),
    [("", "", "AA"), ("AL", "NE", "CA"), ("AL", "", "CA"), ("NE", "AL", "AA"), ("AL", "AL", "AA")],
)
def test_enhanced_mode_is_answered_with_a_commit(accept, application, code):
    header = f"MSH|^~\\&|PAS|HOSP|||20261121||ADT^A08|C1|P|2.5.1|||{accept}|{application}"
    assert f"MSA|{code}|C1".encode() in acknowledgement(read(header.encode()), Code.ACCEPT, "", NOW)


def test_an_answer_comes_from_the_facility_that_was_addressed():
    header = read(acknowledgement(read(hospital.message("ADT^A08")), Code.ACCEPT, "", NOW)).header
    assert [header.text(field) for field in (3, 4, 5, 6)] == ["VFX_FINDER", "RAD", "PAS", "HOSP"]


def test_an_answer_to_us_is_for_our_message_only():
    ours = read(hospital.message("ORU^R01", control_id="OURS"))
    assert answer_in(acknowledgement(ours, Code.ACCEPT, "", NOW), "OURS").accepted
    refused = answer_in(acknowledgement(ours, Code.REJECT, "not now", NOW), "OURS")
    assert (refused.accepted, refused.code, refused.words) == (False, "AR", "not now")
    with pytest.raises(Unreadable, match="another message"):
        answer_in(acknowledgement(ours, Code.ACCEPT, "", NOW), "OTHER")
    with pytest.raises(Unreadable, match="MSA"):
        answer_in(hospital.message("ADT^A08"), "OURS")
