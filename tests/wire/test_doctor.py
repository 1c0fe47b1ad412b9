"""`vfx-finder doctor` says what is wrong with an installation before a PACS finds out."""

import os
import shutil
import socket
from collections import namedtuple

import pytest
from typer.testing import CliRunner

from tests.support.ports import free_port
from vfx_finder import cli
from vfx_finder.cli import _diagnosis
from vfx_finder.cli import _edge_diagnosis as edge
from vfx_finder.cli._answer import Verdict
from vfx_finder.cli._diagnosis import QUESTIONS
from vfx_finder.config import Settings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A sound installation that has not been started yet: no VFX_ variable of this machine, free ports."""
    for name in [name for name in os.environ if name.startswith("VFX_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("TZ", raising=False)
    values = {"data_dir": tmp_path / "data", "dicom_port": 0, "web_port": 0, "accepted_calling_ae_titles": ("PACS",)}

    def with_(**changes):
        return Settings(**{**values, **changes})

    return with_


def test_a_sound_installation_gets_no_advice(settings):
    """Before the first start every answer is good, and looking leaves nothing behind."""
    answers = [question(settings()) for question in QUESTIONS if question is not _diagnosis.disk]
    assert {answer.question: answer.verdict for answer in answers if answer.verdict is not Verdict.GOOD} == {}
    assert not settings().home.exists()


def test_a_folder_that_cannot_be_made_fails(settings, tmp_path):
    """A data folder below a file is a failure that names the setting."""
    (tmp_path / "file").touch()
    answer = _diagnosis.data_folder(settings(data_dir=tmp_path / "file" / "data"))
    assert answer.verdict is Verdict.FAILURE
    assert "VFX_DATA_DIR" in answer.advice


def test_patient_data_that_others_can_read_warns(settings, monkeypatch):
    """A spool that any user of the machine can list is pointed out; a closed one is not."""
    spool = settings().spool_dir
    spool.mkdir(parents=True)
    spool.chmod(0o755)
    monkeypatch.setattr(_diagnosis, "_way_is_open", lambda _path: True)
    assert _diagnosis.data_folder(settings()).verdict is Verdict.WARNING
    spool.chmod(0o700)
    assert _diagnosis.data_folder(settings()).verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("free", "verdict"), [(2 * 10**9, Verdict.FAILURE), (10**10, Verdict.WARNING), (10**11, Verdict.GOOD)]
)
def test_a_filling_disk_is_seen_in_time(settings, monkeypatch, free, verdict):
    """Two gigabytes left, of which one is kept free, are a failure, ten are a warning, a hundred are enough."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 10**12 - free, free))
    assert _diagnosis.disk(settings()).verdict is verdict


def test_a_given_database_must_answer(settings):
    """A server that was named and is silent is a failure, and its password is not repeated."""
    answer = _diagnosis.database(settings(database_url=f"postgresql://u:secret@127.0.0.1:{free_port()}/vfx"))
    assert answer.verdict is Verdict.FAILURE
    assert "secret" not in answer.found + answer.advice


