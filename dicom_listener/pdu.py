"""The units of the DICOM upper layer (PS3.8 section 9.3) on one socket: read whole, within a time, never too large."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from vfx_finder.domain.sender import Refused

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
"""PDU types, PS3.8 sections 9.3.2 to 9.3.8."""

MAX_PDU_BYTES = 131_072
"""What we let peers send at once, PS3.8 annex D.1. Measured: twice as fast as the usual 16 kB."""
MAX_REQUEST_BYTES = 1_048_576
"""An association request: 128 contexts with every transfer syntax there is are a tenth of it."""

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux only."""

_HEADER = struct.Struct(">BxI")
_ITEM = struct.Struct(">IBB")
_IS_COMMAND, _IS_LAST = 1, 2

BY_USER, BY_PROVIDER = 0, 2
"""Who breaks an association off: this program, or the protocol (PS3.8 table 9-26)."""
UNEXPECTED_PDU, INVALID_PARAMETER = 2, 6
"""Why the protocol does."""


class Ended(Exception):
    """The association is over. `how`: one word for the log; `abort`: the PDU that tells the peer, where it can.

    `refused`: what an operator should see counted; None where nobody did anything wrong.
    """

    def __init__(self, how: str, abort: bytes = b"", refused: Refused | None = None) -> None:
        super().__init__(how)
        self.how, self.abort, self.refused = how, abort, refused


@dataclass(frozen=True)
class Fragment:
    """A piece of a message in a P-DATA-TF (PS3.8 section 9.3.5.1 and annex E.2)."""

    context_id: int
    is_command: bool
    is_last: bool
    content: memoryview


class Wire:
    """One connected socket, plain or TLS, from which whole PDUs are read. For one reading thread."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._room = bytearray(6 + MAX_PDU_BYTES)

    def read(self, idle_s: float, most: int) -> tuple[int, memoryview]:
        """Type and content of the next PDU; the content is valid until the next call.

        Raises `Ended` where none begins within `idle_s`, or is not whole within as much again, or has more than
        `most` bytes, or is none; the peer is then to be told.
        """
        self._acknowledge()
        until = time.monotonic() + idle_s
        begun = self._receive(memoryview(self._room)[:6], until, "silent")
        kind, length = _HEADER.unpack(self._fill(begun, 6, until + idle_s))
        if not ASSOCIATE_RQ <= kind <= ABORT or length > most:
            raise Ended("no-dicom", abort_pdu(BY_PROVIDER, INVALID_PARAMETER), Refused.NOT_DICOM)
        if length > len(self._room):
            self._room = bytearray(length)
        return kind, self._fill(0, length, until + idle_s)

    def send(self, pdu: bytes, patience_s: float) -> None:
        """Send this. Raises `Ended` where the peer is gone, or reads nothing for so long."""
        try:
            self.socket.settimeout(patience_s)
            self.socket.sendall(pdu)
        except OSError as error:
            raise Ended("broken") from error

    def wait_for_close(self, patience_s: float) -> None:
        """Read away what still comes until the peer closes, for at most so long."""
        until = time.monotonic() + patience_s
        with contextlib.suppress(OSError):
            self.socket.settimeout(patience_s)
            while time.monotonic() < until and self.socket.recv_into(self._room):
                pass

    def break_off(self) -> None:
        """End the connection at once, from another thread; who reads from it is told that it broke."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket, whatever state it is in."""
        self.break_off()
        self.socket.close()

    def _acknowledge(self) -> None:
        """Have the kernel acknowledge at once what has come so far.

        Many senders (DCMTK by default) hold back the next unit until then, and the kernel would wait 40 ms for an
        answer of ours to send it with: 20 images a second instead of 200. It must be asked anew every time, tcp(7).
        """
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _fill(self, got: int, count: int, until: float) -> memoryview:
        """The first `count` bytes of the room, of which `got` are there already."""
        room = memoryview(self._room)[:count]
        while got < count:
            got += self._receive(room[got:], until, "slow")
        return room

    def _receive(self, room: memoryview, until: float, how: str) -> int:
        left = until - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            got = self.socket.recv_into(room)
        except TimeoutError:
            refused = Refused.TOO_SLOW if how == "slow" else None
            raise Ended(how, abort_pdu(BY_USER), refused) from None
        except OSError as error:
            raise Ended("broken") from error
        if not got:
            raise Ended("broken")
        return got


def fragments(content: memoryview) -> Iterator[Fragment]:
    """The pieces in a P-DATA-TF. Raises `Ended` for a malformed one."""
    at = 0
    while at < len(content):
        if at + 6 > len(content):
            raise malformed()
        length, context_id, control = _ITEM.unpack_from(content, at)
        end = at + 4 + length
        if length < 2 or end > len(content):
            raise malformed()
        yield Fragment(context_id, bool(control & _IS_COMMAND), bool(control & _IS_LAST), content[at + 6 : end])
        at = end


def malformed() -> Ended:
    """The end of an association whose peer does not keep to the protocol."""
    return Ended("malformed", abort_pdu(BY_PROVIDER, INVALID_PARAMETER), Refused.NOT_DICOM)


def data_pdus(context_id: int, content: bytes, most: int, *, is_command: bool) -> bytes:
    """This command set or dataset as P-DATA-TF PDUs of at most `most` bytes each; 0 = no limit."""
    size = max(1, (most or len(content) + 6) - 6)
    kind = _IS_COMMAND if is_command else 0
    starts = range(0, len(content), size)
    pieces = ((content[at : at + size], kind | (_IS_LAST if at == starts[-1] else 0)) for at in starts)
    return b"".join(
        _HEADER.pack(P_DATA, len(piece) + 6) + _ITEM.pack(len(piece) + 2, context_id, control) + piece
        for piece, control in pieces
    )


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ, PS3.8 section 9.3.4."""
    return _HEADER.pack(ASSOCIATE_RJ, 4) + bytes((0, result, source, reason))


def release_pdu() -> bytes:
    """An A-RELEASE-RP, PS3.8 section 9.3.7."""
    return _HEADER.pack(RELEASE_RP, 4) + bytes(4)


def abort_pdu(source: int, reason: int = 0) -> bytes:
    """An A-ABORT, PS3.8 section 9.3.8."""
    return _HEADER.pack(ABORT, 4) + bytes((0, 0, source, reason))
