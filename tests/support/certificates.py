"""Certificates for tests, made anew by openssl: an authority, and whom it vouches for, in time or no longer."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import peer


@dataclass(frozen=True)
class Papers:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder of its own."""

    folder: Path

    @classmethod
    def founded(cls, folder: Path) -> "Authority":
        """A new authority."""
        folder.mkdir()
        _openssl(folder, "req", "-x509", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", *_named("CA"))
        return cls(folder)

    @property
    def certificate(self) -> Path:
        """What others need to check whom this authority vouches for."""
        return self.folder / "ca.pem"

    def issue(self, name: str, days: int = 2) -> Papers:
        """Papers of that name; with negative `days` they have expired already."""
        papers = Papers(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        _openssl(self.folder, "req", *_NEW_KEY, "-keyout", papers.key, "-out", request, *_named(name))
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days))
        _openssl(self.folder, "x509", "-req", "-in", request, *signed, "-out", papers.certificate)
        return papers


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _named(name: str) -> tuple[str, str]:
    return "-subj", f"/CN={name}"


def _openssl(folder: Path, *arguments: str | Path) -> None:
    command = [peer("openssl"), *arguments]
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
