"""Out to Orthanc, the archive that is not ours: C-STORE, storage commitment by an association of its own, STOW-RS."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import evt

from dicom_listener.commitment_result import on_commitment_result
from dicom_listener.handlers import handlers_of
from dicom_listener.rows import hang_up
from dicom_listener.server import Around, listening
from pipelines import deliveries as worker
from pipelines.steps import send, stow
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.web_peer import WebPeer
from tests.support import intake as given
from tests.support import outbox, results
from tests.support.archives import TITLE, wait_for
from tests.support.orthanc import Orthanc, orthanc
from tests.support.ports import free_port
from tests.support.small_results import Result, result
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.actions.keeping import Keeper
from vfx_finder.config import Settings
from vfx_finder.domain.delivered import Kind, Stage
from vfx_finder.domain.delivery import DeliveryState, PeerAway, Proof
from vfx_finder.domain.errors import Retry
from vfx_finder.domain.roles import Role
from vfx_finder.spool import Spool

pytestmark = PEERS_VANISH

OURS = "VFXFINDER"


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("pacs"), DicomCheckCalledAet=True) as running:
        yield running


def at(pacs: Orthanc) -> Peer:
    return Peer("127.0.0.1", pacs.dicom_port, pacs.AETitle, OURS)


def every_kind(name: str) -> list[Result]:
    return [result(kind, name) for kind in Kind]


def kept_like(one: Result, files: dict[str, bytes]) -> bool:
    kept = dcmread(BytesIO(files[one.SOPInstanceUID]))
    return kept.PixelData == one.dataset.PixelData and kept.SOPClassUID == one.SOPClassUID


def test_orthanc_keeps_every_kind_and_once(pacs: Orthanc) -> None:
    """Sent twice, as after a kill -9: success both times, one instance each, the pixels byte for byte."""
    objects = every_kind("stored")
    for _ in range(2):
        answers = send.store(at(pacs), objects)
        assert [(one.status, one.accepted) for one in answers] == [(0x0000, True)] * len(objects)
    files = pacs.files()
    assert all(kept_like(one, files) for one in objects)
    assert len([uid for uid in files if uid in {one.SOPInstanceUID for one in objects}]) == len(objects)


def test_a_wrong_called_title_is_told_as_such(pacs: Orthanc) -> None:
    wrong = Peer("127.0.0.1", pacs.dicom_port, TITLE, OURS)
    for _ in range(5):
        with pytest.raises(PeerAway, match="called AE title not recogni"):
            send.store(wrong, [result()])


def test_orthanc_takes_responsibility_by_an_association_of_its_own(pacs: Orthanc, tmp_path: Path) -> None:
    """Asked now, answered later to our listener: both what it keeps and what it never got."""
    heard: list[Proof] = []
    came = threading.Event()

    def hear(proof: Proof) -> None:
        heard.append(proof)
        came.set()

    handlers = {evt.EVT_N_EVENT_REPORT: (on_commitment_result, [hear])}
    keeper = Keeper(Spool(tmp_path / "spool"), lambda _: None)
    stored, never = every_kind("committed"), result(Kind.SC, "never sent")
    send.store(at(pacs), stored)
    asked = [(one.SOPClassUID, one.SOPInstanceUID) for one in (*stored, never)]
    with listening(("127.0.0.1", 0), keeper, around=Around(handlers=handlers)) as ear:
        pacs.knows("vfx", OURS, ear.port)
        assert send.ask_commitment(at(pacs), "2.25.77", asked, linger_s=0.1) is None
        assert came.wait(300)
    (proof,) = heard
    assert proof.TransactionUID == "2.25.77"
    assert proof.committed == {one.SOPInstanceUID for one in stored}
    assert [uid for uid, _ in proof.failed] == [never.SOPInstanceUID]


def test_a_try_of_orthanc_says_that_it_takes_everything(pacs: Orthanc) -> None:
    wanted = [(one.kind, one.SOPClassUID) for one in every_kind("try")]
    assert "takes everything" in send.try_out(at(pacs), wanted, commitment=True)


def test_stow_brings_every_kind_byte_for_byte(pacs: Orthanc) -> None:
    objects = every_kind("stow")
    web = WebPeer(f"{pacs.url}/dicom-web")
    for _ in range(2):
        answers = stow.store(web, objects)
        assert all(one.accepted and one.status == 200 for one in answers)
    files = pacs.files()
    assert all(kept_like(one, files) for one in objects)


def test_a_stow_address_that_is_not_one_is_told_as_such(pacs: Orthanc) -> None:
    wrong = WebPeer(f"{pacs.url}/nothing-here")
    (answer,) = stow.store(wrong, [result(name="nowhere")])
    assert (answer.status, answer.accepted, answer.hopeless) == (404, False, False)
    with pytest.raises(Retry, match="no STOW-RS service"):
        stow.try_out(wrong)
    assert "HTTP 200" in stow.try_out(WebPeer(f"{pacs.url}/dicom-web"))


def test_nobody_at_the_web_address() -> None:
    with pytest.raises(PeerAway, match="connection refused"):
        stow.store(WebPeer(f"http://127.0.0.1:{free_port()}/dicom-web"), [result()])


def test_a_signed_study_lies_in_the_archive_and_is_proven(
    pacs: Orthanc, committed_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: received files, a preliminary result, a signature, every kind of object; Orthanc's storage
    commitment comes back to our listener, and its own copy is the object that was recorded."""
    from vfx_finder.actions import analysis, review
    from vfx_finder.ledger.models import Case, DeliveredObject, Delivery

    monkeypatch.setattr(worker, "LOOK_EVERY", 0.1)
    settings = Settings(data_dir=tmp_path, ae_title=OURS, delivery_wait_seconds=1, commitment_wait_seconds=20)
    spool, kinds = Spool(tmp_path / "spool"), frozenset(Kind)
    handlers = handlers_of(settings, None)
    keeper = Keeper(spool, lambda _: None)
    reader = outbox.somebody(Role.RADIOLOGIST)

    def all_proven(stage: Stage) -> bool:
        states = list(Delivery.objects.filter(stage=stage).values_list("state", flat=True))
        return bool(states) and set(states) == {DeliveryState.PROVEN}

    with (
        listening(("127.0.0.1", 0), keeper, around=Around(handlers=handlers, leave=hang_up)) as ear,
        worker.delivering(worker.post_of(settings, spool)),
    ):
        pacs.knows("vfx", OURS, ear.port)
        outbox.destination("Orthanc", pacs.dicom_port, AETitle=pacs.AETitle, kinds=kinds, before_sign_off=True)
        case = outbox.received(results.study(tmp_path / "study"), spool)
        analysis.record(case, 1, results.analysed(), given.later(90))
        wait_for(lambda: all_proven(Stage.PRELIMINARY), patience_s=600)
        review.sign(case, replace(results.signed(), signed_by=reader.name), reader, given.later(120))
        wait_for(lambda: all_proven(Stage.FINAL), patience_s=600)

    files = pacs.files()
    rows = DeliveredObject.objects.all()
    assert {one.kind for one in rows} == kinds
    assert {one.SOPInstanceUID for one in rows} <= set(files)
    assert all(one.committed_at for one in rows)
    report = next(one for one in rows.filter(kind=Kind.SR, delivery__stage=Stage.FINAL))
    kept = dcmread(BytesIO(files[report.SOPInstanceUID]))
    assert kept.VerificationFlag == "VERIFIED"
    assert kept.StudyInstanceUID == Case.objects.get().StudyInstanceUID
