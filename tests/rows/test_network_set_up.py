"""A PACS administrator sets the network up: what a button ends is said first, and what stands in the way has a link."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.support import busy_day, outbox
from tests.support import intake as given
from tests.support.forms import Words, plain, say
from vfx_finder.actions import dispatch, intake, senders
from vfx_finder.config import Settings
from vfx_finder.domain.delivery import Answer, DeliveryState, Pace, Proof
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.roles import Role
from vfx_finder.domain.sender import AcceptList, Refused, Reporter, report_objection
from vfx_finder.domain.sender import Sender as Accepted
from vfx_finder.ledger.models import AuditEvent, Delivery, Destination, Sender

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
PACE = Pace(proof_wait_s=7200, proof_tries=3)
SENDER = {"AETitle": "ARCHIVE", "host": "", "description": "", "settle_seconds": "", "enabled": "on"}
REFUSED_HOSTS = (("ARCHIVE", "10.0.0.9"), ("ANOTHER", "10.0.0.8"))
ON_THE_NETWORK = Settings(dicom_host="0.0.0.0")


@pytest.fixture
def archive(ops: Client) -> Sender:
    """A sender that is set up in the page."""
    ops.post(reverse("source-add"), SENDER)
    return Sender.objects.get()


@pytest.fixture
def stored(db: None) -> Delivery:
    """A signed result that an archive has stored; its storage commitment was asked for and has not come."""
    outbox.destination()
    outbox.signed()
    row = dispatch.claim(Destination.objects.get().pk, given.later(200), PACE)
    answers = [Answer("sc", "1.2.1", 0, "stored (0x0000)", True, False, "1.9.1")]
    dispatch.answered(row, answers, PACE, given.later(201))
    asked = dispatch.claim(row.destination_id, given.later(202), PACE)
    dispatch.asked(asked, given.later(202))
    return Delivery.objects.get()


class TestToken:
    def test_the_first_token_needs_no_warning_and_a_reload_makes_no_other(self, ops: Client, archive: Sender) -> None:
        assert re.search(r"<form[^>]*token", ops.get(reverse("sources")).content.decode())
        made = ops.post(reverse("source-token", args=[archive.pk]), follow=True)
        secret = re.search(r'id="secret">([^<]+)<', made.content.decode())[1]
        assert senders.sender_with(secret) == archive
        again = ops.get(made.redirect_chain[-1][0])
        assert secret not in again.content.decode()
        assert "The token was shown once" in plain(again.content.decode())
        assert senders.sender_with(secret) == archive, "a reload ends nothing"
        assert "no-store" in made.headers["Cache-Control"]

    def test_what_ends_with_a_new_token_is_said_before(self, ops: Client, archive: Sender, words: Words) -> None:
        actor = outbox.somebody(Role.OPERATOR)
        secret = senders.new_token(archive.pk, actor, NOW - timedelta(days=40))
        listed = ops.get(reverse("sources")).content.decode()
        page = reverse("source-token", args=[archive.pk])
        assert f'href="{page}"' in listed
        assert f'action="{page}"' not in listed
        said = words("source-token", archive.pk)
        assert "The present token stops at once." in said
        assert f"in use since {timezone.localtime(NOW - timedelta(days=40)):%-d %b %Y}" in said
        assert senders.sender_with(secret) == archive, "looking ends nothing"
        ops.post(page)
        assert senders.sender_with(secret) is None

    def test_nothing_of_the_token_is_kept_but_its_digest(self, ops: Client, archive: Sender) -> None:
        from django.contrib.sessions.models import Session

        made = ops.post(reverse("source-token", args=[archive.pk]))
        secret = made.cookies["new-token"].value.split(":")[0]
        assert senders.sender_with(secret) == archive
        kept = [one.get_decoded() for one in Session.objects.all()]
        assert secret not in str([kept, *AuditEvent.objects.values(), *Sender.objects.values()])
        assert secret not in made.headers["Location"]
        assert (made.cookies["new-token"]["httponly"], made.cookies["new-token"]["samesite"]) == (True, "Strict")


class TestRemoving:
    def test_a_sender_that_never_sent_is_removed_once_it_is_off(self, ops: Client, archive: Sender) -> None:
        actor = outbox.somebody(Role.OPERATOR)
        with pytest.raises(WrongState, match="switch it off first"):
            senders.remove_sender(archive.pk, actor, NOW)
        assert "Remove ARCHIVE" in say(ops, "source-off", archive.pk)
        assert "ARCHIVE is gone from the list." in say(ops, "source-remove", archive.pk)
        assert not Sender.objects.exists()
        assert AuditEvent.objects.latest("pk").verb == "sender-removed"

    def test_a_sender_that_studies_name_stays_and_the_page_says_so(self, ops: Client, words: Words) -> None:
        case = busy_day.received(busy_day.WAITING[0][0], NOW, settled=True)
        ops.post(reverse("source-add"), SENDER | {"AETitle": case.calling})
        sender = Sender.objects.get()
        said = say(ops, "source-off", sender.pk)
        assert "stays listed: studies name it" in said
        assert "Remove" not in said
        assert ops.post(reverse("source-remove", args=[sender.pk])).status_code == 409
        assert Sender.objects.exists()

    def test_a_destination_goes_only_where_no_result_names_it(self, ops: Client) -> None:
        unused = outbox.destination("Unused", enabled=False)
        used = outbox.destination("Used")
        outbox.signed()
        Destination.objects.filter(pk=used).update(enabled=False)
        said = plain(ops.get(reverse("destinations")).content.decode())
        assert "Remove Unused" in said
        assert "Remove Used" not in said
        assert "stays listed: results name it" in said
        assert ops.post(reverse("destination-remove", args=[used])).status_code == 409
        say(ops, "destination-remove", unused)
        assert [row.name for row in Destination.objects.all()] == ["Used"]

    def test_one_in_use_is_not_removed(self, ops: Client) -> None:
        pk = outbox.destination()
        assert ops.post(reverse("destination-remove", args=[pk])).status_code == 409
        assert Destination.objects.exists()


class TestFirstSender:
    def test_on_loopback_everybody_may_send_until_the_first_is_listed(self, ops: Client, words: Words) -> None:
        assert "Everybody on this machine may send" in words("sources")
        assert "Once a sender is listed, only listed senders may." in words("source-add")
        ops.post(reverse("source-add"), SENDER)
        assert "Everybody on this machine" not in words("sources")
        assert "Once a sender is listed" not in words("source-add")

    def test_an_empty_list_on_the_network_refuses_everybody_and_says_so(
        self, words: Words, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "VFX", ON_THE_NETWORK)
        assert "Nobody may send: every study is refused" in words("sources")
        assert "Nobody may send: every study is refused." in words("system-health")

    def test_a_list_whose_every_sender_is_off_lets_nobody_in(self, ops: Client, archive: Sender, words: Words) -> None:
        """On loopback too: the listener does not take such a list for an empty one."""
        assert "Nobody may send" not in words("system-health")
        say(ops, "source-off", archive.pk)
        assert "Nobody may send: every study is refused." in words("system-health")
        assert senders.accept_list_of(settings.VFX).objection("ANYONE", "127.0.0.1") is Refused.UNKNOWN_SENDER


def test_a_sender_that_sent_before_it_stood_on_the_list_was_heard(words: Words) -> None:
    """*Never* beside a study would be a riddle."""
    Sender.objects.create(AETitle="CT_SCANNER")
    assert "never" in words("sources")
    intake.receive(given.instance(), given.LISTENER, timezone.now(), given.SETTLE)
    assert "never" not in words("sources")


class TestReportsOfCommitment:
    @pytest.fixture
    def on_the_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "VFX", ON_THE_NETWORK)

    def test_an_archive_that_would_be_turned_away_is_told_of_with_a_link(
        self, ops: Client, words: Words, on_the_network: None
    ) -> None:
        pk = outbox.destination(host="10.0.0.5")
        said = words("destinations")
        assert "Its storage commitment would be turned away: no sender is set up among the Sources." in said
        assert "would be turned away: no sender is set up" in words("destination", pk)
        link = re.search(r'href="([^"]*\?destination=\d+)"', ops.get(reverse("destinations")).content.decode())[1]
        form = ops.get(link).content.decode()
        assert 'value="ARCHIVE"' in form
        assert 'value="10.0.0.5"' in form
        ops.post(link, SENDER | {"host": "10.0.0.5"})
        assert "turned away" not in words("destinations") + words("destination", pk)

    def test_one_that_is_known_at_another_host_leads_to_its_line(
        self, ops: Client, words: Words, on_the_network: None
    ) -> None:
        ops.post(reverse("source-add"), SENDER | {"host": "10.0.0.6"})
        outbox.destination(host="10.0.0.5")
        assert "among the Sources, but with another host" in words("destinations")
        page = reverse("source", args=[Sender.objects.get().pk])
        assert f'href="{page}">Let it in' in ops.get(reverse("destinations")).content.decode()

    def test_one_that_goes_by_a_name_is_let_in_from_where_it_was_refused(
        self, ops: Client, on_the_network: None
    ) -> None:
        pk = outbox.destination(host="pacs.example")
        address = f"{reverse('source-add')}?destination={pk}"
        assert 'value="10.0.0.9"' not in ops.get(address).content.decode()
        turned = [senders.Turned(title, host, "unknown-sender", "", 1, NOW, NOW) for title, host in REFUSED_HOSTS]
        senders.record_refusals(turned)
        assert 'value="10.0.0.9"' in ops.get(address).content.decode()

    def test_one_without_tls_cannot_report_to_a_listener_that_hears_tls_only(
        self, ops: Client, words: Words, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its results would stay *stored, proof asked for* for ever, and nothing would say why."""
        monkeypatch.setattr(settings, "VFX", ON_THE_NETWORK.model_copy(update={"tls_certificate": Path("own.pem")}))
        ops.post(reverse("source-add"), SENDER | {"host": "10.0.0.5"})
        pk = outbox.destination(host="10.0.0.5")
        assert "it is set up without TLS, and this system hears TLS only" in words("destinations")
        assert (
            f'href="{reverse("destination", args=[pk])}">Change it' in ops.get(reverse("destinations")).content.decode()
        )
        assert "this system hears TLS only" in words("destination", pk)
        Destination.objects.update(use_tls=True)
        assert "turned away" not in words("destinations") + words("destination", pk)

    def test_nothing_is_said_where_no_commitment_is_asked_for(self, words: Words, on_the_network: None) -> None:
        outbox.destination(commitment=False)
        outbox.destination("off", enabled=False)
        assert "turned away" not in words("destinations")

    def test_a_report_that_was_turned_away_is_told_from_a_strangers_call(self, words: Words) -> None:
        outbox.destination()
        turned = [
            senders.Turned(title, "10.0.0.5", "unknown-sender", "", 1, NOW, NOW) for title in ("ARCHIVE", "STRANGER")
        ]
        senders.record_refusals(turned[1:])
        assert "what it reports of storage commitment is not heard" not in words("sources")
        senders.record_refusals(turned[:1])
        assert "let it in, or what it reports of storage commitment is not heard" in words("sources")

    def test_after_let_in_the_commitment_is_asked_again_at_once(self, ops: Client, stored: Delivery) -> None:
        """It had been asked for as often as it ever is: letting the archive in begins anew."""
        Delivery.objects.update(asked=PACE.proof_tries)
        assert stored.next_at > given.later(7000)
        ops.post(reverse("source-add"), SENDER)
        row = Delivery.objects.get()
        assert row.next_at - datetime.now(UTC) < timedelta(seconds=11)
        assert Destination.objects.get().try_wanted_at is not None
        asked = dispatch.claim(row.destination_id, row.next_at, PACE)
        assert (asked.state, asked.asked) == (DeliveryState.SENT, 1)
        assert dispatch.proven(Proof(asked.TransactionUID, frozenset({"1.2.1"})), PACE, given.later(9000)) == "proven"

    def test_a_change_that_lets_nobody_new_in_asks_nothing(self, ops: Client, stored: Delivery) -> None:
        ops.post(reverse("source-add"), SENDER)
        Delivery.objects.update(next_at=given.later(9999), asked=2)
        ops.post(reverse("source", args=[Sender.objects.get().pk]), SENDER | {"description": "PACS"})
        ops.post(reverse("source-add"), SENDER | {"AETitle": "ANOTHER"})
        row = Delivery.objects.get()
        assert (row.next_at, row.asked) == (given.later(9999), 2)

    @pytest.mark.parametrize(
        ("hosts", "objection"),
        [
            (["10.0.0.5"], None),
            (["10.0.0.6"], Refused.WRONG_HOST),
            (["10.0.0.6", "10.0.0.5"], None),
            (["pacs.example"], None),
        ],
    )
    def test_a_name_is_judged_by_the_title_alone(self, hosts: list[str], objection: Refused | None) -> None:
        known = AcceptList((Accepted("ARCHIVE", "10.0.0.5"),))
        assert report_objection(known, Reporter("ARCHIVE", tuple(hosts), use_tls=False)) is objection
        assert report_objection(known, Reporter("OTHER", tuple(hosts), use_tls=False)) is Refused.UNKNOWN_SENDER


