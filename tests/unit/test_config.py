"""Settings are read once, refuse nonsense, and keep one secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from vfx_finder import embedded_postgres
from vfx_finder.config import Settings, machine_zone


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VFX_ACCEPTED_CALLING_AE_TITLES", "PACS, CT1 ,")
    assert Settings().accepted_calling_ae_titles == ("PACS", "CT1")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().ae_title = "OTHER"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"), [("DICOM_PORT", "70000"), ("SETTLE_SECONDS", "0"), ("AE_TITLE", "A" * 17), ("LOG_LEVEL", "LOUD")]
)
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"VFX_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = Settings(data_dir=tmp_path / "new", secret_key=None)
    second = Settings(data_dir=tmp_path / "new", secret_key=None)
    assert first.signing_key == second.signing_key
    assert len(first.signing_key) >= 50
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["secret-key"]
    assert (tmp_path / "new" / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_given_database_is_used_and_otherwise_a_private_one() -> None:
    home = Path("/srv/vfx")
    assert Settings(data_dir=home, database_url="postgresql://u@h/d").database == "postgresql://u@h/d"
    assert "host=/srv/vfx/postgres/socket&" in Settings(data_dir=home, database_url=None).database


@pytest.mark.parametrize("depth", [1, 5, 40])
def test_the_socket_fits_the_kernel_however_deep_the_folder(depth: int) -> None:
    """unix(7): a socket's path has at most 108 bytes with its final NUL."""
    folder = Path("/", *["folder"] * depth)
    path = embedded_postgres.socket_dir(folder) / ".s.PGSQL.5432"
    assert len(bytes(path)) < 108
    assert embedded_postgres.socket_dir(folder) != embedded_postgres.socket_dir(folder / "other")


@pytest.mark.parametrize(
    ("named", "zone"),
    [
        ("America/New_York", "America/New_York"),
        (":Europe/Berlin", "Europe/Berlin"),
        ("/usr/share/zoneinfo/Asia/Kolkata", "Asia/Kolkata"),
        ("Nowhere/Land", "UTC"),
        ("CET-1CEST", "UTC"),
        ("../../etc/passwd", "UTC"),
    ],
)
def test_local_time_is_the_machines(monkeypatch: pytest.MonkeyPatch, named: str, zone: str) -> None:
    monkeypatch.setenv("TZ", named)
    assert machine_zone() == zone


def test_hours_of_the_day_are_those_of_the_machine_in_every_process(tmp_path: Path) -> None:
    """Django would make them UTC: a sweep of "20-6" in New York would ask the archive from three in the afternoon."""
    script = (
        "from datetime import UTC, datetime; from vfx_finder.bootstrap import begin; begin();"
        "print(datetime(2026, 11, 21, 18, tzinfo=UTC).astimezone().hour)"
    )
    environment = os.environ | {"TZ": "America/New_York", "VFX_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "13"
