"""How many images a second are received durably? A measurement, not a test: `python -m benchmarks.receive`.

The real listener processes and real senders on loopback: 512x512 16-bit CT slices, each on the disk (fsync) before its
success, its row a moment later. In the same run the same slices go to Debian's Orthanc and to DCMTK's
`storescp --fork`, which writes without fsync, all with TCP_NODELAY; rounds alternate, so that whatever else the
machine does falls on all of them. The sender is Debian's storescu (package dcmtk). The last column is the median over
the rounds of the ratio to Orthanc in the same round.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.support import dicom
from tests.support.orthanc import orthanc
from vfx_finder import embedded_postgres

HOST = "127.0.0.1"
DCMTK = Path("/usr/bin")
NODELAY = os.environ | {"TCP_NODELAY": "1"}
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Receiver:
    """Somebody who listens on this port; `process` is the id of our own."""

    what: str
    port: int
    process: int = 0


@dataclass(frozen=True)
class Result:
    """One measurement."""

    what: str
    associations: int
    images: int
    seconds: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds


def main() -> None:
    """Measure and print one table."""
    arguments = _arguments()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="vfx-bench-") as scratch:
        for associations in arguments.associations:
            lots = studies(Path(scratch, f"in-{associations}"), arguments.images, associations)
            for number in range(arguments.rounds):
                for receiver in (ours, _orthanc, _storescp):
                    folder = Path(scratch, f"{receiver.__name__}-{associations}-{number}")
                    folder.mkdir()
                    with receiver(folder) as listening_one:
                        results.append(_measure(listening_one, lots))
    Console().print(_table(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500, help="slices in all")
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 4], help="senders at once")
    parser.add_argument("--rounds", type=int, default=3, help="times that every receiver is measured")
    return parser.parse_args()


def studies(folder: Path, images: int, associations: int) -> list[list[Path]]:
    """One study for each sender, together this many slices of 0.5 MB."""
    noise = np.random.default_rng(1).integers(-1000, 2000, (512, 512), dtype=np.int16)
    grid = dicom.Grid(slices=images // associations, rows=512, columns=512)
    hu = np.broadcast_to(noise, (grid.slices, 512, 512))
    return [
        dicom.write_series(dicom.ct_series(dicom.Order(name=f"{images} {number}"), grid, hu), folder / str(number))
        for number in range(associations)
    ]


def _measure(receiver: Receiver, lots: list[list[Path]]) -> Result:
    began = time.perf_counter()
    with ThreadPoolExecutor(len(lots)) as pool:
        done = list(pool.map(lambda lot: send(lot, receiver.port), lots))
    seconds = time.perf_counter() - began
    if not all(done):
        raise SystemExit(f"{receiver.what}: not every image was acknowledged")
    megabytes = sum(path.stat().st_size for lot in lots for path in lot) / 1e6
    return Result(receiver.what, len(lots), sum(len(lot) for lot in lots), seconds, megabytes)


def send(paths: list[Path], port: int) -> bool:
    command = [DCMTK / "storescu", "-aec", "VFXFINDER", "--max-send-pdu", "131072", "-xe", "+sd", HOST, str(port)]
    sent = subprocess.run([*command, paths[0].parent], env=NODELAY, stdout=subprocess.DEVNULL, check=False)
    return sent.returncode == 0


OURS, ORTHANC, STORESCP = "vfx_finder (fsync, rows)", "Orthanc (SQLite)", "dcmtk storescp --fork (no fsync)"


@contextmanager
def ours(folder: Path) -> Iterator[Receiver]:
    """The real listener processes on a private, durable PostgreSQL."""
    with embedded_postgres.running(folder / "postgres") as url:
        environment = os.environ | {
            "VFX_DATA_DIR": str(folder),
            "VFX_DATABASE_URL": url,
            "VFX_DICOM_PORT": "0",
            "VFX_LOG_LEVEL": "INFO",
            "DJANGO_SETTINGS_MODULE": "vfx_finder.settings",
        }
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env=environment, cwd=ROOT, check=True)
        command = [sys.executable, "-m", "dicom_listener"]
        listener = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            yield Receiver(OURS, _announced_port(listener), listener.pid)
        finally:
            listener.terminate()
            listener.communicate(timeout=60)


@contextmanager
def _orthanc(folder: Path) -> Iterator[Receiver]:
    with orthanc(folder, StorageCompression=False, OverwriteInstances=False) as archive:
        yield Receiver(ORTHANC, archive.dicom_port)


@contextmanager
def _storescp(folder: Path) -> Iterator[Receiver]:
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    command = [DCMTK / "storescp", "--fork", "--max-pdu", "131072", "-od", folder, str(port)]
    process = subprocess.Popen(command, env=NODELAY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield Receiver(STORESCP, port)
    finally:
        process.terminate()
        process.wait(10)


def _await_port(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody listens at port {port}")


def _announced_port(listener: "subprocess.Popen[str]") -> int:
    for line in listener.stderr or ():
        if " port=" in line:
            return int(line.split(" port=")[1].split()[0])
    raise SystemExit("the listener did not start")


def _table(results: list[Result]) -> Table:
    table = Table("", "associations", "images", "images/s, each round", "MB/s", "x Orthanc", title="C-STORE")
    for associations in dict.fromkeys(one.associations for one in results):
        orthancs = _of(results, ORTHANC, associations)
        for what in (OURS, ORTHANC, STORESCP):
            rounds = _of(results, what, associations)
            ratio = statistics.median(one.rate / other.rate for one, other in zip(rounds, orthancs, strict=True))
            rates = " ".join(f"{one.rate:.0f}" for one in rounds)
            megabytes = statistics.median(one.megabytes / one.seconds for one in rounds)
            table.add_row(what, str(associations), str(rounds[0].images), rates, f"{megabytes:.0f}", f"{ratio:.2f}")
    return table


def _of(results: list[Result], what: str, associations: int) -> list[Result]:
    return [one for one in results if one.what == what and one.associations == associations]


if __name__ == "__main__":
    main()
