"""Received bytes on disk: kept once, whole, durable, and never under a name that a sender chose.

    spool/
      incoming/          files that are being written; never read, swept when stale
                         <digest>.waiting: a second name of a kept file that may not have its row yet
                         <digest>.leaving: a file that is being removed
      00/ .. ff/         <sha256 of the SOPInstanceUID>.dcm, in the folder of its first two digits

Who sent a file stands beside its bytes, in an extended attribute: the bytes are the same whoever sends them.

`keep` returns only when the bytes would survive a power cut: written, fsynced, linked under their final name,
directory fsynced. A file that is seen under its final name is therefore always whole.
"""

import errno
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from vfx_finder.domain.errors import Broken, Retry
from vfx_finder.domain.identity import Uid

_INCOMING = "incoming"
_SHARDS = tuple(f"{number:02x}" for number in range(256))
_PATH = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.dcm")
_WAITING = ".waiting"
_LEAVING = ".leaving"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_OWNER_ONLY = 0o600
_SENDER = "user.vfx.sender"
"""Extended attribute (xattr(7)): the calling title of whoever sent a file first."""


@dataclass(frozen=True)
class Kept:
    """Where an instance lies (relative to the spool), the sha256 of that file and of the bytes that were offered.

    `duplicate`: it was there before. The first bytes stay, whatever is offered later.
    """

    path: str
    sha256: str
    offered: str
    duplicate: bool = False

    @property
    def differs(self) -> bool:
        """Other bytes than the kept ones were offered under the same UID."""
        return self.sha256 != self.offered


