"""The parts of a multipart/related body (RFC 2387, DICOM PS3.18 section 8.6.1.2), one at a time and never too much."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vfx_finder.domain.errors import Unreadable

MAX_HEADER = 16_384
MAX_BOUNDARY = 256
"""Characters of a boundary. RFC 2046 section 5.1.1 allows 70; Orthanc sends 73."""
_MAX_PREAMBLE = 65_536
_PIECE = 65_536


class BadBody(Unreadable):
    """The body is no multipart/related message."""


@dataclass(frozen=True)
class Part:
    """One part; `content` is None where it was larger than allowed and was not kept."""

    content_type: str
    content: bytes | None


def parts(read: Callable[[int], bytes], boundary: str, most: int) -> Iterator[Part]:
    """The parts of the stream behind `read`, each of at most `most` bytes; memory holds one at a time.

    Raises `BadBody` for a boundary that is none, a part without end, or a body without its closing boundary.
    """
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        raise BadBody("The Content-Type names no usable boundary.")
    mark = b"--" + boundary.encode("ascii")
    source = _Source(read)
    source.until(mark, _MAX_PREAMBLE, "The body does not begin with its boundary.")
    while source.ahead(2) != b"--":
        header = source.until(b"\r\n\r\n", MAX_HEADER, "A part has no end of its header.")
        if header is None:
            raise BadBody("A part's header is too long.")
        content = source.until(b"\r\n" + mark, most, "The body ends before its closing boundary.")
        yield Part(_content_type(header), content)


class _Source:
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self._held = read, bytearray()

    def ahead(self, count: int) -> bytes:
        """The next bytes, which stay; fewer at the end."""
        while len(self._held) < count and self._more():
            pass
        return bytes(self._held[:count])

    def until(self, mark: bytes, most: int, words: str) -> bytes | None:
        """All before this mark, which is passed; None where that is more than `most`. Raises `BadBody` without one."""
        skipped, looked = False, 0
        while (at := self._held.find(mark, looked)) < 0:
            looked = max(0, len(self._held) - len(mark) + 1)
            if looked > most:
                del self._held[:looked]
                skipped, looked = True, 0
            if not self._more():
                raise BadBody(words)
        found = None if skipped or at > most else bytes(self._held[:at])
        del self._held[: at + len(mark)]
        return found

    def _more(self) -> bool:
        piece = self._read(_PIECE)
        self._held += piece
        return bool(piece)


def _content_type(header: bytes) -> str:
    """The media type of a part without its parameters, in small letters."""
    for line in header.decode("ascii", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return ""
