"""Settings are read once, refuse nonsense, and keep one secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from vfx_finder import embedded_postgres
from vfx_finder.config import Settings


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
