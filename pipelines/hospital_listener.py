"""The other ear: HL7 v2 messages of the hospital's systems over MLLP, answered when they are kept and applied.

A message that cannot be kept, because the database is away, gets no answer: its sender keeps it and sends it again.
"""

import ipaddress
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from vfx_finder.actions import hospital
from vfx_finder.actions._trail import Act
from vfx_finder.actions.heartbeat import beating
from vfx_finder.actions.hospital import Heard
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Broken, Retry, Unreadable
from vfx_finder.domain.hospital import Remark
from vfx_finder.interop.acknowledgement import acknowledgement
from vfx_finder.interop.mllp import MOST_BYTES, Stream, framed

log = structlog.get_logger(__name__)

PROCESS = "hospital-listener"
STOP = (signal.SIGINT, signal.SIGTERM)
_PIECE = 65536
_GRACE_SECONDS = 5.0
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A peer that vanished without a word is noticed after a minute and a half."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Hear = Callable[[bytes], Heard]
"""Keep and apply one message. Raises `Retry` where it could not even be kept."""


@dataclass(frozen=True)
class Limits:
    """What a peer may take: connections at a time, seconds for a message once it has begun and for reading our answer,
    and its size. Between messages a connection may be idle for days, as those of integration engines are."""

    connections: int = 32
    message_seconds: float = 30.0
    most_bytes: int = MOST_BYTES


USUAL = Limits()


@dataclass(frozen=True)
class Door:
    """Who may come in, and by which TLS. This machine itself always may."""

    networks: tuple[Network, ...] = ()
    tls: Callable[[], ssl.SSLContext] | None = None

    def lets_in(self, host: str) -> bool:
        """Whether a caller at this address may send."""
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        return mapped.is_loopback or any(mapped in network for network in self.networks)


@dataclass
class Hearing:
    """The listener at work; `port` is the one it really has."""

    port: int
    server: socket.socket
    door: Door
    hear: Hear
    limits: Limits
    heard: int = 0
    open: set[socket.socket] = field(default_factory=set)
    threads: list[threading.Thread] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


def hear(settings: Settings) -> None:
    """Hear until SIGINT or SIGTERM. Django is set up already. Raises `Broken` where it cannot begin."""
    if settings.hl7_port is None:
        raise Broken("Set VFX_HL7_PORT to the port on which HL7 messages shall be heard.")
    # Before any thread starts, so that every thread leaves these signals to `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    address = (settings.hl7_host, settings.hl7_port)
    with hearing(address, _door(settings), keep) as here, beating(PROCESS, partial(_facts, here)):
        signal.sigwait(STOP)


def _facts(here: Hearing) -> dict[str, int]:
    return {"connections": len(here.open), "messages": here.heard}


def keep(content: bytes) -> Heard:
    """Keep a message and apply it; one that fails is kept for a person. Raises `Retry` where the database is away."""
    actor, now = Actor.process(PROCESS), datetime.now(UTC)
    try:
        close_old_connections()
        return hospital.hear(content, actor, now)
    except (OperationalError, InterfaceError):
        connections.close_all()
        raise Retry("The ledger does not answer.") from None
    except Exception as error:  # noqa: BLE001 - a message that trips us up is listed, and the next one heard
        log.error("message-not-applied", kind=type(error).__name__)
        failed = f"{type(error).__name__} in this software"
    try:
        return hospital.keep_listed(content, Remark.COULD_NOT_APPLY, failed, Act(actor, now))
    except (OperationalError, InterfaceError):
        connections.close_all()
        raise Retry("The ledger does not answer.") from None