class Spool:
    """A folder of received instances. Safe for many threads and processes at once."""

    def __init__(self, root: Path, keep_free: int = 0) -> None:
        """Open the spool at `root`, made if absent; nothing more is kept where less than `keep_free` bytes are free.

        Raises `Retry` without space, `Broken` if it cannot be made.
        """
        self.root, self.keep_free = root, keep_free
        with _disk_errors():
            for folder in (root, *(root / name for name in (_INCOMING, *_SHARDS))):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(root)
            _sync_folder(root.parent)

    def keep(self, SOPInstanceUID: Uid, content: bytes, sender: str = "") -> Kept:
        """Keep these bytes, until `remove`, under this UID; a second delivery leaves the first one as it is.

        `sender` is remembered with them where the file system can (`sender_of`). Until `recorded` says that it has
        its row, `waiting` names it. Raises `Retry` when the disk is full,
        `Broken` when the spool cannot be written. Either way nothing half-written is left under a final name.
        """
        path = _path_for(SOPInstanceUID)
        digest = hashlib.sha256(content).hexdigest()
        with _disk_errors():
            self._check_space(len(content))
            while True:
                if self._place(content, self.root / path, sender):
                    _sync_folder((self.root / path).parent)
                    return Kept(path, digest, digest)
                with suppress(FileNotFoundError):  # removed at this moment: then these bytes are the first again
                    return Kept(path, self._first_digest(path), digest, duplicate=True)

    def path_of(self, path: str) -> Path:
        """The file that `Kept.path` names. Raises `Broken` for anything that `keep` did not make."""
        if not _PATH.fullmatch(path):
            raise Broken("A spool path is malformed.")
        return self.root / path

    def open(self, path: str) -> BinaryIO:
        """The kept file, for reading. Raises `Broken` if it is not there."""
        try:
            return self.path_of(path).open("rb")
        except FileNotFoundError:
            raise Broken("A kept file is missing from the spool.") from None

    def read(self, path: str) -> bytes:
        """The kept bytes. Raises `Broken` if they are not there."""
        with self.open(path) as file:
            return file.read()

    def sender_of(self, path: str) -> str:
        """The calling title of whoever sent this kept file first; empty where the file system did not keep it."""
        if sys.platform != "linux":
            return ""
        try:
            return os.getxattr(self.path_of(path), _SENDER).decode(errors="replace")
        except OSError:
            return ""

    def orphans(self, known: Callable[[frozenset[str]], frozenset[str]], before: datetime) -> Iterator[str]:
        """Paths of files kept before this moment that have no row: `known` returns which of the given ones have.

        Asked one folder at a time, so memory stays small however many files there are.
        """
        for shard in _SHARDS:
            old = frozenset(
                f"{shard}/{file.name}"
                for file in (self.root / shard).glob("*.dcm")
                if file.stat().st_mtime < before.timestamp()
            )
            if old:
                yield from sorted(old - known(old))

    def recorded(self, paths: Iterable[str]) -> None:
        """These kept files have their rows; never raises, since a file that waits for nothing does no harm."""
        for path in paths:
            with suppress(OSError):
                self._waiting_name(path).unlink(missing_ok=True)

    def waiting(self, before: datetime) -> Iterator[str]:
        """Paths of files kept before this moment that may have no row: whoever kept them died, or is behind.

        A file whose final name was lost in a power cut gets it again.
        """
        for name in self.root.joinpath(_INCOMING).glob(f"*{_WAITING}"):
            path = f"{name.name[:2]}/{name.name.removesuffix(_WAITING)}.dcm"
            with suppress(FileNotFoundError):  # got its row meanwhile
                if not _PATH.fullmatch(path) or name.stat().st_mtime >= before.timestamp():
                    continue
                _link(name, self.root / path)
                yield path

    def discard_unfinished(self, before: datetime) -> int:
        """Remove what a killed listener left half-written before this moment, never acknowledged; returns how many."""
        unfinished = [file for file in (self.root / _INCOMING).iterdir() if file.suffix != _WAITING]
        stale = [file for file in unfinished if _is_older(file, before)]
        for file in stale:
            file.unlink(missing_ok=True)
        return len(stale)

    def remove(self, path: str) -> bool:
        """Take a kept file out for good; whether it is gone.

        It stays where somebody has offered it again and its row has not been written yet. Callers hold whatever lock
        the writer of that row takes, and `sync` makes it last.
        """
        final, leaving = self.path_of(path), self.root / _INCOMING / f"{Path(path).stem}{_LEAVING}"
        with suppress(FileNotFoundError):
            # Renamed first: from here on nobody can name it as waiting, and who has done so before is seen.
            final.rename(leaving)
        waiting = self._waiting_name(path)
        awaited = waiting.exists()
        # From either name: a listener that starts clears away the one, and whoever wrote the row the other.
        for name in (waiting, leaving) if awaited else ():
            with suppress(FileNotFoundError):
                _link(name, final)
        leaving.unlink(missing_ok=True)
        return not awaited

    def sync(self, paths: Iterable[str]) -> None:
        """What was removed of these stays removed after a power cut. Raises `Broken` for a disk at fault."""
        with _disk_errors():
            for folder in sorted({self.path_of(path).parent for path in paths}):
                _sync_folder(folder)

    def size_of(self, path: str) -> int:
        """Bytes of a kept file; 0 where it is not there."""
        try:
            return self.path_of(path).stat().st_size
        except FileNotFoundError:
            return 0

    def _first_digest(self, path: str) -> str:
        """Of the file that is kept, named as waiting for its row: whoever wrote it may not have come so far."""
        self._name_as_waiting(path)
        _sync_folder((self.root / path).parent)
        return hashlib.sha256(self._waiting_name(path).read_bytes()).hexdigest()

    def _check_space(self, size: int) -> None:
        if not self.keep_free:
            return
        disk = os.statvfs(self.root)
        if disk.f_bavail * disk.f_frsize - size < self.keep_free:
            raise Retry("The spool is out of space.")

    def _waiting_name(self, path: str) -> Path:
        return self.root / _INCOMING / f"{self.path_of(path).stem}{_WAITING}"

    def _name_as_waiting(self, path: str) -> None:
        """Whoever wrote it may have died before doing so; the next sender will be told that it is kept."""
        _link(self.root / path, self._waiting_name(path))

    def _place(self, content: bytes, final: Path, sender: str) -> bool:
        """Write, fsync, then link under the final name; False if that name was taken."""
        incoming = self.root / _INCOMING / uuid4().hex
        try:
            _write(incoming, content, sender)
            # A link, unlike a rename, never replaces: of two senders at once, one is first and stays.
            os.link(incoming, final)
            waiting = incoming.rename(incoming.with_name(f"{final.stem}{_WAITING}"))
            if not final.exists():  # a removal that was under way took it for the one before
                _link(waiting, final)
        except FileExistsError:
            return False
        finally:
            incoming.unlink(missing_ok=True)
        return True


def _link(file: Path, name: Path) -> None:
    """A further name, unless that is taken."""
    with suppress(FileExistsError):
        os.link(file, name)


def _is_older(file: Path, before: datetime) -> bool:
    try:
        return file.stat().st_mtime < before.timestamp()
    except FileNotFoundError:  # finished meanwhile
        return False


def _path_for(uid: Uid) -> str:
    digest = hashlib.sha256(uid.value.encode("ascii")).hexdigest()
    return f"{digest[:2]}/{digest}.dcm"


def _write(path: Path, content: bytes, sender: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if sender and sys.platform == "linux":
            with suppress(OSError):  # a file system without extended attributes
                os.setxattr(descriptor, _SENDER, sender.encode(errors="replace"))
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """An error of the disk, named by what the caller must do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise Retry("The spool is out of space.") from error
        raise Broken("The spool cannot be written.") from error
