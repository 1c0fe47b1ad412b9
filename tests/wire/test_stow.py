"""STOW-RS: what comes by DICOMweb is checked and kept as what comes by C-STORE, and every refusal says why."""

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory
from pydicom import uid
from structlog.testing import capture_logs

from tests.support import dicom, stow
from tests.support.intake import NOW
from tests.support.stow import named
from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.dicom.part10 import Announced, file_of, taken_apart
from vfx_finder.dicom.whole import checked
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Retry
from vfx_finder.domain.sender import Refused
from vfx_finder.ledger.models import AuditEvent, Case, Sender, StoredInstance
from vfx_finder.spool import Spool
from vfx_finder.web import urls
from vfx_finder.web.stow import incoming, multipart, views
from vfx_finder.web.stow.keep import NOTHING
from vfx_finder.web.stow.tally import Tally

pytestmark = pytest.mark.django_db

LOOPBACK = "127.0.0.1"
OK, ACCEPTED, BAD, UNAUTHORIZED, FORBIDDEN = 200, 202, 400, 401, 403
NOT_ALLOWED, NOT_ACCEPTABLE, TIMEOUT, CONFLICT, TOO_LARGE, UNSUPPORTED, UNAVAILABLE = 405, 406, 408, 409, 413, 415, 503


@pytest.fixture
def spool() -> Spool:
    """Where the web process of the tests keeps what it gets."""
    return Spool(settings.VFX.spool_dir)


def test_a_study_arrives_and_waits_for_its_analysis(token: str, spool: Spool) -> None:
    """Every file of a request is kept, has its row, and is named in the answer; the study is receiving."""
    files = [named("arrives", number) for number in range(4)]
    answer = stow.store(files, token)
    assert (answer.status_code, answer["Content-Type"]) == (OK, "application/dicom+json")
    case = Case.objects.get()
    assert (case.state, case.calling, case.instances.count()) == ("receiving", "CLOUD_PACS", 4)
    assert stow.referenced(answer) == [row.SOPInstanceUID for row in case.instances.order_by("pk")]
    for file, row in zip(files, case.instances.order_by("pk"), strict=True):
        assert dicom.dataset_bytes(spool.read(row.path)) == dicom.dataset_bytes(file)
        assert row.sha256 == hashlib.sha256(spool.read(row.path)).hexdigest()
    assert Sender.objects.get().last_heard_at is not None


def test_the_same_instance_by_both_ways_is_one(token: str, spool: Spool) -> None:
    """What C-STORE kept is a duplicate for STOW-RS, not other bytes: the file around the dataset is ours in both."""
    from vfx_finder.actions import intake

    file = named("both ways")
    listener = Actor.process("listener")
    header, content = checked(*taken_apart(file))
    keeper = Keeper(spool, lambda instance: intake.receive(instance, listener, NOW, 60))
    keep_and_record(keeper, header, content, "CT_SCANNER")
    assert stow.store([file], token).status_code == OK
    assert StoredInstance.objects.get().calling == "CT_SCANNER"
    assert not AuditEvent.objects.filter(verb="duplicate-with-other-bytes").exists()


@pytest.mark.parametrize(
    "syntax",
    [uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian, uid.JPEGLSLossless, uid.RLELossless],
    ids=lambda syntax: syntax.keyword,
)
def test_every_transfer_syntax_of_the_listener_is_taken(token: str, syntax: uid.UID, spool: Spool) -> None:
    """Nothing is decoded: the dataset is kept as it came."""
    file = dicom.encoded(dicom.recoded(dicom.ct_slice(dicom.Order(name=f"stow {syntax}")), syntax))
    assert stow.store([file], token).status_code == OK
    assert dicom.dataset_bytes(spool.read(StoredInstance.objects.get().path)) == dicom.dataset_bytes(file)


def test_one_file_without_multipart_is_taken(token: str) -> None:
    """PS3.18 allows a single instance as the whole body."""
    assert stow.post(named("single"), token, kind=stow.DICOM).status_code == OK
    assert StoredInstance.objects.count() == 1


