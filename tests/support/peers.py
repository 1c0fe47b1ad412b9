"""Programs that are not ours and that tests talk to: Debian's DCMTK, Orthanc, dicom3tools and Chromium."""

import os
from pathlib import Path

import pytest

PACKAGE_OF = {
    "dcmsend": "dcmtk",
    "storescu": "dcmtk",
    "storescp": "dcmtk",
    "echoscu": "dcmtk",
    "findscu": "dcmtk",
    "dsrdump": "dcmtk",
    "dcmj2pnm": "dcmtk",
    "dciodvfy": "dicom3tools",
    "Orthanc": "orthanc",
    "chromium": "chromium",
    "openssl": "openssl",
}
ELSEWHERE = {"Orthanc": Path("/usr/sbin/Orthanc")}


def peer(program: str) -> Path:
    """The full path of a peer program; skip the test where it is missing, or fail it under CI=true.

    Always /usr/bin: pynetdicom's wheel installs commands named like DCMTK's into the virtual environment.
    """
    path = ELSEWHERE.get(program, Path("/usr/bin") / program)
    if path.exists():
        return path
    reason = f"Debian package {PACKAGE_OF[program]!r} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