def test_a_taken_port_warns_and_a_foreign_address_fails(settings):
    """A port that another program has is a warning, a free one is good."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert edge.dicom_port(settings(dicom_port=taken.getsockname()[1])).verdict is Verdict.WARNING
    assert edge.web_port(settings(web_host="127.0.0.1")).verdict is Verdict.GOOD


def test_a_listener_without_senders_warns(settings):
    """Without an accept list this machine alone may send; on the network nobody may, or everybody where asked for."""
    nobody_named = {"accepted_calling_ae_titles": ()}
    at_home = edge.senders(settings(**nobody_named))
    shut = edge.senders(settings(**nobody_named, dicom_host="0.0.0.0"))
    open_ = edge.senders(settings(**nobody_named, dicom_host="0.0.0.0", accept_any_sender=True))
    assert {at_home.verdict, shut.verdict, open_.verdict} == {Verdict.WARNING}
    assert "this machine alone" in at_home.found
    assert "nobody may send" in shut.found
    assert "anywhere on the network" in open_.found


def test_plain_dicom_on_the_network_is_pointed_out(settings):
    """Without TLS images and names cross the network in the clear."""
    assert edge.certificates(settings()).verdict is Verdict.GOOD
    assert edge.certificates(settings(dicom_host="0.0.0.0")).verdict is Verdict.WARNING
    assert edge.certificates(settings(tls_certificate="here.pem")).verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("days", "verdict"), [(-3, Verdict.FAILURE), (0, Verdict.WARNING), (29, Verdict.WARNING), (31, Verdict.GOOD)]
)
def test_a_certificate_is_renewed_in_time(days, verdict):
    """An expired one fails, one of the last month warns."""
    assert edge._lasting("TLS", days).verdict is verdict


def test_files_that_are_no_certificate_fail(settings, tmp_path):
    """Unusable files are said to be so, in words, before a sender finds out."""
    for name in ("certificate", "key", "authorities"):
        (tmp_path / name).write_text("not a PEM file")
    files = {"tls_certificate": tmp_path / "certificate", "tls_key": tmp_path / "key"}
    answer = edge.certificates(settings(**files, tls_client_authorities=tmp_path / "authorities"))
    assert answer.verdict is Verdict.FAILURE
    assert "cannot be used together" in answer.found


def test_a_port_in_use_is_ours_only_if_it_answers_as_ours(settings):
    """Another program that merely listens is not taken for the pages."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = ("127.0.0.1", taken.getsockname()[1], "VFX_X")
        assert edge._port("x", place, lambda: True).verdict is Verdict.GOOD
        assert edge._port("x", place, lambda: False).verdict is Verdict.WARNING


def test_pages_on_the_network_need_https(settings):
    """Sign-in without https is for this machine only."""
    assert edge.pages(settings(web_host="0.0.0.0")).verdict is Verdict.WARNING
    assert edge.pages(settings(web_host="0.0.0.0", secure_cookies=True)).verdict is Verdict.GOOD


def test_an_unknown_time_zone_warns(settings, monkeypatch):
    """A misspelt TZ would silently be UTC."""
    monkeypatch.setenv("TZ", "Europe/Nowhere")
    assert _diagnosis.clock(settings()).verdict is Verdict.WARNING


def test_changed_weights_fail(settings, monkeypatch, tmp_path):
    """A network whose weights are not those of its card is named; the real ones are as their cards say."""
    from models import catalogue

    assert _diagnosis.networks(settings()).found == ", ".join(
        f"{name} {catalogue.card(name)['version']}" for name in catalogue.BUNDLES
    )
    shutil.copytree(catalogue.SHELF / "ct_spine", tmp_path / "ct_spine")
    weights = tmp_path / "ct_spine" / "models" / catalogue.WEIGHTS["ct_spine"][0]
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    monkeypatch.setattr(catalogue, "SHELF", tmp_path)
    answer = _diagnosis.networks(settings())
    assert answer.verdict is Verdict.FAILURE
    assert weights.name in answer.found


def test_the_command_fails_when_something_fails(tmp_path, monkeypatch):
    """Exit code 1, a row for what is wrong, and the value of a wrong setting is not shown."""
    cli._register()
    monkeypatch.setenv("VFX_DICOM_PORT", "not-a-port-7")
    wrong = CliRunner().invoke(cli.app, ["doctor"], env={"COLUMNS": "200"})
    assert wrong.exit_code == 1
    assert "VFX_DICOM_PORT" in wrong.output
    assert "not-a-port-7" not in wrong.output


def test_the_command_passes_a_sound_installation(tmp_path, monkeypatch):
    """Exit code 0 and a row for each question."""
    cli._register()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, 10**12))
    sound = {"VFX_DATA_DIR": str(tmp_path), "VFX_DICOM_PORT": "0", "VFX_WEB_PORT": "0", "VFX_DICOM_HOST": "127.0.0.1"}
    done = CliRunner().invoke(cli.app, ["doctor"], env=sound)
    assert done.exit_code == 0, done.output
    assert "any AE title may send" in done.output
