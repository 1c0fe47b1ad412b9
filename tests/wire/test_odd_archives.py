"""Archives that refuse, fall silent, list too much or hand over a part: each is told of in words, and none hangs us."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pipelines.steps import ask
from pipelines.steps.ask import ByMove
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.line import Patience
from tests.support import dicom
from tests.support.archives import FOR_EVER_S
from tests.support.dicom import stable_uid
from tests.support.ports import free_port
from tests.wire.conftest import LOOPBACK, PEERS_VANISH
from vfx_finder.domain.delivery import PeerAway
from vfx_finder.domain.errors import NotAllowed, Retry
from vfx_finder.domain.retrieval import Fetched

pytestmark = PEERS_VANISH

FIND, MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove
DAY = date(2026, 3, 1)
US = ByMove("VFXFINDER")
UNHURRIED = Patience(connect_s=30, answer_s=60)

Answers = Iterator[tuple[int, Dataset | None]]


def one(**elements: str) -> Dataset:
    found = Dataset()
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    return found


def a_series(event: evt.Event) -> Answers:
    """Whatever is asked, there is one CT series."""
    yield 0xFF00, one(SeriesInstanceUID=str(stable_uid("series")), Modality="CT")


@contextmanager
def archive(
    find: Callable = a_series,
    move: Callable | None = None,
    services: tuple[str, ...] = (FIND, MOVE),
    patience: Patience = UNHURRIED,
):
    """An archive that answers as told, and how patient we are with it."""
    entity = AE(ae_title="ODD")
    for service in services:
        entity.add_supported_context(service)
    handlers = [(evt.EVT_C_FIND, find)] + ([(evt.EVT_C_MOVE, move)] if move else [])
    server = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
    try:
        yield Peer(LOOPBACK, server.server_address[1], "ODD", "VFXFINDER", None, patience)
    finally:
        entity.shutdown()


def fetch(peer: Peer) -> Fetched:
    return ask.fetch(peer, str(stable_uid("study")), US)


def test_an_unknown_destination_is_no_fault_of_the_study() -> None:
    """0xA801 would come for every study: the archive must be told of us first (DICOM PS3.4 table C.4-2)."""

    def move(event: evt.Event) -> Iterator[object]:
        yield None, None

    with archive(move=move) as peer, pytest.raises(NotAllowed, match="does not know the AE title VFXFINDER"):
        fetch(peer)


def test_an_archive_that_cannot_reach_us_hands_nothing_over() -> None:
    def move(event: evt.Event) -> Iterator[object]:
        yield LOOPBACK, free_port()
        yield 3

    with archive(move=move) as peer, pytest.raises(Retry, match="did not hand the study over"):
        fetch(peer)


def test_a_part_that_was_not_handed_over_is_counted(open_ear: Callable) -> None:
    """Two slices arrive, one that names no study is refused: a warning with one failed sub-operation (0xB000)."""
    images = [dicom.ct_slice(), dicom.ct_slice(number=1, StudyInstanceUID=None), dicom.ct_slice(number=2)]

    def move(event: evt.Event) -> Iterator[object]:
        yield LOOPBACK, ear.port, {"contexts": [build_context(images[0].SOPClassUID)], "bind_address": (LOOPBACK, 0)}
        yield len(images)
        for image in images:
            yield 0xFF00, image

    with open_ear() as ear, archive(move=move) as peer:
        fetched = fetch(peer)
    assert (fetched.completed, fetched.failed) == (2, 1)
    assert fetched.words == "1 of 3 images were not handed over (0xB000)."
    assert len(ear.rows) == 2


@pytest.mark.parametrize("status", [0xA900, 0xC001, 0x0122])
def test_a_refused_query_is_told_of_by_its_number(status: int) -> None:
    def find(event: evt.Event) -> Answers:
        yield status, None

    with archive(find) as peer, pytest.raises(Retry, match=f"refuses the query with 0x{status:04X}"):
        ask.studies_of_day(peer, DAY, "CT")


def test_an_archive_that_has_too_much_to_list_is_asked_hour_by_hour() -> None:
    """Out of resources for the day (0xA700); each hour has one study, one of them listed twice."""
    asked: list[str] = []

    def find(event: evt.Event) -> Answers:
        hours = str(event.identifier.get("StudyTime", ""))
        asked.append(hours)
        if not hours:
            yield 0xA700, None
            return
        number = min(int(hours[:2]) + 1, 23)
        yield 0xFF00, one(StudyInstanceUID=str(stable_uid("of hour", number)), ModalitiesInStudy="CT")

    with archive(find) as peer:
        found = ask.studies_of_day(peer, DAY, "CT")
    assert len(asked) == 25
    assert asked[1] == "000000-005959"
    assert asked[-1] == "230000-235959"
    assert len(found) == len({study.StudyInstanceUID for study in found}) == 23


def test_an_archive_that_does_not_heed_the_modality_is_sifted() -> None:
    def find(event: evt.Event) -> Answers:
        for modality in ("CT", "MR", "SR"):
            yield 0xFF00, one(StudyInstanceUID=str(stable_uid(modality)), ModalitiesInStudy=modality)
        yield 0xFF00, one(StudyInstanceUID=str(stable_uid("untold")))

    with archive(find) as peer:
        found = ask.studies_of_day(peer, DAY, "CT")
    assert [study.ModalitiesInStudy for study in found] == ["CT", ""]


def test_a_study_without_pictures_is_not_asked_for() -> None:
    def find(event: evt.Event) -> Answers:
        yield 0xFF00, one(SeriesInstanceUID=str(stable_uid("report")), Modality="SR")

    with archive(find) as peer:
        assert fetch(peer) == Fetched(0, 0, "The archive lists no series of pictures in this study.")


def test_an_archive_without_the_service_says_so() -> None:
    with archive(services=(FIND,)) as peer, pytest.raises(NotAllowed, match="does not offer C-MOVE"):
        fetch(peer)
    with archive(services=(Verification,)) as peer, pytest.raises(NotAllowed, match="does not offer C-FIND"):
        ask.studies_of_day(peer, DAY, "CT")


def test_an_archive_that_falls_silent_is_given_up() -> None:
    """In mid-list, and in mid-hand-over; the limit is the peer's patience, not the end of the world."""
    silence = threading.Event()

    def find(event: evt.Event) -> Answers:
        yield from a_series(event)
        silence.wait(600)

    try:
        with archive(find, patience=Patience(connect_s=30, answer_s=3)) as peer:
            began = time.monotonic()
            with pytest.raises(Retry, match="went silent"):
                ask.studies_of_day(peer, DAY, "CT")
            assert time.monotonic() - began < FOR_EVER_S
            silence.set()
    finally:
        silence.set()


def test_nobody_there() -> None:
    with pytest.raises(PeerAway, match="cannot be reached"):
        ask.echo(Peer(LOOPBACK, free_port(), "ODD", "VFXFINDER", None, Patience(connect_s=20)))
