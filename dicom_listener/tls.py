"""TLS 1.2 or newer with client certificates; new files are used for the next connection, without a restart."""

import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from vfx_finder.dicom.calling_tls import calling_context
from vfx_finder.domain.errors import Broken

log = structlog.get_logger(__name__)

_VERSION, _UTC_TIME = 0xA0, 0x17
"""DER tags (X.690): the explicitly tagged version, and a time with a year of two digits."""


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: our certificate (with its chain) and key, and the authorities whose clients may call."""

    certificate: Path
    key: Path
    client_authorities: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """The three of them."""
        return (self.certificate, self.key, self.client_authorities)


@dataclass
class Tls:
    """The TLS context of this moment. Changed files that are unusable leave the one before in force.

    `unusable`: why the files that lie there now cannot be used, empty where they can, and since when that is known.
    `valid_until`: when the certificate in force expires.
    """

    files: TlsFiles
    unusable: str = ""
    unusable_since: datetime | None = None
    valid_until: datetime | None = None
    _context: ssl.SSLContext | None = None
    _stamp: tuple[tuple[int, int], ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def context(self) -> ssl.SSLContext:
        """For the next connection. Raises `Broken` where no usable files have been seen yet."""
        with self._lock:
            stamp = tuple(_stamp_of(path) for path in self.files.all)
            if stamp != self._stamp:
                self._stamp = stamp
                self._read()
            if self._context is None:
                raise Broken("The TLS certificate, key or client authorities cannot be used.")
            return self._context

    def _read(self) -> None:
        try:
            context, until = context_of(self.files), valid_until(self.files.certificate)
        except Broken as error:
            self.unusable, self.unusable_since = str(error), self.unusable_since or datetime.now(UTC)
            log.error("tls-files-unusable", why=str(error), still_in_force=self._context is not None)
            return
        self._context, self.valid_until = context, until
        self.unusable, self.unusable_since = "", None
        log.info("tls-files-read", valid_until=until.isoformat())
        if until < datetime.now(UTC):
            log.error("tls-certificate-expired", hint="senders will refuse to talk to us")


def context_of(files: TlsFiles) -> ssl.SSLContext:
    """A server's context from these files. Raises `Broken` in words that an administrator can use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ValueError) as error:
        raise Broken(f"The TLS certificate and key cannot be used together: {_words(error)}.") from error
    try:
        context.load_verify_locations(files.client_authorities)
    except (OSError, ValueError) as error:
        raise Broken(f"The certificates of the client authorities cannot be read: {_words(error)}.") from error
    return context


@dataclass(frozen=True)
class Calling:
    """How a peer is called by TLS: with our own files, if there are any, and authorities that vouch for the peer.

    Without authorities, those of the operating system count. The files are read for every call.
    """

    files: TlsFiles | None = None
    authorities: Path | None = None

    @property
    def usually(self) -> bool:
        """Whether peers are called by TLS unless something else is known of them: then they have to call us so too."""
        return self.files is not None

    def context(self) -> ssl.SSLContext:
        """For one call. Raises `Broken` where our own files cannot be used."""
        certificate, key = (self.files.certificate, self.files.key) if self.files else (None, None)
        try:
            return calling_context(self.authorities, certificate, key)
        except (OSError, ValueError) as error:
            raise Broken(f"Our own TLS files cannot be used: {_words(error)}.") from error


def valid_until(certificate: Path) -> datetime:
    """When the first certificate of this PEM file expires (RFC 5280 section 4.1.2.5). Raises `Broken`."""
    try:
        pem = certificate.read_text(encoding="ascii")
        start = pem.index("-----BEGIN CERTIFICATE-----")
        end = pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
        return _not_after(ssl.PEM_cert_to_DER_cert(pem[start:end] + "\n"))
    except (OSError, ValueError, IndexError) as error:
        raise Broken("The TLS certificate cannot be read.") from error


def _not_after(der: bytes) -> datetime:
    """Validity stands in a TBSCertificate after version (absent in version 1), serial number, algorithm and issuer."""
    _, inside, _ = _element(der, 0)
    _, at, _ = _element(der, inside)
    for _ in range(4 if der[at] == _VERSION else 3):
        _, _, at = _element(der, at)
    _, not_before, _ = _element(der, at)
    _, _, not_after = _element(der, not_before)
    kind, start, end = _element(der, not_after)
    text = der[start:end].decode("ascii")
    layout = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text, layout).replace(tzinfo=UTC)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag of the DER element here, where its content begins, and where it ends."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    return tag, start, start + length


def _stamp_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a PEM file").lower().replace("_", " ")
    return error.strerror or "not a PEM file" if isinstance(error, OSError) else "not a PEM file"
