"""Peers that may not come in, that stay without speaking, that flood or crawl: each is seen, and nobody else waits."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest
from pydicom import uid
from structlog.testing import capture_logs

from dicom_listener.associations import HALF_OPEN_OF_A_HOST, Door
from dicom_listener.emulator import associated
from dicom_listener.refusals import Refusals
from dicom_listener.server import Around
from tests.support import dicom
from tests.wire.conftest import LOOPBACK, PEERS_VANISH, eventually
from vfx_finder.domain.errors import NotAllowed, Retry
from vfx_finder.domain.sender import AcceptList, Refused, Sender, Turned

pytestmark = PEERS_VANISH

ECHO = [("1.2.840.10008.1.1", str(uid.ImplicitVRLittleEndian))]
CT = [(str(uid.CTImageStorage), str(uid.ExplicitVRLittleEndian))]
MR = [(str(uid.MRImageStorage), str(uid.ExplicitVRLittleEndian))]
OUT_OF_RESOURCES = 0xA700


@dataclass
class Book:
    """What an operator would see counted."""

    turned: list[Turned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.refusals = Refusals(self.turned.extend)

    def count(self, reason: Refused) -> int:
        self.refusals.write()
        return sum(one.count for one in self.turned if one.reason == reason)


@pytest.fixture
def book() -> Book:
    return Book()


def is_cut_off(peer: socket.socket, within_s: float = 120) -> bool:
    """Whether the listener ends this connection, perhaps after a last word."""
    peer.settimeout(within_s)
    try:
        while peer.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def test_a_known_title_from_another_host_is_refused_until_the_page_says_otherwise(open_ear, book: Book):
    """The accept list is title and host; a change counts for the next caller, without a restart."""
    allowed = [AcceptList((Sender("CT_SCANNER", "10.1.2.0/24"),))]
    with open_ear(around=Around(accept=lambda: allowed[0], refusals=book.refusals)) as ear:
        with pytest.raises(NotAllowed):
            ear.send(dicom.ct_slice())
        with pytest.raises(NotAllowed):
            ear.echoes("STRANGER")
        assert (book.count(Refused.WRONG_HOST), book.count(Refused.UNKNOWN_SENDER)) == (1, 1)
        allowed[0] = AcceptList((Sender("CT_SCANNER", "127.0.0.0/8"),))
        assert not ear.send(dicom.ct_slice()).refused
    assert {(one.calling, one.host) for one in book.turned} == {("CT_SCANNER", LOOPBACK), ("STRANGER", LOOPBACK)}


def test_a_wrong_called_title_is_refused_and_counted(open_ear, book: Book):
    """A misrouted study does not land here; other titles of ours are answered."""
    door = Door(only_called=True, called=("AI_TWO",))
    with open_ear(door, around=Around(refusals=book.refusals)) as ear:
        with pytest.raises(NotAllowed), associated(ear.address(called="ARCHIVE"), ECHO):
            pass
        with associated(ear.address(called="AI_TWO"), ECHO) as link:
            assert link.send_c_echo().Status == 0
    assert book.count(Refused.WRONG_CALLED_TITLE) == 1
    assert book.turned[0].detail == "ARCHIVE"


def test_a_caller_of_whose_offer_nothing_is_taken_is_counted_with_the_class(open_ear, book: Book):
    """An MR scanner that sends here learns it from its own log alone; so does one that offers no syntax we take."""
    with open_ear(around=Around(refusals=book.refusals)) as ear:
        for offered in (MR, ECHO + MR, MR + CT, ECHO):
            with suppress(NotAllowed), associated(ear.address(), offered):
                pass
    assert book.count(Refused.NOTHING_TAKEN) == 2
    (turned,) = [one for one in book.turned if one.reason == Refused.NOTHING_TAKEN]
    assert turned.detail == "MR Image Storage"


def test_what_is_not_taken_beside_what_is_taken_is_counted_by_name(open_ear, book: Book):
    """A PACS whose MR is refused and whose CT comes in: its operator sees it; another syntax is no refusal."""
    both = [*MR, *CT, (CT[0][0], str(uid.MPEG2MPML))]
    with open_ear(around=Around(refusals=book.refusals)) as ear, capture_logs() as logs:
        for _ in range(2):
            with associated(ear.address(), both) as link:
                assert link.is_established
    assert book.count(Refused.NOT_ALL_TAKEN) == 2
    assert [(one.calling, one.host, one.detail) for one in book.turned] == [
        ("CT_SCANNER", LOOPBACK, "MR Image Storage")
    ]
    assert not [line for line in logs if line["event"] == "refused"]


def test_a_socket_that_says_nothing_is_closed(open_ear, book: Book):
    """Half-open connections do not pile up, and echoes are answered meanwhile."""
    with (
        open_ear(Door(handshake_s=4), around=Around(refusals=book.refusals)) as ear,
        socket.create_connection((LOOPBACK, ear.port)) as silent,
    ):
        assert eventually(lambda: _tried(ear.echoes))
        assert is_cut_off(silent)
        assert eventually(lambda: book.count(Refused.SILENT) >= 1)


@pytest.mark.parametrize("trickle", [b"", b"\x04\x00\x00\x00\x10\x00"])
def test_a_sender_that_stops_in_the_middle_of_a_message_is_cut_off(open_ear, book: Book, trickle: bytes):
    """A place is not held by who does not use it: by silence between units, or in the middle of one."""
    with (
        open_ear(Door(patience_s=4), around=Around(refusals=book.refusals)) as ear,
        associated(ear.address(), CT) as link,
    ):
        link.dul.socket.socket.sendall(trickle)
        assert eventually(lambda: not link.is_established)
        assert eventually(lambda: book.count(Refused.TOO_SLOW) == bool(trickle))
        assert eventually(lambda: _tried(lambda: not ear.send(dicom.ct_slice()).refused))


def test_a_sender_that_crawls_is_cut_off(open_ear, book: Book):
    """Each piece comes in time, the whole would take a night."""
    command = b"\x00\x00\x00\x00\x04\x00\x00\x00"
    piece = (len(command) + 2).to_bytes(4, "big") + b"\x01\x01" + command  # a command set that never ends
    unit = b"\x04\x00" + len(piece).to_bytes(4, "big") + piece
    with (
        open_ear(Door(patience_s=5), around=Around(refusals=book.refusals)) as ear,
        associated(ear.address(), CT) as link,
    ):
        with suppress(OSError, AttributeError):  # the connection is gone a moment before the association knows
            for _ in range(600):
                if not link.is_established:
                    break
                link.dul.socket.socket.sendall(unit)
                time.sleep(0.1)
        assert eventually(lambda: not link.is_established)
        assert eventually(lambda: book.count(Refused.TOO_SLOW) == 1)


def test_a_flood_of_associations_is_refused_and_passes(open_ear, book: Book):
    """Above the limit callers are asked to come again; those that are in go on; afterwards all is as before."""
    with open_ear(Door(at_once=3), around=Around(refusals=book.refusals)) as ear:
        with ExitStack() as stack:
            links = [stack.enter_context(associated(ear.address(), ECHO)) for _ in range(3)]
            for _ in range(10):
                with pytest.raises(NotAllowed):
                    ear.echoes()
            assert all(link.send_c_echo().Status == 0 for link in links)
        assert book.count(Refused.TOO_MANY) == 10
        assert eventually(lambda: _tried(ear.echoes))


def test_a_flood_of_silent_sockets_is_cut_short(open_ear, book: Book):
    """One host may not keep more than a few unnamed connections open."""
    with open_ear(Door(handshake_s=600), around=Around(refusals=book.refusals)) as ear:
        with ExitStack() as stack:
            flood = [
                stack.enter_context(socket.create_connection((LOOPBACK, ear.port)))
                for _ in range(HALF_OPEN_OF_A_HOST + 5)
            ]
            assert all(is_cut_off(peer) for peer in flood[-5:])
        assert book.count(Refused.SILENT) == 5
        assert eventually(lambda: _tried(ear.echoes))


def test_a_host_that_connects_too_often_is_slowed(open_ear, book: Book):
    """A scanner that loops does not take every place there is."""
    with open_ear(Door(a_minute=3), around=Around(refusals=book.refusals)) as ear:
        assert [_tried(ear.echoes) for _ in range(5)] == [True, True, True, False, False]
    assert book.count(Refused.TOO_OFTEN) == 2


def test_an_instance_that_is_too_large_is_refused_and_the_next_is_taken(open_ear, book: Book):
    """Its bytes are let pass by, not kept in memory; the association goes on."""
    small = dicom.ct_slice()
    limit = len(dicom.dataset_bytes(dicom.encoded(small))) + 2
    large = dicom.ct_slice(number=1, PixelData=bytes(4 * limit))
    with open_ear(Door(most_bytes=limit), around=Around(refusals=book.refusals)) as ear:
        report = ear.send(large, small)
    assert [one.status for one in report.sent] == [OUT_OF_RESOURCES, 0]
    assert book.count(Refused.TOO_LARGE) == 1
    assert len(ear.rows) == 1


def test_below_the_watermark_images_are_refused_and_echoes_answered(open_ear, book: Book):
    """The disk is never filled to the last byte; with space again the next image is taken, without a restart."""
    with open_ear(around=Around(refusals=book.refusals)) as ear:
        ear.spool.keep_free = 2**62
        (refused,) = ear.send(dicom.ct_slice()).refused
        assert (refused.status, refused.comment) == (OUT_OF_RESOURCES, "The spool is out of space.")
        assert ear.echoes()
        assert ear.files == set()
        ear.spool.keep_free = 0
        assert not ear.send(dicom.ct_slice()).refused
    assert book.count(Refused.NO_SPACE) == 1


def test_a_thousand_refusals_are_few_lines(book: Book):
    """A flood is counted, not written out."""
    for number in range(1000):
        book.refusals.note(Refused.UNKNOWN_SENDER, f"10.0.{number // 250}.{number % 250}", f"X{number}\n")
    book.refusals.write()
    assert sum(one.count for one in book.turned) == 1000
    assert len(book.turned) < 300
    assert not any("\n" in one.calling for one in book.turned)


def test_refusals_are_kept_while_the_database_is_away():
    """What could not be written is written later, nothing twice."""
    written: list[Turned] = []
    away = [True]

    def record(turned) -> None:
        if away[0]:
            raise ConnectionError
        written.extend(turned)

    refusals = Refusals(record)
    for _ in range(2):
        refusals.note(Refused.TOO_MANY, LOOPBACK, "PACS")
        refusals.write()
    away[0] = False
    refusals.write()
    refusals.write()
    assert [(one.calling, one.count) for one in written] == [("PACS", 2)]


def _tried(act: Callable[[], bool]) -> bool:
    try:
        return act()
    except (NotAllowed, Retry):
        return False
