"""Ports of loopback for programs that must be told theirs: nobody takes one between its being found and its being used.

They lie below those that the kernel gives to whoever asks for any (32768 to 60999 on Linux, ip(7)), so that no
connection of another test comes upon them by chance; and one process of the tests has a port at a time.
"""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)

_mine: set[int] = set()


def free_port() -> int:
    """A port at which nobody listens, this process's own until it ends."""
    for port in PORTS:
        if port not in _mine and _claimed(port):
            _mine.add(port)
            if _is_free(port):
                return port
    raise RuntimeError("Every port for tests is taken.")


@cache
def _book() -> int:
    """A file with a byte for each port: who has locked it has the port, and the kernel unlocks it when they end."""
    return os.open(Path(tempfile.gettempdir()) / f"vfx-tests-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600)


def _claimed(port: int) -> bool:
    try:
        fcntl.lockf(_book(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True
