"""How many images a second are received durably? A measurement, not a test: `python -m benchmarks.receive`.

A real listener process and real senders on loopback: 512x512 16-bit CT slices, each on the disk (fsync) and in the
ledger before its success. In the same run the same slices go to a listener that writes no row: the difference is
the price of the ledger. The sender is Debian's storescu (package dcmtk). Processor seconds are the receiver's own,
and hardly depend on what else the machine is doing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dicom_listener.server import listening
from tests.support import dicom
from vfx_finder import embedded_postgres
from vfx_finder.actions.keeping import Keeper
from vfx_finder.spool import Spool

HOST = "127.0.0.1"
DCMTK = Path("/usr/bin")
NODELAY = os.environ | {"TCP_NODELAY": "1"}
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Receiver:
    """Somebody who listens on this port, and the processor seconds it has used so far."""

    what: str
    port: int
    cpu: Callable[[], float]


@dataclass(frozen=True)
class Result:
    """One measurement."""

    what: str
    associations: int
    images: int
    seconds: float
    cpu_seconds: float
    megabytes: float


def main() -> None:
    """Measure and print one table."""
    arguments = _arguments()
    results = []
    with tempfile.TemporaryDirectory(prefix="vfx-bench-") as scratch:
        for associations in arguments.associations:
            lots = _studies(Path(scratch, f"in-{associations}"), arguments.images, associations)
            for receiver in (_without_rows, _with_ledger):
                folder = Path(scratch, f"{receiver.__name__}-{associations}")
                folder.mkdir()
                with receiver(folder) as listening_one:
                    results.append(_measure(listening_one, lots))
    Console().print(_table(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500, help="slices in all")
    parser.add_argument("--associations", type=int, nargs="+", default=[1], help="senders at once")
    return parser.parse_args()


def _studies(folder: Path, images: int, associations: int) -> list[list[Path]]:
    """One study for each sender, together this many slices of 0.5 MB."""
    noise = np.random.default_rng(1).integers(-1000, 2000, (512, 512), dtype=np.int16)
    grid = dicom.Grid(slices=images // associations, rows=512, columns=512)
    hu = np.broadcast_to(noise, (grid.slices, 512, 512))
    return [
        dicom.write_series(dicom.ct_series(dicom.Order(name=f"{images} {number}"), grid, hu), folder / str(number))
        for number in range(associations)
    ]


def _measure(receiver: Receiver, lots: list[list[Path]]) -> Result:
    cpu, began = receiver.cpu(), time.perf_counter()
    with ThreadPoolExecutor(len(lots)) as pool:
        done = list(pool.map(lambda lot: _send(lot, receiver.port), lots))
    seconds, cpu = time.perf_counter() - began, receiver.cpu() - cpu
    if not all(done):
        raise SystemExit(f"{receiver.what}: not every image was acknowledged")
    images = sum(len(lot) for lot in lots)
    megabytes = sum(path.stat().st_size for lot in lots for path in lot) / 1e6
    return Result(receiver.what, len(lots), images, seconds, cpu, megabytes)


def _send(paths: list[Path], port: int) -> bool:
    command = [DCMTK / "storescu", "-aec", "VFXFINDER", "--max-send-pdu", "131072", "-xe", "+sd", HOST, str(port)]
    sent = subprocess.run([*command, paths[0].parent], env=NODELAY, stdout=subprocess.DEVNULL, check=False)
    return sent.returncode == 0


@contextmanager
def _without_rows(folder: Path) -> Iterator[Receiver]:
    with listening((HOST, 0), Keeper(Spool(folder), lambda _: None)) as here:
        yield Receiver("file", here.port, time.process_time)


@contextmanager
def _with_ledger(folder: Path) -> Iterator[Receiver]:
    """The real listener process on a private, durable PostgreSQL."""
    with embedded_postgres.running(folder / "postgres") as url:
        environment = os.environ | {
            "VFX_DATA_DIR": str(folder),
            "VFX_DATABASE_URL": url,
            "VFX_DICOM_PORT": "0",
            "DJANGO_SETTINGS_MODULE": "vfx_finder.settings",
        }
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env=environment, cwd=ROOT, check=True)
        command = [sys.executable, "-m", "dicom_listener"]
        listener = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            port = _announced_port(listener)
            yield Receiver("file, then row in the ledger", port, lambda: _cpu_of(listener.pid))
        finally:
            listener.terminate()
            listener.communicate(timeout=60)


def _cpu_of(process: int) -> float:
    """User and system seconds of a process, proc(5)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _announced_port(listener: "subprocess.Popen[str]") -> int:
    for line in listener.stderr or ():
        if " port=" in line:
            return int(line.split(" port=")[1].split()[0])
    raise SystemExit("the listener did not start")


def _table(results: list[Result]) -> Table:
    table = Table("", "associations", "images", "seconds", "images/s", "MB/s", "processor s", title="C-STORE")
    for one in results:
        table.add_row(
            one.what,
            str(one.associations),
            str(one.images),
            f"{one.seconds:.2f}",
            f"{one.images / one.seconds:.0f}",
            f"{one.megabytes / one.seconds:.0f}",
            f"{one.cpu_seconds:.1f}",
        )
    return table


if __name__ == "__main__":
    main()
