"""10,000 mutated datasets and PDUs against a real listener: `python -m benchmarks.fuzz`.

Every mutated dataset is sent in a sound C-STORE request and must get a status: kept whole, or refused. Every mutated
PDU stream (association request, C-STORE, release, with bytes flipped, cut out, doubled, forged, cut off) must end with
the connection closed. After every hundred an echo must be answered within two seconds. One line of counts; exit status
1 if anything hung, was not answered, lies in the spool without a row, or was a surprise to the listener itself.
"""

import argparse
import collections
import hashlib
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import structlog
from rich.console import Console

from dicom_listener import emulator
from dicom_listener.associations import Door
from dicom_listener.emulator import Address, Sent
from dicom_listener.server import listening
from tests.support.mutants import SYNTAXES, damaged_datasets, damaged_streams
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.errors import Broken, VfxError
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

HOST = "127.0.0.1"
BATCH = 100
PEERS = 10
PATIENCE_S = 30.0


def main() -> None:
    """Send them all and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=8000)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    counts: collections.Counter[str] = collections.Counter()
    _count_errors(counts)
    rows: list[Instance] = []
    with tempfile.TemporaryDirectory(prefix="vfx-fuzz-") as folder:
        spool = Spool(Path(folder, "spool"))
        keeper = Keeper(spool, rows.append)
        with listening((HOST, 0), keeper, Door(a_minute=10**9)) as here:
            for lot in _lots(arguments.datasets):
                counts.update(_statuses(lot, random, Path(folder), here.port))
                counts.update(_echo(here.port))
        # Half of all broken peers stop talking: nobody should wait a minute for each.
        with listening((HOST, 0), keeper, Door(a_minute=10**9, patience_s=2, handshake_s=1)) as here:
            for lot in _lots(arguments.streams):
                counts.update(_ends(lot, random, here.port))
                counts.update(_echo(here.port))
        counts["files without a row"] = len(_files(spool) - {row.path for row in rows})
        counts["rows without a whole file"] = _not_whole(spool, rows)
    Console().print(dict(sorted(counts.items())))
    bad = (
        "surprise",
        "no answer",
        "no connection",
        "hung",
        "echo late",
        "files without a row",
        "rows without a whole file",
    )
    raise SystemExit(1 if any(counts[name] for name in bad) else 0)


def _count_errors(counts: collections.Counter[str]) -> None:
    """Instead of thousands of log lines: what the listener logged as an error is a surprise to it."""

    def count(
        _logger: object, method: str, _event: structlog.typing.EventDict
    ) -> structlog.typing.ProcessorReturnValue:
        counts["surprise"] += method in ("error", "exception", "critical")
        raise structlog.DropEvent

    structlog.configure(processors=[count])


def _lots(count: int) -> Iterator[int]:
    return (min(BATCH, count - start) for start in range(0, count, BATCH))


def _statuses(count: int, random: np.random.Generator, folder: Path, port: int) -> Iterator[str]:
    syntax = SYNTAXES[int(random.integers(len(SYNTAXES)))]
    paths = list(damaged_datasets(folder / "mutants", syntax, count, random))
    try:
        sent = emulator.send(paths, HOST, port, "FUZZER", "VFXFINDER").sent
    except VfxError:  # not even an association: what came of each of them is not known
        sent = tuple(Sent(path.name, None) for path in paths)
    for one in sent:
        yield "no answer" if one.status is None else "kept" if one.status == 0 else f"refused 0x{one.status:04X}"


def _ends(count: int, random: np.random.Generator, port: int) -> Iterator[str]:
    def end(stream: bytes) -> str:
        try:
            with socket.create_connection((HOST, port), timeout=PATIENCE_S) as peer:
                return "stream ended" if stream_ends(peer, stream) else "hung"
        except OSError:
            return "no connection"

    with ThreadPoolExecutor(PEERS) as pool:
        yield from pool.map(end, damaged_streams(count, random))


def stream_ends(peer: socket.socket, stream: bytes) -> bool:
    """Whether the listener closes this connection after these bytes, within its patience and some."""
    peer.settimeout(PATIENCE_S)
    try:
        peer.sendall(stream)
        while peer.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def _echo(port: int) -> Iterator[str]:
    began, answered = time.monotonic(), False
    with suppress(VfxError):
        answered = emulator.echo(Address(HOST, port, "VFXFINDER", "FUZZER"))
    yield "echo" if answered and time.monotonic() - began < 2 else "echo late"


def _files(spool: Spool) -> set[str]:
    return {file.relative_to(spool.root).as_posix() for file in spool.root.glob("??/*.dcm")}


def _not_whole(spool: Spool, rows: list[Instance]) -> int:
    """Rows whose file is missing, or is none of the instances that came under its name."""
    offered: dict[str, set[str]] = {}
    for row in rows:
        offered.setdefault(row.path, set()).add(row.sha256)
    bad = {path for path, digests in offered.items() if _digest(spool, path) not in digests}
    return sum(row.path in bad for row in rows)


def _digest(spool: Spool, path: str) -> str:
    try:
        return hashlib.sha256(spool.read(path)).hexdigest()
    except (OSError, Broken):
        return ""


if __name__ == "__main__":
    main()
