"""A real Orthanc of its own, in a folder of its own, on free ports: the archive that is not ours.

    with orthanc(tmp_path) as archive:
        archive.upload(file_bytes)
        archive.knows("vfx", "VFXFINDER", port)          # a DICOM modality, for C-STORE, C-MOVE and commitment
        archive.knows_web("vfx", url, token)             # a DICOMweb server, for STOW-RS

Debian's 1.10.1 listens for HTTP on every interface whatever it is told; `RemoteAccessAllowed` is off, so that only this
machine gets an answer. Associations go by loopback.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.support.peers import peer
from tests.support.ports import free_port

LOOPBACK = "127.0.0.1"
TITLE = "ORTHANC"
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
# Without it Orthanc waits 40 ms for each image (Nagle's algorithm against delayed acknowledgements).
ENVIRONMENT = os.environ | {"TCP_NODELAY": "1"}
START_S = 180


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: where it is, and what it is asked over its REST interface."""

    dicom_port: int
    http_port: int
    folder: Path
    AETitle: str = TITLE

    @property
    def url(self) -> str:
        """Where its REST interface is; `/dicom-web` below it is its DICOMweb server."""
        return f"http://{LOOPBACK}:{self.http_port}"

    def ask(self, path: str, method: str = "GET", body: object = None, patience_s: float = 120) -> Any:
        """What it answers, from JSON where it is that. Raises `HTTPError` for a refusal."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method)
        with urlopen(request, timeout=patience_s) as answer:
            content: bytes = answer.read()
        try:
            return json.loads(content)
        except ValueError:
            return content

    def upload(self, file: bytes) -> str:
        """Put a DICOM file into it; its own name for the instance."""
        return str(self.ask("/instances", "POST", file)["ID"])

    def instances(self) -> list[str]:
        """Its own names of all that it holds."""
        return list(self.ask("/instances"))

    def file(self, instance: str) -> bytes:
        """The DICOM file of an instance that it holds."""
        content = self.ask(f"/instances/{instance}/file")
        assert isinstance(content, bytes)
        return content

    def files(self) -> dict[str, bytes]:
        """Every file that it holds, by SOPInstanceUID."""
        names = self.instances()
        return {self.ask(f"/instances/{name}")["MainDicomTags"]["SOPInstanceUID"]: self.file(name) for name in names}

    def knows(self, name: str, AETitle: str, port: int, **more: object) -> None:
        """Tell it of a DICOM peer on this machine, storage commitment allowed."""
        peer_of_it = {"AET": AETitle, "Host": LOOPBACK, "Port": port, "AllowStorageCommitment": True, **more}
        self.ask(f"/modalities/{name}", "PUT", peer_of_it)

    def knows_web(self, name: str, url: str, token: str = "", **more: object) -> None:
        """Tell it of a DICOMweb server, and the bearer token it must show there."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.ask(f"/dicom-web/servers/{name}", "PUT", {"Url": url, "HttpHeaders": headers, **more})

    def done(self, job: str, within_s: float = 300) -> dict[str, Any]:
        """One of its jobs, when it has ended."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            state: dict[str, Any] = self.ask(f"/jobs/{job}")
            if state["State"] in ("Success", "Failure"):
                return state
            time.sleep(0.1)
        raise TimeoutError(f"Orthanc's job {job} did not end within {within_s} s.")


@contextmanager
def orthanc(folder: Path, **config: object) -> Iterator[Orthanc]:
    """A running Orthanc with its DICOMweb plugin. `config` overrides entries of its configuration.

    Skips the test (fails it under CI=true) where Orthanc is not installed.
    """
    program = peer("Orthanc")
    home = folder / "orthanc"
    home.mkdir(parents=True)
    here = Orthanc(free_port(), free_port(), home)
    configuration = home / "orthanc.json"
    configuration.write_text(json.dumps(_configuration(here) | config))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, configuration], stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT, cwd=home
        )
        try:
            _await(here, process)
            yield here
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configuration(here: Orthanc) -> dict[str, object]:
    return {
        "Name": here.AETitle,
        "StorageDirectory": str(here.folder),
        "IndexDirectory": str(here.folder),
        "Plugins": [str(DICOMWEB)],
        "HttpPort": here.http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": here.AETitle,
        "DicomPort": here.dicom_port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "UnknownSopClassAccepted": True,
        "TcpNoDelay": True,
        # Seconds that it has patience with us: ten by default, which a crowded machine may take.
        "DicomScuTimeout": 300,
        "DicomScpTimeout": 300,
        "HttpTimeout": 300,
        "StableAge": 1,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False},
    }


def _await(here: Orthanc, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            here.ask("/system", patience_s=5)
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Orthanc did not start: " + (here.folder / "log").read_text(errors="replace")[-2000:])
