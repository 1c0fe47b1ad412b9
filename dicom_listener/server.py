"""The ear behind one port: `listening(...)` hears until its block ends."""

import ctypes
import logging
import socket
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog
from pynetdicom import _config

from dicom_listener.associations import Door, Doorkeeper, Places
from dicom_listener.c_store import on_c_store
from dicom_listener.contexts import accepted_contexts
from dicom_listener.conversation import Conversation, House
from dicom_listener.pdu import Wire
from dicom_listener.refusals import Refusals
from dicom_listener.services import Handlers
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.errors import Broken
from vfx_finder.domain.sender import AcceptList, Refused

log = structlog.get_logger(__name__)

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
BACKLOG = 128
TURN_S = 0.001
"""How long a thread may compute while others wait: an echo must not stand behind 25 headers being read."""
YIELD_S, MOST_YIELD_S = 0.003, 0.03
"""What a process waits for each association it holds before it takes another: one that holds fewer comes first."""
GRACE_S = 5.0
"""What open associations have, when the listener is stopped, until their threads are left alone."""


@dataclass(frozen=True)
class Around:
    """What a listener needs besides its address, its door and where instances go.

    `accept`: the accept list of this moment, by default the door's own. `secure`: the TLS context for the next
    connection, None without TLS. `handlers`: of N-ACTION and N-EVENT-REPORT. `heard`: called with the title of
    everybody let in. `leave`: called in the thread of an association when that ends. `places`: shared by processes;
    the socket is then shared as well, and stays open for the others.
    """

    accept: Callable[[], AcceptList] | None = None
    refusals: Refusals = field(default_factory=Refusals)
    secure: Callable[[], ssl.SSLContext] | None = None
    handlers: Handlers = field(default_factory=dict)
    heard: Callable[[str], object] = lambda _: None
    leave: Callable[[], object] = lambda: None
    places: Places | None = None


@dataclass(frozen=True)
class Listening:
    """A listener at work. `port` is the one it really has, also when 0 was asked for."""

    host: str
    port: int


@contextmanager
def listening(
    address: tuple[str, int], keeper: Keeper, door: Door | None = None, around: Around | None = None
) -> Iterator[Listening]:
    """Hear at `address` (host, port; 0 = any free port) while the block runs. Raises `Broken` if the port is taken."""
    with opened(address) as listener:
        here = Listening(address[0], listener.getsockname()[1])
        with hearing(listener, keeper, door or Door(), around or Around()):
            yield here


@contextmanager
def opened(address: tuple[str, int]) -> Iterator[socket.socket]:
    """A socket that takes connections at this address. Raises `Broken` if the port is taken."""
    host, port = address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise Broken(f"Port {port} on {host} cannot be opened: {error.strerror}.") from error
    with listener:
        log.info("listening", host=host, port=listener.getsockname()[1])
        yield listener
    log.info("stopped")


@contextmanager
def hearing(listener: socket.socket, keeper: Keeper, door: Door, around: Around) -> Iterator[None]:
    """Take connections of this socket while the block runs, each in a thread of its own."""
    _quieten_libraries()
    _keep_memory()
    sys.setswitchinterval(TURN_S)
    places = around.places or Places(door.at_once)
    house = House(
        keeper=Doorkeeper(door, around.accept or (lambda: door.accept_list), places),
        refusals=around.refusals,
        store=lambda arrival: on_c_store(arrival, keeper),
        contexts=tuple(accepted_contexts()),
        handlers=around.handlers,
        heard=around.heard,
    )
    ear = _Ear(listener, house, around)
    threading.Thread(target=ear.take_connections, name="ear", daemon=True).start()
    try:
        yield
    finally:
        ear.stop()
        if places is not around.places:
            places.close()


@dataclass
class _Ear:
    listener: socket.socket
    house: House
    around: Around
    stopping: bool = False
    open: dict[threading.Thread, Wire] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_connections(self) -> None:
        """Until stopped: a thread for everybody who knocks and may."""
        while not self.stopping:
            if self.around.places is not None:
                time.sleep(min(YIELD_S * len(self.open), MOST_YIELD_S))
            try:
                connection, address = self.listener.accept()
            except OSError as error:
                if not self.stopping:
                    log.error("connection-not-taken", why=error.strerror)
                    threading.Event().wait(0.1)  # out of files, most likely: some will be closed
                continue
            try:
                self._let_in(connection, str(address[0]))
            except Exception as error:  # noqa: BLE001 - whatever happens to one caller, the next is heard
                log.error("connection-not-served", kind=type(error).__name__)
                connection.close()

    def stop(self) -> None:
        """Take no more, break off what is open, and wait for it to end."""
        self.stopping = True
        if self.around.places is None:  # wakes up the thread that waits for connections
            with suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
        with self.lock:
            threads = list(self.open)
            for wire in self.open.values():
                wire.break_off()
        for thread in threads:
            thread.join(GRACE_S)

    def _let_in(self, connection: socket.socket, host: str) -> None:
        refused = self.house.keeper.knock(host)
        if refused is not None:
            self.house.refusals.note(refused, host)
            connection.close()
            return
        try:
            self._begin(connection, host)
        except BaseException:
            self.house.keeper.known(host)
            raise

    def _begin(self, connection: socket.socket, host: str) -> None:
        try:
            wire = Wire(self._secured(connection))
        except Broken:
            self.house.refusals.note(Refused.TLS, host, detail="our own certificate cannot be used")
            raise
        thread = threading.Thread(target=self._talk, args=(wire, host), name=f"association {host}", daemon=True)
        with self.lock:
            self.open[thread] = wire
        try:
            thread.start()
        except RuntimeError:  # no more threads are to be had
            self.open.pop(thread, None)
            raise

    def _secured(self, connection: socket.socket) -> socket.socket:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self.around.secure is None:
            return connection
        # The handshake waits for the association's own thread: a silent peer must not hold up the others.
        return self.around.secure().wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def _talk(self, wire: Wire, host: str) -> None:
        try:
            Conversation(wire, host, self.house).hold()
        finally:
            with self.lock:
                self.open.pop(threading.current_thread(), None)
            self.around.leave()


def _keep_memory() -> None:
    """Have glibc keep what an image needed for the next one.

    Otherwise every image of half a megabyte costs 250 page faults, measured as 0.7 ms of 3 ms. No effect elsewhere.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 64 * 2**20)
        mallopt(_M_MMAP_THRESHOLD, 16 * 2**20)


def _quieten_libraries() -> None:
    """What they log and warn of may quote datasets, that is patients; the events above say what an operator needs."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    warnings.filterwarnings("ignore", module="pydicom")
    for name in ("pynetdicom", "pydicom"):
        library = logging.getLogger(name)
        library.setLevel(logging.CRITICAL)
        library.propagate = False