def test_good_files_are_kept_beside_bad_ones(token: str) -> None:
    """Each failure has its reason, none keeps the others out, and the answer says 202."""
    video, dataset = taken_apart(named("video"))
    other = dicom.ct_slice(dicom.Order(name="stow other"))
    other.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    files = [
        named("good"),
        dicom.encoded(dicom.mr_slice()),
        file_of(replace(video, TransferSyntaxUID=str(uid.MPEG2MPML)), dataset),
        dicom.encoded(other),
        named("cut")[:-100],
        b"no DICOM at all",
    ]
    answer = stow.store(files, token)
    assert answer.status_code == ACCEPTED
    assert len(stow.referenced(answer)) == 1
    assert stow.reasons(answer) == [0x0122, 0xC122, 0xA900, 0xC000, 0xC000]
    assert StoredInstance.objects.count() == 1


def test_nothing_kept_is_a_conflict(token: str) -> None:
    """A request of which nothing could be taken is answered 409 with the reasons."""
    answer = stow.store([dicom.encoded(dicom.mr_slice())], token)
    assert (answer.status_code, stow.reasons(answer)) == (CONFLICT, [0x0122])


def test_a_file_of_another_study_than_the_address_is_not_kept(token: str) -> None:
    """POST to studies/<UID> takes that study only; the UID of the address becomes no path."""
    first, second = named("this"), named("that")
    study = dicom.stable_uid("stow this")
    answer = stow.store([first, second], token, address=f"{stow.ADDRESS}/{study}")
    assert (answer.status_code, stow.reasons(answer)) == (ACCEPTED, [0xA900])
    assert Case.objects.get().StudyInstanceUID == study
    odd = stow.store([first], token, address=f"{stow.ADDRESS}/..%2F..%2Fetc")
    assert odd.status_code in (CONFLICT, 404)


BROKEN = {
    "no boundary named": (stow.body_of([b"x"]), 'multipart/related; type="application/dicom"'),
    "another boundary": (stow.body_of([b"x"]), stow.content_type("elsewhere")),
    "empty": (b"", stow.content_type()),
    "no part": (b"--synthetic-boundary--\r\n", stow.content_type()),
    "part without end": (b"--synthetic-boundary\r\nContent-Type: application/dicom\r\n\r\nDICM", stow.content_type()),
    "header without end": (b"--synthetic-boundary\r\nContent-Type", stow.content_type()),
    "header too long": (b"--synthetic-boundary\r\n" + b"x" * 99_999 + b"\r\n\r\n", stow.content_type()),
    "closing boundary missing": (stow.body_of([b"x"])[:-4], stow.content_type()),
    "empty single file": (b"", stow.DICOM),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_body_is_a_bad_request(how: str, token: str) -> None:
    """One sentence that says what is wrong, 400, no traceback; nothing is kept."""
    body, kind = BROKEN[how]
    answer = stow.post(body, token, kind=kind)
    assert (answer.status_code, answer["Content-Type"]) == (BAD, "text/plain; charset=utf-8")
    assert len(answer.content.split()) > 3
    assert not StoredInstance.objects.exists()


def test_parts_of_another_kind_are_named_as_failures(token: str) -> None:
    """A JPEG between DICOM files cannot be understood; the rest is kept."""
    boundary = stow.BOUNDARY.encode()
    jpeg = b"--" + boundary + b"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\r\n"
    answer = stow.post(jpeg + stow.body_of([named("beside a picture")]), token)
    assert (answer.status_code, stow.reasons(answer)) == (ACCEPTED, [0xC000])


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/related; type="application/dicom+json"; boundary=x',
        "multipart/form-data; boundary=x",
        "application/json",
        "text/html",
        "x",
    ],
)
def test_another_media_type_is_refused(kind: str, token: str) -> None:
    """Metadata with bulk data, forms and pages are not what is taken here."""
    assert stow.post(b"x", token, kind=kind).status_code == UNSUPPORTED