class TestWithoutCommitment:
    FORM = {"name": "PACS", "protocol": "dicom", "AETitle": "ARCHIVE", "host": "127.0.0.1", "port": "104"}

    def test_what_waits_for_it_ends_when_it_is_switched_off(
        self, ops: Client, stored: Delivery, words: Callable[..., str]
    ) -> None:
        assert "stored, proof asked for" in words("destination", stored.destination_id)
        ops.post(reverse("destination", args=[stored.destination_id]), self.FORM | {"kinds": ["sc"], "enabled": "on"})
        assert dispatch.claim(stored.destination_id, datetime.now(UTC), PACE) is None
        row = Delivery.objects.get()
        assert (row.state, row.next_at) == (DeliveryState.PROVEN, None)
        assert row.delivered.get().committed_at is None
        said = words("destination", stored.destination_id)
        assert "stored, not committed" in said
        assert "storage commitment is not asked for any more" in said

    def test_a_late_answer_of_the_archive_changes_nothing(self, ops: Client, stored: Delivery) -> None:
        Destination.objects.update(commitment=False)
        Delivery.objects.update(next_at=NOW)
        dispatch.claim(stored.destination_id, NOW, PACE)
        assert dispatch.proven(Proof(stored.TransactionUID, frozenset({"1.2.1"})), PACE, NOW) is None

    def test_a_status_is_said_once(self, stored: Delivery, words: Words) -> None:
        said = words("destination", stored.destination_id)
        assert "key image (Secondary Capture): stored (0x0000), at" in said
        assert said.count("0x0000") == 1


