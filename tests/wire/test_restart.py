"""The listener as a process, on the real ledger: killed, restarted, cut off; nothing acknowledged is lost."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_listener import emulator
from tests.support import dicom
from tests.wire.conftest import LOOPBACK, PEERS_VANISH
from vfx_finder.domain.errors import NotAllowed
from vfx_finder.spool import Spool

pytestmark = [pytest.mark.slow, PEERS_VANISH]
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Process:
    """A running `python -m dicom_listener`."""

    popen: subprocess.Popen[str]
    port: int

    def kill(self) -> None:
        """As the kernel does when memory runs out: no warning, no cleaning up."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(10)

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
            **settings,
        }
        command = [sys.executable, "-m", "dicom_listener"]
        popen = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            yield Process(popen, _port(popen))
        finally:
            popen.kill()
            popen.wait(10)
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

    def check(self, acknowledged: set[str]) -> None:
        """Every acknowledged instance has its row, and behind every row lies its whole file."""
        rows = self.rows()
        assert acknowledged <= set(rows)
        for path, sha256 in rows.values():
            assert hashlib.sha256(self.spool.read(path)).hexdigest() == sha256


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
        again = listener.send(series)
    assert len(again.accepted) == len(series)
    house.check({image.SOPInstanceUID for image in series})
    assert len(house.rows()) == len(series)


def test_killed_while_four_senders_push(house: House):
    """Two listeners die in the middle of their work; whatever either acknowledged is in the ledger and whole."""
    studies = [dicom.ct_series(dicom.Order(name=f"study {number}"), dicom.Grid(slices=20)) for number in range(4)]
    acknowledged: set[str] = set()

    def push(listener: Process, study, kill_at: int) -> None:
        report = listener.send(study, lambda done, _: listener.kill() if done == kill_at else None)
        acknowledged.update(report.accepted)

    for kill_at in (4, 13):
        with house.listener() as listener:
            senders = [threading.Thread(target=push, args=(listener, study, kill_at)) for study in studies]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join(120)
        house.check(acknowledged)
    assert 8 < len(acknowledged) < 80, "killed too early or too late to mean anything"
    with house.listener() as listener:
        for study in studies:
            assert not listener.send(study).refused
    house.check({image.SOPInstanceUID for study in studies for image in study})


def test_a_lost_database_connection_is_opened_anew(house: House):
    """The database server drops the listener's connection between two slices; the sender notices nothing."""
    series = dicom.ct_series()

    def cut(done: int, _total: int) -> None:
        from django.db import connection

        if done == 3:
            with connection.cursor() as cursor:
                others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
                assert cursor.fetchall(), "there was no connection to cut"

    with house.listener() as listener:
        assert not listener.send(series, cut).refused
    assert len(house.rows()) == len(series)


def test_it_stops_when_asked_and_keeps_its_accept_list(house: House):
    """Settings come from the environment; SIGTERM ends the process cleanly."""
    with house.listener(VFX_ACCEPTED_CALLING_AE_TITLES="PACS") as listener:
        with pytest.raises(NotAllowed):
            listener.send(dicom.ct_series())
        listener.popen.terminate()
        assert listener.popen.wait(15) == 0
