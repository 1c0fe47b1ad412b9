"""How HL7 v2 messages stand in a stream of bytes (HL7 Transport Specification: MLLP, Release 1, 2006)."""

from dataclasses import dataclass, field

from vfx_finder.domain.errors import Unreadable

START = b"\x0b"
END = b"\x1c"
_AGAIN = START + b"MSH"

MOST_BYTES = 4 * 1024 * 1024
"""A message longer than this is refused: radiology reports and ADT messages have some kilobytes."""


def framed(message: bytes) -> bytes:
    """The block that carries one message: <VT> message <FS> <CR>."""
    return START + message + END + b"\r"


@dataclass
class Stream:
    """The receiving end of one connection. Bytes may come in pieces of any size.

    Lenient where real senders are careless: bytes between blocks are ignored, the CR after <FS> may be missing, and a
    message that its sender broke off and began again in the same block is taken from its last beginning.
    """

    most_bytes: int = MOST_BYTES
    _kept: bytearray = field(default_factory=bytearray)
    _inside: bool = False

    @property
    def is_midway(self) -> bool:
        """A message has begun and has not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete, oldest first. Raises `Unreadable` once a message is too long."""
        messages = []
        rest = data
        while rest:
            if not self._inside:
                _noise, found, rest = rest.partition(START)
                self._inside = bool(found)
                continue
            part, ended, rest = rest.partition(END)
            self._kept += part
            if len(self._kept) > self.most_bytes:
                raise Unreadable("The message is longer than is taken.")
            if ended:
                messages.append(self._finish())
        return messages

    def _finish(self) -> bytes:
        _broken_off, _again, last = bytes(self._kept).rpartition(_AGAIN)
        message = b"MSH" + last if _again else bytes(self._kept)
        self._kept.clear()
        self._inside = False
        return message
