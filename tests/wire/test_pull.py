"""Asking an archive that is not ours: Orthanc lists, sends by C-MOVE and C-GET, fails, and is asked again."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom import uid

from dicom_listener.associations import Door
from dicom_listener.server import Around, listening
from pipelines.retrieval import Asker
from pipelines.steps.line import Patience
from tests.support import dicom
from tests.support import intake as given
from tests.support.orthanc import Orthanc, orthanc
from tests.wire.conftest import LOOPBACK, PEERS_VANISH
from vfx_finder.actions import asking, intake, retrieval, routing
from vfx_finder.actions.keeping import Keeper
from vfx_finder.actions.retrieval import COMMAND_LINE
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.retrieval import ArchiveFacts, Method
from vfx_finder.domain.roles import Role
from vfx_finder.domain.routing import Rule, Verdict
from vfx_finder.ledger.models import Archive, Case, PriorSearch, StoredInstance, Sweep, SweptStudy
from vfx_finder.spool import Spool

pytestmark = [pytest.mark.slow, PEERS_VANISH]

ROOT = Path(__file__).resolve().parents[2]
TITLE = "VFXFINDER"
EVENING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
DAYS = (date(2026, 3, 1), date(2026, 3, 3))
ONE_DAY = (date(2026, 3, 2), date(2026, 3, 2))
SYNTAXES = (uid.ExplicitVRLittleEndian, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless)
ELSE = dicom.Person(PatientID="SYNTH-0002", PatientName="Synthetic^Else")


def study(name: str, day: str, syntax: uid.UID = uid.ExplicitVRLittleEndian, **more: object) -> list[bytes]:
    """Two slices of a CT and a screenshot beside them."""
    order = dicom.Order(name=name, StudyDate=day, **more)
    slices = [dicom.recoded(dicom.ct_slice(order, number), syntax) for number in range(2)]
    return [dicom.encoded(image) for image in (*slices, dicom.secondary_capture(order))]


NAME_OF = {str(dicom.stable_uid(name)): name for name in ("ct-0", "ct-1", "ct-2", "ct-3", "head")}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An archive with CTs of three days, each in another transfer syntax, the last of another patient; and a head."""
    with orthanc(tmp_path_factory.mktemp("archive")) as running:
        for number, day in enumerate(("20260301", "20260301", "20260302", "20260303")):
            person = ELSE if number == 3 else dicom.Person()
            for file in study(f"ct-{number}", day, SYNTAXES[number], person=person):
                running.upload(file)
        for file in study("head", "20260302", StudyDescription="CT head"):
            running.upload(file)
        yield running


@dataclass
class House:
    """Our side: a listener with its rows in the real ledger, and an asker whose clock the test moves."""

    port: int
    asker: Asker
    passed: list[timedelta]

    def add(self, archive: Orthanc, **facts: object) -> Archive:
        """The archive as an operator adds it."""
        wish = {"name": "PACS", "AETitle": archive.AETitle, "host": LOOPBACK, "port": archive.dicom_port}
        return retrieval.keep_archive(
            ArchiveFacts(**(wish | {"studies_per_hour": 3600} | facts)), COMMAND_LINE, EVENING
        )

    def sweep(self, archive: Archive, days: tuple[date, date] = DAYS) -> Sweep:
        return retrieval.start_sweep(archive.pk, days, COMMAND_LINE, EVENING)

    def work(self, archive: Archive, steps: int = 100) -> int:
        """Steps of the asker, two seconds apart by its clock, until nothing is due; how many there were."""
        for done in range(steps):
            self.passed.append(timedelta(seconds=2))
            if not self.asker.step(archive.pk):
                return done
        return steps

    def wait(self, **time: float) -> None:
        """So much later, and whoever was away is tried again."""
        self.passed.append(timedelta(**time))
        self.asker.away.clear()


@pytest.fixture
def house(committed_db: None, tmp_path: Path) -> Iterator[House]:
    from dicom_listener.rows import hang_up

    spool, passed = Spool(tmp_path / "spool"), [timedelta()]

    def now() -> datetime:
        return EVENING + sum(passed, timedelta())

    def receive(instance):
        return intake.receive(instance, given.LISTENER, now(), given.SETTLE)

    asker = Asker(TITLE, spool, given.SETTLE, now=now, patience=Patience(connect_s=30, answer_s=60))
    around = Around(leave=hang_up)
    with listening((LOOPBACK, 0), Keeper(spool, receive), Door(TITLE), around) as ear:
        yield House(ear.port, asker, passed)


