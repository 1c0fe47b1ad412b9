"""A whole system under load that is killed again and again: senders that never give up, and what must be true after.

Used by `benchmarks.soak` for its quarter of an hour and by a test for less than a minute.
"""

import hashlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from dicom_listener import emulator
from tests.support import dicom
from tests.support.ports import free_port
from vfx_finder import embedded_postgres
from vfx_finder.domain.errors import Broken, NotAllowed, Retry
from vfx_finder.spool import Spool

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]
FINAL_STATES = ("analysed-clear", "awaiting-review", "reviewed", "unsuitable", "failed")


@dataclass(frozen=True)
class Load:
    """How much is sent, by how many, and how often something is killed."""

    senders: int = 8
    studies: int = 400
    instances: int = 50
    seconds: float = 900
    kill_every: float = 60
    settle_seconds: float = 20
    patience: float = 1800
    """Seconds beyond `seconds` after which senders give up, and studies that have not ended are stuck."""


@dataclass
class Outcome:
    """What was true at the end. `again`: studies of which more was analysed than one generation."""

    acknowledged: set[str] = field(default_factory=set)
    kills: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    damaged: int = 0
    stuck: int = 0
    double: int = 0
    again: int = 0
    sending_s: float = 0.0
    draining_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """Nothing acknowledged is lost or damaged, nothing is stuck, no study has two results of the same images."""
        return not (self.lost or self.damaged or self.stuck or self.double)


@dataclass
class System:
    """Database, listener and worker on a folder, each of which may be killed and is then started again."""

    folder: Path
    load: Load
    port: int = 0
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the database."""
        return embedded_postgres.address(self.folder / "postgres")

    def start(self, name: str) -> None:
        """Start the listener or the worker."""
        command = {
            "listener": ["-m", "dicom_listener"],
            "worker": ["-m", "tests.support.slow_worker", str(self.folder / "analyses"), "0"],
        }[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command],
                env=self._environment(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """kill -9 of every process of this part, and a new start."""
        if name == "database":
            postmaster = int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
            self.revive()
            return
        _kill_group(self.processes[name])
        self.start(name)

    @property
    def is_up(self) -> bool:
        """Whether all three do their work: killing what has not even started yet would prove nothing."""
        with suppress(OSError):
            socket.create_connection((HOST, self.port), timeout=5).close()
            alive = all(process.poll() is None for process in self.processes.values())
            return alive and bool(self.ask("SELECT 1 FROM procrastinate_workers"))
        return False

    def revive(self) -> None:
        """Start again what ended by itself, as the supervisor of `up` does."""
        with suppress(Broken):
            embedded_postgres.start(self.folder / "postgres")
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(name)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the database; none while it is away."""
        try:
            with psycopg.connect(self.url) as connection:
                return connection.execute(query).fetchall()
        except psycopg.OperationalError:
            return []

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "VFX_DATA_DIR": str(self.folder),
            "VFX_DATABASE_URL": self.url,
            "VFX_DICOM_PORT": str(self.port),
            "VFX_SETTLE_SECONDS": str(self.load.settle_seconds),
            "VFX_STALLED_SECONDS": "5",
            "VFX_KEEP_FREE_MB": "0",
            "DJANGO_SETTINGS_MODULE": "vfx_finder.settings",
        }


def soak(folder: Path, load: Load) -> Outcome:
    """Run the system under this load, killing its parts in turn, until everything is sent and analysed."""
    outcome = Outcome()
    with _running(folder, load) as system:
        _await_all(system)
        began = time.monotonic()
        stop = threading.Event()
        killer = threading.Thread(target=_kill_in_turn, args=(system, stop, outcome))
        killer.start()
        try:
            with ThreadPoolExecutor(load.senders) as pool:
                for sent in pool.map(lambda number: _push(system, number), range(load.studies)):
                    outcome.acknowledged |= sent
        finally:
            stop.set()
            killer.join()
        outcome.sending_s = time.monotonic() - began
        _await_quiet(system, outcome)
        _judge(system, outcome)
    return outcome


