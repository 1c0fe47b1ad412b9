"""`vfx-finder hear-hospital` as a process of its own: what it acknowledged is there after a kill -9."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import hl7 as said
from tests.support.archives import wait_for
from tests.support.ports import free_port
from tests.wire.conftest import LOOPBACK
from vfx_finder.interop.acknowledgement import answer_in
from vfx_finder.interop.mllp import Stream, framed

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def listener(port: int, data_dir: Path, database_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The command at work, its log beside its data."""
    settings = {"VFX_HL7_PORT": str(port), "VFX_DATA_DIR": str(data_dir), "VFX_DATABASE_URL": database_url}
    command = [sys.executable, "-c", "from vfx_finder.cli import main; main()", "hear-hospital"]
    log = data_dir / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, **settings}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(lambda: takes_connections(port) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait(120)


def tell(port: int, message: bytes, control_id: str) -> str:
    with socket.create_connection((LOOPBACK, port), timeout=120) as line:
        line.sendall(framed(message))
        stream = Stream()
        while piece := line.recv(4096):
            for answer in stream.feed(piece):
                return answer_in(answer, control_id).code
    return ""


def test_what_was_acknowledged_is_there_after_a_kill_and_no_log_names_a_patient(
    tmp_path: Path, database_url: str
) -> None:
    from vfx_finder.ledger.models import Heartbeat, HospitalMessage, PatientChange

    port = free_port()
    with listener(port, tmp_path, database_url) as process:
        assert tell(port, said.merge("P100200^^^HOSP", "P100300^^^HOSP"), "C1") == "AA"
        wait_for(lambda: Heartbeat.objects.filter(process="hospital-listener").exists())
        process.send_signal(signal.SIGKILL)
        process.wait(120)
    assert PatientChange.objects.count() == 1
    with listener(port, tmp_path, database_url) as process:
        assert tell(port, said.merge("P100200^^^HOSP", "P100300^^^HOSP"), "C1") == "AA"
        assert tell(port, said.message("ADT^A31", said.pid("9" * 300, name="Jemima^Puddleduck")), "C1") == "AE"
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    assert (PatientChange.objects.count(), HospitalMessage.objects.count()) == (1, 2)
    log = (tmp_path / "log").read_text()
    assert "message-heard" in log
    assert not [word for word in ("P100200", "P100300", "9999", "Jemima", "Puddleduck") if word in log]