@pytest.fixture
def operator(committed_db: None) -> Actor:
    from vfx_finder.accounts.models import User

    return User.objects.create_user("operator.one", password=None, role=Role.OPERATOR).actor


def states(sweep: Sweep) -> dict[str, str]:
    rows = SweptStudy.objects.filter(sweep=sweep).values_list("StudyInstanceUID", "state")
    return {NAME_OF[study]: state for study, state in rows}


def is_as_archived(archive: Orthanc, house: House) -> None:
    """Every slice here has the transfer syntax and the pixel data that it has in the archive."""
    held = {name: pydicom.dcmread(BytesIO(file)) for name, file in archive.files().items()}
    rows = StoredInstance.objects.filter(calling=archive.AETitle)
    assert rows
    for row in rows:
        here, there = pydicom.dcmread(house.asker.spool.path_of(row.path)), held[row.SOPInstanceUID]
        assert here.file_meta.TransferSyntaxUID == there.file_meta.TransferSyntaxUID
        assert here.PixelData == there.PixelData


@pytest.mark.parametrize("method", Method)
def test_a_sweep_brings_every_ct_of_its_days_whole_and_nothing_else(
    archive: Orthanc, house: House, operator: Actor, method: Method
) -> None:
    """Slices byte for byte, screenshots not asked for; what is here already or certainly left out is passed over."""
    archive.knows("us", TITLE, house.port)
    row = house.add(archive, method=method)
    routing.keep_rule(Rule("heads", Verdict.LEAVE_OUT, StudyDescription="*head*"), operator, EVENING)
    house.asker._receive(replace(given.instance(), StudyInstanceUID=str(dicom.stable_uid("ct-0"))))
    sweep = house.sweep(row)
    house.work(row)
    sweep.refresh_from_db()
    assert (sweep.state, sweep.problem) == ("done", "")
    received = {"ct-1": "received", "ct-2": "received", "ct-3": "received"}
    assert states(sweep) == {"ct-0": "here-already", "head": "left-out"} | received
    assert StoredInstance.objects.filter(calling=archive.AETitle).count() == 6
    is_as_archived(archive, house)
    assert house.work(row) == 0, "nothing is asked for twice"


def test_an_archive_that_is_down_costs_no_attempt_and_the_sweep_goes_on_by_itself(archive, house) -> None:
    row = house.add(archive, port=1, method=Method.GET)
    sweep = house.sweep(row)
    assert house.work(row) == 1, "one try, then it is left alone for a while"
    sweep.refresh_from_db()
    assert "cannot be reached" in sweep.problem
    assert states(sweep) == {}
    Archive.objects.update(port=archive.dicom_port)
    house.wait(seconds=30)
    house.work(row, 4)  # three days and the first study
    Archive.objects.update(port=1)
    house.work(row)
    assert set(states(sweep).values()) == {"received", "listed"}
    Archive.objects.update(port=archive.dicom_port)
    house.wait(seconds=30)
    house.work(row)
    sweep.refresh_from_db()
    assert (sweep.state, sweep.problem, set(states(sweep).values())) == ("done", "", {"received"})


def test_an_archive_that_does_not_know_us_is_told_of_in_words(archive: Orthanc, house: House) -> None:
    """C-MOVE to a title that Orthanc does not have. It blames the study, which therefore waits five minutes."""
    archive.knows("us", "ANOTHER", house.port)
    row = house.add(archive)
    sweep = house.sweep(row)
    house.work(row)
    sweep.refresh_from_db()
    assert set(states(sweep).values()) == {"listed"}
    assert sweep.state == "running"
    assert sweep.problem == "The archive did not hand the study over (0xC000)."
    archive.knows("us", TITLE, house.port)
    house.wait(minutes=6)
    house.work(row)
    sweep.refresh_from_db()
    assert (sweep.state, set(states(sweep).values())) == ("done", {"received"})


def test_a_study_that_never_comes_is_tried_three_times_then_listed_with_its_reason_and_asked_again(
    archive, house
) -> None:
    """The archive knows our title with a port at which nobody listens."""
    archive.knows("us", TITLE, 1)
    row = house.add(archive)
    sweep = house.sweep(row, ONE_DAY)
    for _ in range(7):
        house.work(row)
        house.wait(hours=1)
    house.work(row)
    sweep.refresh_from_db()
    assert (sweep.state, set(states(sweep).values())) == ("done", {"failed"})
    assert set(SweptStudy.objects.values_list("attempts", flat=True)) == {3}
    assert all("0x" in reason for reason in SweptStudy.objects.values_list("reason", flat=True))
    archive.knows("us", TITLE, house.port)
    assert retrieval.ask_again(sweep.pk, COMMAND_LINE, house.asker.now()) == 2
    house.wait(hours=1)
    house.work(row)
    sweep.refresh_from_db()
    assert (sweep.state, set(states(sweep).values())) == ("done", {"received"})