@contextmanager
def _running(folder: Path, load: Load) -> Iterator[System]:
    system = System(folder, load, free_port())
    with embedded_postgres.running(folder / "postgres"):
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env=system._environment(), cwd=ROOT, check=True)
        try:
            for name in ("listener", "worker"):
                system.start(name)
            yield system
        finally:
            for process in system.processes.values():
                _kill_group(process)


def _await_all(system: System) -> None:
    """Until all three do their work: what is sent before any of them can be killed proves nothing."""
    until = time.monotonic() + system.load.patience
    while not system.is_up and time.monotonic() < until:
        system.revive()
        time.sleep(0.2)


def _kill_in_turn(system: System, stop: threading.Event, outcome: Outcome) -> None:
    for victim in itertools.cycle(("listener", "worker", "database")):
        if stop.wait(system.load.kill_every / 3):
            return
        while not system.is_up:
            system.revive()
            if stop.wait(0.5):
                return
        with suppress(FileNotFoundError, ProcessLookupError):
            system.kill(victim)
            outcome.kills[victim] = outcome.kills.get(victim, 0) + 1


def _push(system: System, number: int) -> set[str]:
    """Send one study until every instance has been acknowledged, as a PACS does; the UIDs."""
    load = system.load
    time.sleep(load.seconds * number / load.studies if number < load.senders else 0)
    order = dicom.Order(name=f"soak {number}", person=dicom.Person(PatientID=f"SOAK-{number}"))
    waiting = {image.SOPInstanceUID: image for image in dicom.ct_series(order, dicom.Grid(slices=load.instances))}
    done: set[str] = set()
    pause = load.seconds * load.senders / load.studies
    began = time.monotonic()
    while waiting and time.monotonic() < began + load.seconds + load.patience:
        try:
            report = emulator.send(
                list(waiting.values()), HOST, system.port, f"SENDER{number % load.senders}", "VFXFINDER"
            )
        except (Retry, NotAllowed, OSError):
            time.sleep(0.5)
            continue
        for uid in report.accepted:
            done.add(uid)
            del waiting[uid]
    time.sleep(max(0.0, pause - (time.monotonic() - began)))
    return done


def _await_quiet(system: System, outcome: Outcome) -> None:
    """Until every study has ended and no file waits for its row, or long enough that what has not is stuck."""
    began, spool = time.monotonic(), Spool(system.folder / "spool")
    while time.monotonic() - began < system.load.patience:
        system.revive()
        if _unfinished(system) == 0 and not any(spool.waiting(datetime.max.replace(tzinfo=UTC))):
            break
        time.sleep(1)
    outcome.draining_s = time.monotonic() - began


def _unfinished(system: System) -> int:
    found = system.ask("SELECT state, count(*) FROM ledger_case GROUP BY state")
    ended = sum(int(str(count)) for state, count in found if state in FINAL_STATES)
    return system.load.studies - ended


def _judge(system: System, outcome: Outcome) -> None:
    rows = {
        str(uid): (str(path), str(sha))
        for uid, path, sha in system.ask('SELECT "SOPInstanceUID", path, sha256 FROM ledger_storedinstance')
    }
    spool = Spool(system.folder / "spool")
    outcome.lost = len(outcome.acknowledged - set(rows))
    for path, sha256 in rows.values():
        try:
            outcome.damaged += hashlib.sha256(spool.read(path)).hexdigest() != sha256
        except Broken:
            outcome.damaged += 1
    outcome.stuck = _unfinished(system)
    results = "SELECT case_id, count(*), count(DISTINCT generation) FROM ledger_analysisrecord GROUP BY case_id"
    for _, records, generations in system.ask(results):
        outcome.double += records != generations
        outcome.again += int(str(generations)) > 1


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(120)
