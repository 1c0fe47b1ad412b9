"""A peer that answers at once is heard, by whichever way we asked.

pynetdicom's thread is held between looking stopped and being stopped, and the asker between having sent and waiting,
where in earnest they are for microseconds: a fast peer's answer then falls into the hands of that thread, if nothing
makes it stand still first.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.sop_class import (
    CTImageStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from dicom_listener import emulator
from dicom_listener.calling_back import Callback, call_back
from pipelines.steps import ask, send
from pipelines.steps.association import associated
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.line import Patience
from tests.support import dicom
from tests.support.archives import FOR_EVER_S, LOOPBACK, archive, report_of
from tests.support.small_results import result
from tests.wire.conftest import PEERS_VANISH, Ear, eventually
from vfx_finder.dicom.commitment import request
from vfx_finder.domain.delivery import PeerAway

pytestmark = PEERS_VANISH

WINDOW_S = 0.2
"""Far longer than a peer on this machine takes to answer."""
UNHURRIED = Patience(connect_s=60, answer_s=600)
UID = "2.25.1001"


@pytest.fixture(autouse=True)
def slow_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asker's thread goes on late after it passed the place where it is stopped, and looks stopped meanwhile.

    Whoever opens an association has it in just that moment.
    """
    associate, get_msg = AE.associate, DIMSEServiceProvider.get_msg

    def looks_stopped(association: Association) -> bool:
        return association.__dict__["looks_stopped"]

    def look(association: Association, stopped: bool) -> None:
        if not stopped and association.is_requestor and association.is_established:
            association.__dict__["goes on"] = looks_stopped(association)
            time.sleep(WINDOW_S)
        association.__dict__["looks_stopped"] = stopped

    def associated_in_that_moment(entity: AE, *args: object, **more: object) -> Association:
        association = associate(entity, *args, **more)
        assert eventually(lambda: association.__dict__.get("goes on") or not association.is_established)
        return association

    def waits_late(provider: DIMSEServiceProvider, block: bool = False) -> object:
        if block and provider.assoc.is_requestor:
            time.sleep(2 * WINDOW_S)
        return get_msg(provider, block)

    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", waits_late)
    monkeypatch.setattr(Association, "_is_paused", property(looks_stopped, look), raising=False)
    monkeypatch.setattr(AE, "associate", associated_in_that_moment)


def at(port: int) -> Peer:
    return Peer(LOOPBACK, port, "ARCHIVE", "VFXFINDER", patience=UNHURRIED)


def test_results_are_stored() -> None:
    with archive() as pacs:
        answers = send.store(at(pacs.port), [result() for _ in range(3)])
    assert [one.status for one in answers] == [0x0000] * 3


def test_commitment_is_asked_for_and_told() -> None:
    with archive() as pacs:
        proof = send.ask_commitment(at(pacs.port), UID, [(str(CTImageStorage), UID)], 600)
    assert proof is not None
    assert proof.committed == {UID}


def test_a_line_is_tried_out() -> None:
    with archive() as pacs:
        assert "Answered" in send.try_out(at(pacs.port), [], commitment=True)


@contextmanager
def archive_that_lists() -> Iterator[int]:
    """One study of one series, which it says to hand over at once."""

    def on_find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        found = Dataset()
        found.StudyInstanceUID = found.SeriesInstanceUID = UID
        found.Modality = found.ModalitiesInStudy = "CT"
        yield 0xFF00, found

    def on_move(event: evt.Event) -> Iterator[object]:
        yield LOOPBACK, 1
        yield 0

    entity = AE(ae_title="ARCHIVE")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    handlers = [(evt.EVT_C_FIND, on_find), (evt.EVT_C_MOVE, on_move)]
    server = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
    try:
        yield server.server_address[1]
    finally:
        entity.shutdown()


def test_an_archive_is_asked_for_its_studies() -> None:
    with archive_that_lists() as port:
        found = ask.studies_of_day(at(port), date(2026, 3, 1), "CT")
    assert [one.StudyInstanceUID for one in found] == [UID]


def test_an_archive_that_has_ended_the_association_is_away() -> None:
    """Between two requests: told as such, and not as a defect of ours."""
    with (
        archive_that_lists() as port,
        pytest.raises(PeerAway, match="ended"),
        ask.associated(at(port), [ask.build_context(ask.FIND)]) as association,
    ):
        association.abort()
        list(ask._find(association, Dataset(), at(port)))


def test_a_peer_that_vanishes_is_noticed_by_who_waits_for_its_answer() -> None:
    """Its connection has ended a moment before something is asked, and nobody has said so yet."""
    entity = AE(ae_title="ARCHIVE")
    entity.add_supported_context(Verification)
    server = entity.start_server((LOOPBACK, 0), block=False)
    try:
        with associated(at(server.server_address[1]), [build_context(Verification)]) as association:
            association.bind(evt.EVT_CONN_CLOSE, lambda _: time.sleep(4 * WINDOW_S))  # before the end is told
            (far,) = entity.active_associations
            far.dul.socket._shutdown_socket()
            time.sleep(2 * WINDOW_S)
            began = time.monotonic()
            assert "Status" not in association.send_c_echo()
            assert time.monotonic() - began < FOR_EVER_S
    finally:
        entity.shutdown()


def test_images_are_sent_and_an_echo_is_heard(ear: Ear, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(emulator, "PATIENCE_S", UNHURRIED.answer_s)
    assert ear.echoes()
    assert len(ear.send(*dicom.ct_series(grid=dicom.Grid(slices=3))).accepted) == 3


def test_a_peer_that_is_called_back_is_heard() -> None:
    """It answers the storage commitment result at once."""
    asked = request(UID, [(str(CTImageStorage), UID)])
    entity = AE(ae_title="PACS")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    told: list[str] = []

    def on_report(event: evt.Event) -> tuple[int, None]:
        told.append(event.event_information.TransactionUID)
        return 0x0000, None

    server = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)])
    to = Callback(LOOPBACK, server.server_address[1], "PACS", "VFXFINDER")
    try:
        with call_back(to, str(StorageCommitmentPushModel)) as link:
            link.dimse_timeout = UNHURRIED.answer_s
            answer, _ = link.send_n_event_report(
                report_of(asked), 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
            )
    finally:
        entity.shutdown()
    assert told == [UID]
    assert answer.Status == 0x0000
