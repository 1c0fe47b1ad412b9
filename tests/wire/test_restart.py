"""The listener as a process, on the real ledger: killed, restarted, cut off; nothing acknowledged is lost."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_listener import emulator
from tests.support import dicom
from tests.wire.conftest import LOOPBACK, PEERS_VANISH, eventually
from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.errors import NotAllowed, Retry
from vfx_finder.spool import Spool

pytestmark = [pytest.mark.slow, PEERS_VANISH]
ROOT = Path(__file__).resolve().parents[2]
NEVER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Process:
    """A running `python -m dicom_listener`."""

    popen: subprocess.Popen[str]
    port: int

    def kill(self) -> None:
        """As the kernel does when memory runs out: no warning, no cleaning up."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(120)

    @property
    def children(self) -> list[int]:
        """The processes that it was divided into, proc(5)."""
        return [
            int(child) for child in Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
        ]

    def send(self, images, progress=None) -> emulator.SendReport:
        return emulator.send(images, LOOPBACK, self.port, "CT_SCANNER", "VFXFINDER", progress)


@dataclass(frozen=True)
class House:
    """A data directory and a database, and the listeners started on them."""

    data_dir: Path
    database_url: str

    @contextmanager
    def listener(self, **settings: str) -> Iterator[Process]:
        environment = os.environ | {
            "VFX_DATA_DIR": str(self.data_dir),
            "VFX_DATABASE_URL": self.database_url,
            "VFX_DICOM_PORT": "0",
            "VFX_KEEP_FREE_MB": "0",
            **settings,
        }
        command = [sys.executable, "-m", "dicom_listener"]
        popen = subprocess.Popen(
            command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        listener = Process(popen, 0)
        try:
            listener.port = _port(popen)
            yield listener
        finally:
            listener.kill()
            popen.stderr.close()

    @property
    def spool(self) -> Spool:
        return Spool(self.data_dir / "spool")

    def rows(self) -> dict[str, tuple[str, str]]:
        """Path and sha256 of every instance in the ledger, by SOPInstanceUID."""
        from vfx_finder.ledger.models import StoredInstance

        return {
            uid: (path, sha)
            for uid, path, sha in StoredInstance.objects.values_list("SOPInstanceUID", "path", "sha256")
        }

    def senders(self) -> set[str]:
        """The calling titles of all instances in the ledger."""
        from vfx_finder.ledger.models import StoredInstance

        return set(StoredInstance.objects.values_list("calling", flat=True))

    def check(self, acknowledged: set[str]) -> None:
        """Every acknowledged instance is whole in the spool; all that have no row yet are marked as waiting for it."""
        rows = self.rows()
        for path, sha256 in rows.values():
            assert hashlib.sha256(self.spool.read(path)).hexdigest() == sha256
        waiting = {read_header(self.spool.read(path)).SOPInstanceUID for path in self.spool.waiting(NEVER)}
        assert acknowledged <= set(rows) | waiting

    def wait_for_rows(self, uids: set[str]) -> None:
        """Rows follow their files: they are there soon, and then nothing waits any more."""
        until = time.monotonic() + 300
        while set(self.rows()) != uids or list(self.spool.waiting(NEVER)):
            assert time.monotonic() < until, f"{len(self.rows())} rows of {len(uids)}"
            time.sleep(0.1)


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> House:
    return House(tmp_path / "data", database_url)


def _port(popen: subprocess.Popen[str]) -> int:
    """The port it says it listens on; what it says later is read away so that it never blocks."""
    said = []
    for line in popen.stderr:
        said.append(line)
        if found := re.search(r"\blistening\b.*\bport=(\d+)", line):
            threading.Thread(target=popen.stderr.read, daemon=True).start()
            return int(found[1])
    raise AssertionError("the listener did not start:\n" + "".join(said))


def test_killed_between_two_instances(house: House):
    """kill -9 after the third of eight slices: after a restart the three are there, and the rest follows."""
    series = dicom.ct_series()
    with house.listener() as listener:
        report = listener.send(series, lambda done, _: listener.kill() if done == 3 else None)
    assert len(report.accepted) == 3
    assert len(report.refused) == len(series) - 3
    house.check(set(report.accepted))
    with house.listener() as listener:
        assert len(listener.send(series).accepted) == len(series)
        house.wait_for_rows({image.SOPInstanceUID for image in series})
    house.check({image.SOPInstanceUID for image in series})


def test_killed_while_four_senders_push(house: House, monkeypatch: pytest.MonkeyPatch):
    """Two listeners die in the middle of their work; whatever either acknowledged is in the ledger and whole."""
    studies = [dicom.ct_series(dicom.Order(name=f"study {number}"), dicom.Grid(slices=20)) for number in range(4)]
    acknowledged: set[str] = set()

    def push(listener: Process, study, kill_at: int) -> None:
        with suppress(Retry):  # who comes late finds it dead already
            report = listener.send(study, lambda done, _: listener.kill() if done == kill_at else None)
            acknowledged.update(report.accepted)

    for kill_at in (4, 13):
        with house.listener() as listener, monkeypatch.context() as hasty:
            # A sender that is cut off while it sends waits out its patience.
            hasty.setattr(emulator, "PATIENCE_S", 30)
            senders = [threading.Thread(target=push, args=(listener, study, kill_at)) for study in studies]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join(300)
        house.check(acknowledged)
    assert 8 < len(acknowledged) < 80, "killed too early or too late to mean anything"
    with house.listener() as listener:
        for study in studies:
            assert not listener.send(study).refused
        house.wait_for_rows({image.SOPInstanceUID for study in studies for image in study})
    house.check({image.SOPInstanceUID for study in studies for image in study})


def test_one_of_its_processes_dies_and_the_others_go_on(house: House):
    """The port never closes: while one is dead the next caller is answered, and soon there are as many as before."""
    with house.listener(VFX_LISTENER_PROCESSES="2") as listener:
        assert eventually(lambda: len(listener.children) == 2)
        for study, deadly in enumerate((signal.SIGKILL, signal.SIGTERM)):
            victim = listener.children[0]
            os.kill(victim, deadly)
            assert eventually(lambda gone=victim: gone not in listener.children, 60)
            for _ in range(3):
                assert not listener.send([dicom.ct_slice(dicom.Order(name=f"study {study}"))]).refused
            assert eventually(lambda: len(listener.children) == 2, 60)
        house.wait_for_rows({dicom.ct_slice(dicom.Order(name=f"study {study}")).SOPInstanceUID for study in range(2)})


def test_files_whose_listener_died_before_their_rows_get_them_from_the_next(house: House):
    """kill -9 at once after the last answer: what was acknowledged is in the ledger soon after the next start."""
    series = dicom.ct_series()
    with house.listener() as listener:
        report = listener.send(series, lambda done, total: listener.kill() if done == total else None)
    assert len(report.accepted) == len(series)
    for file in (house.data_dir / "spool" / "incoming").iterdir():
        os.utime(file, (0, 0))  # as if that had been long ago
    with house.listener():
        house.wait_for_rows(set(report.accepted))
    if not house.spool.sender_of(next(path for path, _ in house.rows().values())):
        pytest.skip("this file system has no extended attributes, so who sent it died with the listener")
    assert house.senders() == {"CT_SCANNER"}


def test_a_lost_database_connection_is_opened_anew(house: House):
    """The database server drops the listener's connection between two slices; the sender notices nothing."""
    series = dicom.ct_series()

    def cut(done: int, _total: int) -> None:
        from django.db import connection

        if done == 3:
            assert eventually(house.rows), "the first rows were not written, so there was no connection to cut"
            with connection.cursor() as cursor:
                others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
                assert cursor.fetchall(), "there was no connection to cut"

    with house.listener() as listener:
        assert not listener.send(series, cut).refused
        house.wait_for_rows({image.SOPInstanceUID for image in series})


def test_it_stops_when_asked_and_keeps_its_accept_list(house: House):
    """Settings come from the environment; SIGTERM ends the process cleanly."""
    with house.listener(VFX_ACCEPTED_CALLING_AE_TITLES="PACS") as listener:
        with pytest.raises(NotAllowed):
            listener.send(dicom.ct_series())
        listener.popen.terminate()
        assert listener.popen.wait(120) == 0
