"""The body of a request as a stream: of any transfer coding, bounded in size and in time."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.http import HttpRequest

from vfx_finder.domain.errors import Retry, Unreadable

SILENCE_S = 30.0
"""A sender that says nothing for so long has gone."""
WHOLE_S = 900.0
"""No body takes longer than this; a slow one holds a thread that others need."""
DRAINED_BYTES = 8 * 2**20
DRAIN_S = 3.0
"""Of a refused body so much is read, so that the sender hears the answer instead of a closed connection."""

_PIECE = 65_536


class TooLarge(Unreadable):
    """The request is larger than this system takes."""


class TooSlow(Retry):
    """The request did not arrive in time."""


class Incoming:
    """The body of this request. Raises `TooLarge` beyond `most` bytes, `TooSlow` where the sender stops sending."""

    def __init__(self, request: HttpRequest, most: int) -> None:
        environ = request.META
        # Django reads nothing of a chunked body; the server says when it has found the end itself.
        self._stream: Any = environ["wsgi.input"] if environ.get("wsgi.input_terminated") else request
        self._socket: socket.socket | None = environ.get("gunicorn.socket")
        self._most, self._count = most, 0
        self._ended = False

    def read(self, size: int = _PIECE) -> bytes:
        """The next bytes, none at the end."""
        try:
            piece: bytes = self._stream.read(size)
        except TimeoutError:
            raise TooSlow from None
        except OSError:
            raise Unreadable("The connection ended in the middle of the request.") from None
        self._ended = not piece
        self._count += len(piece)
        if self._count > self._most:
            raise TooLarge
        return piece

    @contextmanager
    def within(self, whole_s: float = WHOLE_S, silence_s: float = SILENCE_S) -> Iterator[None]:
        """Read in this block; afterwards nothing more is read from the connection unless the body has ended."""
        watch = threading.Timer(whole_s, self._hang_up)
        watch.daemon = True
        watch.start()
        if self._socket is not None:
            self._socket.settimeout(silence_s)
        try:
            yield
            self._drain()
        finally:
            watch.cancel()
            if not self._ended:
                self._hang_up()

    def _drain(self) -> None:
        self._most = self._count + DRAINED_BYTES
        watch = threading.Timer(DRAIN_S, self._hang_up)
        watch.daemon = True
        watch.start()
        with suppress(Retry, Unreadable):
            while not self._ended:
                self.read()
        watch.cancel()

    def _hang_up(self) -> None:
        """Reading ends here: without this the server would read a refused body to its end, however long that is."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)