@contextmanager
def hearing(address: tuple[str, int], door: Door, take: Hear, limits: Limits = USUAL) -> Iterator[Hearing]:
    """Hear at `address` (host, port; 0 = any free port) while the block runs. Raises `Broken` if the port is taken."""
    host, port = address
    try:
        server = socket.create_server(address, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Broken(f"Port {port} on {host} cannot be opened: {error.strerror}.") from error
    here = Hearing(server.getsockname()[1], server, door, take, limits)
    acceptor = threading.Thread(target=_accept, args=(here,), name=PROCESS, daemon=True)
    acceptor.start()
    log.info("hearing", host=host, port=here.port, tls=door.tls is not None)
    try:
        yield here
    finally:
        _end(here, acceptor)


def _end(here: Hearing, acceptor: threading.Thread) -> None:
    here.ended.set()
    for line in (here.server, *tuple(here.open)):
        with suppress(OSError):  # a peer may have hung up by now
            line.shutdown(socket.SHUT_RDWR)
    here.server.close()
    for thread in (acceptor, *here.threads):
        thread.join(_GRACE_SECONDS)
    log.info("stopped", messages=here.heard)


def _accept(here: Hearing) -> None:
    while not here.ended.is_set():
        try:
            line, (host, *_) = here.server.accept()
        except OSError:
            if here.ended.wait(0.1):  # not the end: no descriptors are left for a moment
                return
            continue
        here.threads = [thread for thread in here.threads if thread.is_alive()]
        if not here.door.lets_in(host) or len(here.open) >= here.limits.connections:
            log.warning("hospital-caller-refused", host=host, connections=len(here.open))
            line.close()
            continue
        here.open.add(line)
        thread = threading.Thread(target=_serve, args=(here, line), name=f"{PROCESS}-{host}", daemon=True)
        here.threads.append(thread)
        thread.start()


def _serve(here: Hearing, line: socket.socket) -> None:
    """One connection to its end, with as many messages as it brings."""
    talking = line
    try:
        _watch(line)
        talking = _secured(here, line)
        _converse(here, talking)
    except Retry:
        log.warning("message-not-kept", hint="the database is away; the sender keeps the message and sends it again")
    except Unreadable as error:
        log.warning("hospital-caller-cut-off", why=str(error))
    except OSError as error:
        log.info("hospital-caller-gone", kind=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - not even kept: its sender has no answer, and sends it again
        # Only the kind: a message of a library may quote the patient.
        log.error("message-failed", kind=type(error).__name__)
    finally:
        here.open.discard(line)
        talking.close()
        line.close()
        connections.close_all()


def _watch(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # not on every system
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _secured(here: Hearing, line: socket.socket) -> socket.socket:
    if here.door.tls is None:
        return line
    line.settimeout(here.limits.message_seconds)
    return here.door.tls().wrap_socket(line, server_side=True)


def _converse(here: Hearing, line: socket.socket) -> None:
    stream, until = Stream(here.limits.most_bytes), 0.0
    while not here.ended.is_set():
        line.settimeout(max(0.01, until - time.monotonic()) if stream.is_midway else None)
        piece = line.recv(_PIECE)
        if not piece:
            return
        was_midway = stream.is_midway
        for content in stream.feed(piece):
            was_midway = False
            line.settimeout(here.limits.message_seconds)
            line.sendall(framed(_answer(here, content)))
        if stream.is_midway and not was_midway:
            until = time.monotonic() + here.limits.message_seconds


def _answer(here: Hearing, content: bytes) -> bytes:
    """Keep one message, then say so."""
    began = time.monotonic()
    kept = here.hear(content)
    here.heard += 1
    took = round(time.monotonic() - began, 3)
    log.info("message-heard", code=kept.code, outcome=kept.outcome, repeat=kept.is_repeat, seconds=took)
    return acknowledgement(kept.message, kept.code, kept.words, datetime.now(UTC))


def _door(settings: Settings) -> Door:
    """Raises `Broken` where other machines could reach an open door, or the TLS files are not named."""
    try:
        networks = tuple(ipaddress.ip_network(one, strict=False) for one in settings.accepted_hl7_hosts)
    except ValueError as error:
        raise Broken(f"VFX_ACCEPTED_HL7_HOSTS: {error}.") from None
    if not networks and not _is_loopback(settings.hl7_host):
        raise Broken("VFX_HL7_HOST can be reached by other machines: name them in VFX_ACCEPTED_HL7_HOSTS.")
    if not settings.hl7_tls:
        return Door(networks)
    try:
        _tls(settings)
    except (OSError, ValueError) as error:
        raise Broken(f"VFX_HL7_TLS: the TLS files cannot be used ({type(error).__name__}).") from None
    return Door(networks, partial(_tls, settings))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 or newer with clients whom our authorities vouch for; the files are read for every connection."""
    if not (settings.tls_certificate and settings.tls_key and settings.tls_client_authorities):
        raise ValueError("All three TLS files are needed.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.tls_client_authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    return context
