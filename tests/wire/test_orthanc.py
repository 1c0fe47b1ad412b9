"""Orthanc, the archive that half the world tries first: it sends here by C-STORE and STOW-RS, and asks for proof."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pydicom
import pytest
from pydicom import uid
from pynetdicom import evt

from dicom_listener.associations import Door
from dicom_listener.commitment import Desk, on_commitment_request
from dicom_listener.server import Around, listening
from tests.support import dicom
from tests.support.intake import NOW
from tests.support.orthanc import LOOPBACK, Orthanc, orthanc
from tests.support.ports import free_port
from tests.wire.conftest import PEERS_VANISH, Ear, eventually
from vfx_finder.actions import intake, senders
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.actor import Actor
from vfx_finder.ledger.models import CommitmentRequest, Sender, StoredInstance
from vfx_finder.spool import Spool

pytestmark = PEERS_VANISH

SYNTAXES = (uid.ExplicitVRLittleEndian, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for this file; each test brings its own study."""
    with orthanc(tmp_path_factory.mktemp("archive")) as running:
        yield running


def mixed_study(name: str) -> list[bytes]:
    """One study as an archive holds it: CT slices in several transfer syntaxes, a film and a screenshot."""
    order = dicom.Order(name=name)
    slices = [
        dicom.recoded(dicom.ct_slice(order, number), SYNTAXES[number % len(SYNTAXES)])
        for number in range(2 * len(SYNTAXES))
    ]
    return [dicom.encoded(image) for image in (*slices, dicom.radiograph(order), dicom.secondary_capture(order))]


def assert_equal(archive: Orthanc, sent: list[str], kept: dict[str, bytes]) -> None:
    """Each instance is here in the transfer syntax it lay in there, pixel data byte for byte."""
    assert len(kept) == len(sent)
    for instance in sent:
        original = pydicom.dcmread(BytesIO(archive.file(instance)))
        here = pydicom.dcmread(BytesIO(kept[original.SOPInstanceUID]))
        assert here.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert here.PixelData == original.PixelData


def kept_in(spool: Spool) -> dict[str, bytes]:
    """Every file that has a row, by SOPInstanceUID."""
    rows = StoredInstance.objects.values_list("SOPInstanceUID", "path")
    return {instance: spool.read(path) for instance, path in rows}


def test_orthanc_stores_a_study_here(archive: Orthanc, ear: Ear):
    """Every instance of a mixed study arrives as it lay in the archive."""
    sent = [archive.upload(file) for file in mixed_study("stored")]
    archive.knows("ear", "VFXFINDER", ear.port)
    assert archive.ask("/modalities/ear/echo", "POST", {}) == {}
    answer = archive.ask("/modalities/ear/store", "POST", {"Resources": sent, "Synchronous": True})
    assert answer["FailedInstancesCount"] == 0
    assert_equal(archive, sent, {row.SOPInstanceUID: ear.spool.read(row.path) for row in ear.rows})


@contextmanager
def ear_with_ledger(spool: Spool) -> Iterator[int]:
    """A listener that keeps real rows and answers requests for storage commitment; its port."""
    from django.db import connections

    desk = Desk(spool, "VFXFINDER", hang_up=connections.close_all)
    around = Around(handlers={evt.EVT_N_ACTION: (on_commitment_request, [desk])}, leave=connections.close_all)
    listener = Actor.process("listener")
    keeper = Keeper(spool, lambda instance: intake.receive(instance, listener, NOW, 60))
    with listening((LOOPBACK, 0), keeper, Door(), around) as here, desk.attended():
        yield here.port


def report_on(archive: Orthanc, path: str) -> dict[str, Any]:
    """What Orthanc has heard about this transaction, when it is no longer pending."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        report: dict[str, Any] = archive.ask(path)
        if report["Status"] != "Pending":
            return report
        time.sleep(0.1)
    raise TimeoutError("Orthanc was told nothing.")


def test_orthanc_is_told_what_is_committed_here(archive: Orthanc, committed_db: None, tmp_path: Path):
    """It sends, asks, hangs up, and is called back: success for what it sent, a reason for what was never sent."""
    spool = Spool(tmp_path / "spool")
    sent = [archive.upload(file) for file in mixed_study("committed")]
    with ear_with_ledger(spool) as port:
        Sender.objects.create(AETitle="ORTHANC", port=archive.dicom_port)
        archive.knows("keeper", "VFXFINDER", port)
        archive.ask("/modalities/keeper/store", "POST", {"Resources": sent, "Synchronous": True})
        asked = archive.ask("/modalities/keeper/storage-commitment", "POST", {"Resources": sent})
        good = report_on(archive, asked["Path"])
        never = {"DicomInstances": [{"SOPClassUID": uid.MRImageStorage, "SOPInstanceUID": "1.2.3.4.5"}]}
        bad = report_on(archive, archive.ask("/modalities/keeper/storage-commitment", "POST", never)["Path"])
        assert eventually(lambda: not CommitmentRequest.objects.filter(answered_at=None).exists())
    assert (good["Status"], bad["Status"]) == ("Success", "Failure")
    assert {one["SOPInstanceUID"] for one in good["Success"]} == set(kept_in(spool))
    assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in bad["Failures"]] == [("1.2.3.4.5", 0x0122)]


@contextmanager
def pages(home: Path, database_url: str) -> Iterator[str]:
    """The web process as it runs in an installation; its address."""
    port = free_port()
    settings = {
        "VFX_DATA_DIR": str(home),
        "VFX_DATABASE_URL": database_url,
        "VFX_WEB_PORT": str(port),
        "VFX_SECRET_KEY": "for tests only",
        "VFX_KEEP_FREE_MB": "0",
    }
    command = [sys.executable, "-m", "vfx_finder.cli._part", "web"]
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT)
        try:
            await_health(f"http://{LOOPBACK}:{port}", process)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()
            process.wait(120)


def await_health(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(f"{address}/health", timeout=10).close()
        except (URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("The web process did not start.")


@pytest.mark.parametrize("chunked", [True, False])
def test_orthanc_sends_by_stow_rs(archive: Orthanc, database_url: str, tmp_path: Path, chunked: bool):
    """With its token, with and without chunks: every instance, as it lay in the archive."""
    sent = [archive.upload(file) for file in mixed_study(f"stow {chunked}")]
    token = "synthetic"
    Sender.objects.create(AETitle="CLOUD_PACS", token_sha256=senders.digest_of(token))
    with pages(tmp_path, database_url) as address:
        archive.knows_web("cloud", f"{address}/dicom-web/", token, ChunkedTransfers=chunked)
        job = archive.ask("/dicom-web/servers/cloud/stow", "POST", {"Resources": sent, "Synchronous": False})
        assert archive.done(job["ID"])["State"] == "Success"
        archive.knows_web("cloud", f"{address}/dicom-web/", "a wrong token", ChunkedTransfers=chunked)
        job = archive.ask("/dicom-web/servers/cloud/stow", "POST", {"Resources": sent[:1], "Synchronous": False})
        assert archive.done(job["ID"])["State"] == "Failure"
    assert_equal(archive, sent, kept_in(Spool(tmp_path / "spool")))
    assert "Traceback" not in (tmp_path / "web.log").read_text()