def test_an_answer_that_is_not_spoken_is_refused(token: str) -> None:
    """Whoever accepts XML only is told before anything is kept."""
    body = stow.body_of([named("xml")])
    assert stow.post(body, token, Accept="application/dicom+xml").status_code == NOT_ACCEPTABLE
    assert stow.post(body, token, Accept="application/dicom+xml, application/dicom+json;q=0.5").status_code == OK


def test_only_post_is_answered(token: str) -> None:
    """Nothing is read here, so nothing can leak."""
    from django.test import Client

    answer = Client().get(stow.ADDRESS, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer["Allow"]) == (NOT_ALLOWED, "POST")


def test_a_request_larger_than_the_setting_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """413; what had been kept by then stays, and is a duplicate when it comes again."""
    monkeypatch.setattr(views, "MEGABYTE", 1)
    answer = stow.store([named("large", number) for number in range(3)], token)
    assert answer.status_code == TOO_LARGE
    monkeypatch.undo()
    assert stow.store([named("large", number) for number in range(3)], token).status_code == OK
    assert StoredInstance.objects.count() == 3


def test_one_file_that_is_too_large_does_not_stop_the_rest(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is skipped without being held, and named as a failure for want of room."""
    monkeypatch.setattr(views, "MEGABYTE", 25)  # so that one object may have 50,000 bytes, and a request 100,000
    answer = stow.store([named("first"), bytes(60_000), named("last")], token)
    assert (answer.status_code, stow.reasons(answer)) == (ACCEPTED, [0xA700])
    assert len(stow.referenced(answer)) == 2


def test_a_full_disk_asks_the_sender_to_come_again(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After; the next try is taken."""

    def full(*_: object) -> None:
        raise Retry("The spool is out of space.")

    with monkeypatch.context() as patch:
        patch.setattr("vfx_finder.spool.Spool.keep", full)
        answer = stow.store([named("full")], token)
    assert (answer.status_code, stow.reasons(answer)) == (UNAVAILABLE, [0xA700])
    assert int(answer["Retry-After"]) > 0
    assert stow.store([named("full")], token).status_code == OK


@pytest.mark.parametrize(("away", "status"), [(1, OK), (9, UNAVAILABLE)])
def test_a_database_that_was_started_again_costs_nothing_and_one_that_stays_away_means_come_again(
    token: str, monkeypatch: pytest.MonkeyPatch, away: int, status: int
) -> None:
    """A row is tried once more on a new connection; then the sender is asked to come again."""
    calls, hang_ups, receive = [], [], views.intake.receive

    def stubborn(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) <= away:
            raise OperationalError("server closed the connection unexpectedly")
        return receive(*arguments)

    monkeypatch.setattr(views.intake, "receive", stubborn)
    monkeypatch.setattr(views, "connections", SimpleNamespace(close_all=lambda: hang_ups.append(1)))
    answer = stow.store([named(f"away {away}")], token)
    assert (answer.status_code, len(calls), len(hang_ups)) == (status, 2, min(away, 2))


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_what_was_kept_is_answered_so_though_nothing_more_can_be_noted(
    away: type[Exception], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes just behind the last row: neither who sent it nor what was refused of it can be written."""

    def gone(*_: object) -> None:
        raise away

    monkeypatch.setattr(views.senders, "heard", gone)
    monkeypatch.setattr(urls.stow, "_tally", Tally(gone))
    assert stow.store([named("noted"), named("noted", 1)[:-100]], token).status_code == ACCEPTED


def test_a_defect_becomes_a_reason_and_names_nobody(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with one file, the answer is DICOM's and neither it nor the log quotes the patient."""

    def defect(*_: object, **__: object) -> None:
        raise ZeroDivisionError("SYNTH-0001")

    monkeypatch.setattr("vfx_finder.web.stow.keep.checked", defect)
    with capture_logs() as logs:
        answer = stow.store([named("defect")], token)
    assert (answer.status_code, stow.reasons(answer)) == (CONFLICT, [0x0110])
    assert "SYNTH" not in answer.content.decode() + str(logs)


def test_what_was_not_kept_is_counted_for_the_operator(token: str) -> None:
    """A damaged file is a refusal of that sender; a kind of object that is never taken is none."""
    answer = stow.store([named("counted")[:-100], dicom.encoded(dicom.mr_slice())], token)
    assert stow.reasons(answer) == [0xC000, 0x0122]
    counted = [
        views._counted_as(views.Outcome(Announced("1.2", "1.3", "1.2"), reason)) for reason in (0xC000, 0x0122, 0)
    ]
    assert counted == [Refused.DAMAGED, None, None]
    room = [
        views._counted_as(views.Outcome(named_as, 0xA700)) for named_as in (NOTHING, Announced("1.2", "1.3", "1.2"))
    ]
    assert room == [Refused.TOO_LARGE, Refused.NO_SPACE]


def test_no_answer_and_no_log_line_names_the_patient(token: str) -> None:
    """Kept and refused files alike leave no identifier in the log, and only UIDs in the answer."""
    image = dicom.ct_slice(dicom.Order(name="stow secret"))
    with capture_logs() as logs:
        answer = stow.store([dicom.encoded(image), dicom.encoded(image)[:-9]], token)
    said = str(logs) + answer.content.decode()
    assert "instance-refused" in said
    assert not [one for one in (image.PatientID, str(image.PatientName), image.AccessionNumber) if one in said]


def test_too_many_requests_at_once_are_sent_away(sender: Sender, token: str) -> None:
    """The pages need threads too: 503 for the one too many, and its place is free again afterwards."""
    view = views.Stow(at_once=1)
    request = RequestFactory().post(
        stow.ADDRESS,
        stow.body_of([named("one")]),
        content_type=stow.content_type(),
        headers={"Authorization": f"Bearer {token}"},
    )
    with view._place():
        assert view(request).status_code == UNAVAILABLE
    assert view(request).status_code in (OK, BAD)  # the body has been read by now


class Silent:
    """A stream whose sender has gone to sleep."""

    def read(self, _size: int) -> bytes:
        raise TimeoutError


def test_a_sender_that_falls_silent_is_let_go(token: str) -> None:
    """408 instead of a thread that waits for ever."""
    request = RequestFactory().post(
        stow.ADDRESS, b"-", content_type=stow.content_type(), headers={"Authorization": f"Bearer {token}"}
    )
    request.META |= {"wsgi.input": Silent(), "wsgi.input_terminated": True}
    assert views.Stow()(request).status_code == TIMEOUT


def test_a_chunked_body_is_read_to_its_end(token: str) -> None:
    """Orthanc names no Content-Length: the server's own stream is read then."""
    request = RequestFactory().post(
        stow.ADDRESS, b"-", content_type=stow.content_type(), headers={"Authorization": f"Bearer {token}"}
    )
    request.META |= {"wsgi.input": BytesIO(stow.body_of([named("chunked")])), "wsgi.input_terminated": True}
    assert views.Stow()(request).status_code == OK


def test_a_refused_body_is_read_no_further_than_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's endless body ends with the connection."""
    monkeypatch.setattr(incoming, "DRAINED_BYTES", 100_000)

    class Endless:
        count = 0

        def read(self, size: int) -> bytes:
            self.count += size
            return bytes(size)

    endless = Endless()
    request = RequestFactory().post(stow.ADDRESS, b"", content_type=stow.content_type())
    request.META |= {"wsgi.input": endless, "wsgi.input_terminated": True}
    assert views.Stow()(request).status_code == UNAUTHORIZED
    assert endless.count < 300_000


def test_parts_are_found_wherever_the_reads_break(tmp_path: Path) -> None:
    """The boundary may fall between two reads; contents that look like one are contents."""
    contents = [b"", b"\r\n--synthetic-boundar", b"\r\n\r\n", bytes(range(256)) * 9, b"--", b"\r\n--"]
    body = b"a preamble\r\n" + stow.body_of(contents) + b"an epilogue"
    for size in (1, 2, 3, 7, 64, 100_000):
        stream = BytesIO(body)
        found = list(multipart.parts(lambda _, stream=stream, size=size: stream.read(size), stow.BOUNDARY, 10_000))
        assert [part.content for part in found] == contents
        assert {part.content_type for part in found} == {stow.DICOM}