def test_what_the_archive_sends_elsewhere_is_not_received(archive: Orthanc, house: House, open_ear: Callable) -> None:
    """The archive reports success, and nothing is here."""
    with open_ear() as elsewhere:
        archive.knows("us", TITLE, elsewhere.port)
        row = house.add(archive)
        sweep = house.sweep(row, ONE_DAY)
        house.work(row, 2)
    swept = SweptStudy.objects.exclude(reason="").get()
    assert (swept.sweep_id, swept.state, swept.attempts) == (sweep.pk, "listed", 1)
    assert swept.reason.startswith("The archive says that it sent 2 images; 0 arrived.")


def test_our_wrong_title_for_the_archive_is_rejected_and_shown(house: House, tmp_path: Path) -> None:
    with orthanc(tmp_path, DicomCheckCalledAet=True) as strict:
        row = house.add(strict, AETitle="WRONG")
        retrieval.ask_echo(row.pk, COMMAND_LINE, EVENING)
        assert house.asker.step(row.pk)
        row.refresh_from_db()
        assert row.last_ok_at is None
        assert "called AE title not recognised" in row.last_answer
        retrieval.keep_archive(
            ArchiveFacts("PACS", strict.AETitle, LOOPBACK, strict.dicom_port), COMMAND_LINE, EVENING, row.pk
        )
        retrieval.ask_echo(row.pk, COMMAND_LINE, EVENING)
        assert house.asker.step(row.pk)
        row.refresh_from_db()
        assert row.last_ok_at is not None
        assert row.last_answer.startswith("Answered in")


def test_a_flagged_study_brings_earlier_ones_of_its_patient_and_nobody_elses(archive: Orthanc, house: House) -> None:
    archive.knows("us", TITLE, house.port)
    row = house.add(archive, fetch_priors=True, hours=None)
    flagged = given.instance(who=given.patient(dicom.Person().PatientID))
    intake.receive(replace(flagged, StudyDate="20260305"), given.LISTENER, EVENING, given.SETTLE)
    Case.objects.update(state="awaiting-review", settle_due_at=None, max_grade=2)
    assert asking.want_priors(house.asker.now()) == 1
    assert asking.want_priors(house.asker.now()) == 0, "searched once"
    house.work(row)
    asked = {NAME_OF[one.StudyInstanceUID]: one.state for one in SweptStudy.objects.all()}
    assert set(asked) in ({"head", "ct-2", "ct-0"}, {"head", "ct-2", "ct-1"}), "the newest three"
    assert set(asked.values()) == {"received"}
    assert PriorSearch.objects.get().state == "done"
    assert set(Case.objects.exclude(StudyInstanceUID=flagged.StudyInstanceUID).values_list("PatientID", flat=True)) == {
        "SYNTH-0001"
    }


ASKER = """
import time
from vfx_finder import bootstrap
settings = bootstrap.begin()
from pipelines.retrieval import asker_of, retrieving
from vfx_finder.spool import Spool
with retrieving(asker_of(settings, Spool(settings.spool_dir))):
    time.sleep(600)
"""


def until(ready: Callable[[], bool], within_s: float = 300) -> None:
    end = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def test_an_asker_killed_in_mid_sweep_is_followed_by_another_and_nothing_is_lost(
    archive: Orthanc, house: House, database_url: str, tmp_path: Path
) -> None:
    """kill -9 of the process that asks, after its first study; the next one asks for the rest, each study once."""
    row = house.add(archive, method=Method.GET)
    sweep = house.sweep(row)
    environment = os.environ | {"VFX_DATA_DIR": str(tmp_path / "data"), "VFX_DATABASE_URL": database_url}

    def done(*wanted: str) -> int:
        return SweptStudy.objects.filter(sweep=sweep, state__in=wanted).count()

    for enough in (lambda: done("received") > 0, lambda: Sweep.objects.filter(pk=sweep.pk, state="done").exists()):
        asker = subprocess.Popen([sys.executable, "-c", ASKER], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            until(enough)
        finally:
            asker.kill()
            asker.wait(120)
    assert set(states(sweep).values()) == {"received"}
    assert StoredInstance.objects.count() == 2 * len(NAME_OF)
    opened = Case.objects.values_list("StudyInstanceUID", flat=True)
    assert sorted(opened) == sorted(NAME_OF)