def test_a_destination_says_which_protocol_needs_which_field(ops: Client) -> None:
    """The style sheet hides what the chosen protocol does not need; without it every field is there."""
    markup = ops.get(reverse("destination-add")).content.decode()
    needed = {name: protocols for protocols, name in re.findall(r'data-for="([^"]+)".*?name="(\w+)"', markup)}
    assert needed["AETitle"] == "dicom"
    assert needed["host"] == "dicom hl7-mllp"
    assert needed["url"] == "stow-rs fhir-r4"
    assert "name" not in needed


def test_the_issuer_in_force_is_shown_and_that_a_change_needs_a_restart(
    words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is not joined with one that names its issuer" in words("messages")
    monkeypatch.setattr(settings, "VFX", Settings(issuer_of_patient_id="HOSP"))
    assert "is taken for one of HOSP ( VFX_ISSUER_OF_PATIENT_ID ; a change counts after a restart)" in words("messages")


def test_only_an_operator_removes_and_makes_tokens(archive: Sender) -> None:
    nurse = Client()
    person = busy_day.User.objects.create_user("nurse", password=None, role=Role.NURSE)
    nurse.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    for page in ("source-token", "source-remove"):
        assert nurse.post(reverse(page, args=[archive.pk])).status_code == 403
    assert Sender.objects.get().token_sha256 == ""
