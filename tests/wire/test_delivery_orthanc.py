"""Out to Orthanc, the archive that is not ours: C-STORE, storage commitment by an association of its own, STOW-RS."""

import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import evt

from dicom_listener.commitment_result import on_commitment_result
from dicom_listener.server import Around, listening
from pipelines.steps import send, stow
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.web_peer import WebPeer
from tests.support.archives import TITLE, free_port
from tests.support.orthanc import Orthanc, orthanc
from tests.support.small_results import Result, result
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import PeerAway, Proof
from vfx_finder.domain.errors import Retry
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
        assert came.wait(30)
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
