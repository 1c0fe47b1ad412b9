"""`vfx-finder demo` and the system that `up` runs: everything starts, six studies come in, everything ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vfx_finder import embedded_postgres

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 900
SETTINGS = {"VFX_LOG_LEVEL": "DEBUG", "VFX_LOG_FORMAT": "json", "VFX_KEEP_FREE_MB": "0"}
PATIENTS = ("DEMO-", "Synthetic", "Sixty Eight", "19580301")
"""What the headers of the six studies say of their patients (`quick_demo.six_tiny_studies`)."""


def quick_demo(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.support.quick_demo", str(folder / "answers")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VFX_")}
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment | {"VFX_DATA_DIR": str(folder), "COLUMNS": "160", **SETTINGS},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.slow
def test_six_studies_come_in_by_dicom_and_the_address_is_said_last(tmp_path: Path) -> None:
    """Listener, worker, pages and database start, six studies sent by real associations are analysed, all ends."""
    done = quick_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.strip().splitlines()
    assert lines[-1].startswith("Open http://127.0.0.1:")
    assert sum("awaiting-review" in line for line in lines) == 6
    assert [f"Sign in as {role}" in done.stdout for role in ("radiologist", "nurse", "operator")] == [True] * 3
    # More than six where a sender stalled in mid-study for longer than the demo waits, on a machine that is crowded.
    assert (tmp_path / "answers").read_text().split().count("end") >= 6
    assert not embedded_postgres.answers(embedded_postgres.address(tmp_path / "demo" / "postgres"))
    then_every_study_is_traced_and_no_patient_named(tmp_path / "demo" / "logs", done.stderr)


def then_every_study_is_traced_and_no_patient_named(logs: Path, console: str) -> None:
    """Even at DEBUG: the logs of every part follow a study by its reference, and hold nothing of a patient."""
    said = {path.stem: path.read_text() for path in logs.glob("*.log")}
    assert {"listener", "worker", "web"} <= set(said)
    events = [json.loads(line) for line in said["worker"].splitlines() if line.startswith("{")]
    analysed = {event["correlation_id"] for event in events if event["event"] == "analysed"}
    assert len(analysed) == 6
    everything = console + "".join(said.values())
    assert [name for name in PATIENTS if name in everything] == []


def test_a_demo_leaves_somebody_elses_data_alone(tmp_path: Path) -> None:
    """Hazard: a demo that empties a hospital's data directory."""
    kept = tmp_path / "demo" / "something.txt"
    kept.parent.mkdir()
    kept.write_text("not a demo's")
    done = quick_demo(tmp_path)
    assert done.returncode != 0
    assert "left alone" in done.stderr
    assert kept.exists()
