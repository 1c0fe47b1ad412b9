"""Case-finding over last year's CTs in one command, and the archives it asks."""

from datetime import date

import pytest
import typer
from typer.testing import CliRunner

from tests.support import intake as given
from vfx_finder.actions import asking, retrieval
from vfx_finder.cli import archives, sweep
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.retrieval import Listed
from vfx_finder.ledger.models import Archive, Sweep, SweptStudy

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives.console, "width", 240)
    monkeypatch.setattr(sweep.console, "width", 240)
    app = typer.Typer()
    archives.register(app)
    sweep.register(app)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def pacs(run) -> Archive:
    wish = ("--title", "PACS_SCP", "--host", "127.0.0.1", "--port", "1", "--per-hour", "30", "--hours", "20-6")
    assert run("archives", "add", "PACS", *wish).exit_code == 0
    return Archive.objects.get()


def start(run, *more: str):
    return run("sweep", "--archive", "PACS", "--from", "2025-01-01", "--to", "2025-12-31", "--no-watch", *more)


def test_an_archive_is_added_changed_and_listed(run, pacs: Archive) -> None:
    assert (pacs.studies_per_hour, pacs.from_hour, pacs.until_hour, pacs.method) == (30, 20, 6, "C-MOVE")
    more = ("--title", "PACS_SCP", "--host", "127.0.0.1", "--port", "1", "--method", "C-GET", "--priors")
    assert "changed" in run("archives", "add", "PACS", *more).output
    pacs.refresh_from_db()
    assert (pacs.method, pacs.from_hour, pacs.fetch_priors) == ("C-GET", None, True)
    listed = run("archives", "list").output
    assert all(word in listed for word in ("PACS_SCP", "127.0.0.1:1", "C-GET", "always", "never asked"))


def test_a_line_that_does_not_answer_says_why_and_fails(run, pacs: Archive) -> None:
    done = run("archives", "echo", "PACS")
    assert done.exit_code == 1
    assert "cannot be reached" in done.output
    assert "cannot be reached" in run("archives", "list").output


def test_a_year_is_swept_by_one_command(run, pacs: Archive) -> None:
    done = start(run)
    assert done.exit_code == 0
    assert "has begun" in done.output
    assert "No worker runs" in done.output
    year = Sweep.objects.get()
    assert (year.first_day, year.last_day, year.modality) == (date(2025, 1, 1), date(2025, 12, 31), "CT")
    assert isinstance(start(run).exception, WrongState), "it is under way already"


def test_its_progress_is_seen_and_it_is_paused_resumed_and_cancelled(run, pacs: Archive) -> None:
    start(run)
    number = Sweep.objects.get().pk
    asking.list_day(number, date(2025, 1, 1), [Listed("1.2.3", "20250101"), Listed("1.2.4", "20250101")], given.NOW)
    listed = run("sweeps", "list").output
    assert "1 of 365" in listed
    assert "2, about 4 min" in listed
    assert run("sweeps", "pause", number).exit_code == 0
    assert "paused" in run("sweeps", "watch", number).output
    assert run("sweeps", "resume", number).exit_code == 0
    assert Sweep.objects.get().state == "running"
    assert run("sweeps", "cancel", number).exit_code == 0
    assert Sweep.objects.get().state == "cancelled"


def test_what_failed_is_listed_and_asked_for_again(run, pacs: Archive) -> None:
    start(run)
    number = Sweep.objects.get().pk
    asking.list_day(number, date(2025, 1, 1), [Listed("1.2.3", "20250101")], given.NOW)
    SweptStudy.objects.update(state="failed", attempts=3, reason="The archive sent nothing.")
    listed = run("sweeps", "failed", number).output
    assert "1.2.3" in listed
    assert "The archive sent nothing." in listed
    assert "asked for again: 1." in run("sweeps", "again", number).output
    assert SweptStudy.objects.get().state == "listed"


@pytest.mark.parametrize(
    "words",
    [("archives", "echo", "NONE"), ("archives", "off", "NONE"), ("sweeps", "pause", "99"), ("sweeps", "watch", "99")],
)
def test_what_is_not_there_is_named(run, pacs: Archive, words: tuple[str, ...]) -> None:
    assert isinstance(run(*words).exception, WrongState)


def test_an_archive_that_is_off_is_not_swept(run, pacs: Archive) -> None:
    assert run("archives", "off", "PACS").exit_code == 0
    assert isinstance(start(run).exception, WrongState)
    assert "off" in run("archives", "list").output
    assert run("archives", "on", "PACS").exit_code == 0
    assert start(run).exit_code == 0
    assert retrieval.COMMAND_LINE.name == "command-line"
