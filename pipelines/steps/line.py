"""A line to a peer: how long it may take, how it is cut when it takes longer, and why it came to nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

Line = Callable[[], socket.socket | None]
"""The connection at this moment, None where there is none."""


@dataclass(frozen=True)
class Patience:
    """Seconds that a peer may take to let us in, and to answer one message; large objects have longer by their size."""

    connect_s: float = 10.0
    answer_s: float = 60.0
    bytes_per_second: float = 100_000.0

    def for_bytes(self, size: int) -> float:
        """Seconds that sending this much and getting the answer may take."""
        return self.answer_s + size / self.bytes_per_second


USUAL = Patience()


@contextmanager
def cut_after(seconds: float, line: Line) -> Iterator[None]:
    """Cut the connection if the block takes longer: a peer that stops reading would hold a sender for ever."""

    def cut() -> None:
        connection = line()
        if connection is not None:
            with suppress(OSError):  # it may be closed by now
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def addresses_of(host: str) -> list[str]:
    """The addresses that this name stands for now; none where nobody knows it."""
    try:
        return sorted({str(target[0]) for *_, target in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []


def reason_of(error: BaseException) -> str:
    """Why a connection came to nothing, in words for an operator; never more than the kind where nothing is known."""
    if verify := getattr(error, "verify_message", ""):
        return f"its TLS certificate is not accepted ({verify})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the name of the host is not known"
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(said).replace("_", " ").lower()
