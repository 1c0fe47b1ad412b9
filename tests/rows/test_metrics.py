"""The metrics: well-formed, true, for monitors only, and naming nobody."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.support import busy_day
from vfx_finder.actions import heartbeat
from vfx_finder.config import Settings
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Case, Destination

pytestmark = pytest.mark.django_db

SAMPLE = re.compile(r'^([a-z_]+)(\{([a-z_]+="(\\.|[^"\\\n])*",?)*\})? -?\d+(\.\d+)?(e[+-]\d+)?$')
FORBIDDEN = 403


def ask(**meta: str) -> object:
    return Client().get(reverse("metrics"), **meta)


@pytest.fixture
def with_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "VFX", Settings(metrics_token="let-me-see"))


def test_they_are_well_formed_and_name_nobody() -> None:
    case = busy_day.flagged(busy_day.WAITING[0][0], datetime.now(UTC) - timedelta(minutes=30), {Level.L1: 3})
    heartbeat.beat('listener"\\\n', datetime.now(UTC), {"free_bytes": 10**12})
    text = ask().content.decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.match(line)] == []
    named = {SAMPLE.match(line)[1] for line in samples}
    assert named == set(re.findall(r"# TYPE (\w+) gauge", text)) == set(re.findall(r"# HELP (\w+) \S", text))
    for secret in (case.PatientID, "HARTLEY", case.AccessionNumber, case.StudyInstanceUID, case.correlation_id):
        assert secret not in text


def test_they_say_what_the_rows_say() -> None:
    busy_day.flagged(busy_day.WAITING[0][0], datetime.now(UTC) - timedelta(minutes=30), {Level.L1: 3})
    Case.objects.update(finished_at=datetime.now(UTC))
    text = ask().content.decode()
    assert 'vfx_studies{state="awaiting-review"} 1\n' in text
    assert 'vfx_studies{state="failed"} 0\n' in text
    assert 'vfx_recent_instances{window="hour"} 3\n' in text
    assert 'vfx_alarms{level="bad"} 2\n' in text, "no listener, no worker"


def test_every_metric_is_documented() -> None:
    from tests.house.test_docs import DOCS

    busy_day.flagged(busy_day.WAITING[0][0], datetime.now(UTC) - timedelta(minutes=30), {Level.L1: 3})
    heartbeat.beat("listener", datetime.now(UTC), {"free_bytes": 10**12})
    Destination.objects.create(name="PACS", protocol="hl7-mllp", host="10.0.0.7", port=2575)
    page = (DOCS / "monitoring.md").read_text()
    named = set(re.findall(r"# TYPE (\w+) gauge", ask().content.decode()))
    assert named == set(re.findall(r"`(vfx_\w+)`", page))


def test_this_machine_may_read_them_but_not_whoever_comes_through_its_proxy() -> None:
    assert ask(REMOTE_ADDR="127.0.0.1").status_code == 200
    assert ask(REMOTE_ADDR="::1").status_code == 200
    assert ask(REMOTE_ADDR="10.0.0.7").status_code == FORBIDDEN
    assert ask(REMOTE_ADDR="").status_code == FORBIDDEN
    for header in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"):
        assert ask(**{"REMOTE_ADDR": "127.0.0.1", header: "10.0.0.7"}).status_code == FORBIDDEN


def test_with_a_token_only_its_bearer_may(with_token: None) -> None:
    assert ask(REMOTE_ADDR="10.0.0.7", HTTP_AUTHORIZATION="Bearer let-me-see").status_code == 200
    assert ask(REMOTE_ADDR="127.0.0.1").status_code == FORBIDDEN
    assert ask(REMOTE_ADDR="127.0.0.1", HTTP_AUTHORIZATION="Bearer guess").status_code == FORBIDDEN
    assert ask(REMOTE_ADDR="127.0.0.1", HTTP_AUTHORIZATION="Bearer é").status_code == FORBIDDEN
