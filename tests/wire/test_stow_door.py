"""STOW-RS: who may store, from where, and what is counted of those who may not."""

import threading

import pytest
from django.conf import settings
from django.test import RequestFactory

from tests.support import stow
from tests.support.stow import named
from vfx_finder.domain.sender import Refused
from vfx_finder.ledger.models import Refusal, Sender, StoredInstance
from vfx_finder.web.stow import views
from vfx_finder.web.stow.tally import Tally

pytestmark = pytest.mark.django_db

LOOPBACK = "127.0.0.1"
OK, ACCEPTED, BAD, UNAUTHORIZED, FORBIDDEN = 200, 202, 400, 401, 403
NOT_ALLOWED, NOT_ACCEPTABLE, TIMEOUT, CONFLICT, TOO_LARGE, UNSUPPORTED, UNAVAILABLE = 405, 406, 408, 409, 413, 415, 503


@pytest.mark.parametrize("shown", ["", "Bearer nonsense", "Basic dXNlcjpwYXNz", "Bearer ", "Bearer é", "nonsense"])
def test_without_a_token_nothing_is_read_and_the_refusal_is_counted(shown: str, sender: Sender) -> None:
    """401 with the way to sign in; one counted row, however often it is tried."""
    tries = [stow.post(stow.body_of([named("stranger")]), Authorization=shown) for _ in range(3)]
    assert [one.status_code for one in tries] == [UNAUTHORIZED] * 3
    assert tries[0]["WWW-Authenticate"].startswith("Bearer")
    assert not StoredInstance.objects.exists()
    assert Refusal.objects.filter(reason="bad-token").count() <= 1


def test_a_flood_of_bad_tokens_is_few_writes() -> None:
    """The first is written at once, the rest together after a while, from any number of threads."""
    written: list[list[object]] = []
    tally = Tally(lambda turned: written.append(list(turned)), every_s=600)
    threads = [
        threading.Thread(target=lambda: [tally.note(Refused.BAD_TOKEN, "10.0.0.9") for _ in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    tally._every_s = 0  # the while is over
    tally.note(Refused.BAD_TOKEN, "10.0.0.9")
    assert len(written) == 2
    assert sum(one.count for batch in written for one in batch) == 401


def test_a_sender_that_was_switched_off_is_a_stranger(sender: Sender, token: str) -> None:
    """The operator's page works at once."""
    assert stow.store([named("before")], token).status_code == OK
    Sender.objects.update(enabled=False)
    assert stow.store([named("after")], token).status_code == UNAUTHORIZED


def test_a_stolen_token_is_no_use_elsewhere(sender: Sender, token: str) -> None:
    """Where the sender has a place, its token counts from there only, and the try is counted under its name."""
    Sender.objects.update(host="10.1.2.0/24")
    assert stow.store([named("elsewhere")], token).status_code == FORBIDDEN
    assert not StoredInstance.objects.exists()


def test_behind_a_trusted_proxy_the_senders_place_counts(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy says from where it came; whoever is no trusted proxy says it in vain."""
    Sender.objects.update(host="10.1.2.0/24")
    monkeypatch.setattr(settings, "VFX", settings.VFX.model_copy(update={"trusted_proxies": ("127.0.0.1/32",)}))

    def status(name: str, forwarded: str, remote: str = LOOPBACK) -> int:
        request = RequestFactory().post(
            stow.ADDRESS,
            named(name),
            content_type=stow.DICOM,
            headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": forwarded},
            REMOTE_ADDR=remote,
        )
        return views.Stow()(request).status_code

    assert status("by proxy", "10.1.2.9") == OK
    assert status("elsewhere", "192.0.2.1") == FORBIDDEN
    assert status("invented", "10.1.2.9, 192.0.2.1") == FORBIDDEN
    assert status("no proxy", "10.1.2.9", remote="192.0.2.1") == FORBIDDEN
    assert StoredInstance.objects.count() == 1
    assert set(Refusal.objects.values_list("host", flat=True)) == {"192.0.2.1"}
