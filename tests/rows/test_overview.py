"""The operator's first pages: what is wrong is said in words, and every study is found."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.support import busy_day
from tests.support import intake as given
from tests.support.forms import Words, say
from tests.support.reviews import confirmed
from vfx_finder.actions import delivery, heartbeat, senders
from vfx_finder.config import Settings
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.sender import NOT_LET_IN, Refused
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Case, Delivery, Destination
from vfx_finder.ledger.operations import by_hour
from vfx_finder.ledger.search import find_studies, leaf

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
HARTLEY, ROSSI = busy_day.WAITING[0][0], busy_day.WAITING[3][0]


@pytest.fixture
def one_study(db: None) -> Case:
    return busy_day.flagged(HARTLEY, NOW - timedelta(hours=2), {Level.L1: 3})


@pytest.fixture
def signed_long_ago(analysed, sign, operator) -> None:
    """A result that waits to be sent since the day of the tests."""
    facts = DestinationFacts("PACS", Protocol.HL7, host="10.0.0.5", port=2575)
    delivery.keep_destination(facts, operator, given.NOW)
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    Delivery.objects.update(created_at=NOW - timedelta(hours=2))


class TestOverview:
    def test_a_silent_listener_and_a_missing_worker_come_first(self, words: Words) -> None:
        heartbeat.beat("listener", NOW - timedelta(minutes=5), {"free_bytes": 10**12})
        said = words("system-health")
        assert "The listener is not running, last heard" in said
        assert "No worker is running: studies are received, none is analysed." in said

    def test_hours_are_counted_also_where_clocks_are_half_an_hour_off(self, one_study: Case) -> None:
        with timezone.override("Asia/Kolkata"):
            assert sum(hour.received for hour in by_hour(NOW)) == 1

    def test_what_waits_for_a_destination_that_is_switched_off_is_no_alarm(self, words: Words, signed_long_ago) -> None:
        assert "1 result is on the way to PACS since" in words("system-health")
        Destination.objects.update(enabled=False)
        assert "on the way to PACS" not in words("system-health")

    def test_a_listener_that_beats_is_alive(self, words: Words) -> None:
        heartbeat.beat("listener", datetime.now(UTC), {"free_bytes": 10**12})
        assert "The listener is not running" not in words("system-health")

    @pytest.mark.parametrize(
        ("free", "said"),
        [
            (10**9, "studies are being refused"),
            (5 * 10**9, "Make room before it is full"),
            (10**11, ""),
        ],
    )
    def test_a_disk_that_fills_is_told_before_and_when_it_is_full(self, free: int, said: str, words: Words) -> None:
        heartbeat.beat("listener", datetime.now(UTC), {"free_bytes": free})
        shown = words("system-health")
        assert said in shown
        assert ("Make room" in shown) == bool(said)

    def test_a_certificate_is_told_of_before_it_expires(self, words: Words) -> None:
        for days, said in ((90, ""), (12, "expires in 12 days"), (-1, "certificate has expired")):
            heartbeat.beat("listener", datetime.now(UTC), {"certificate_days": days})
            shown = words("system-health")
            assert said in shown
            assert ("certificate" in shown) == bool(said)

    def test_tls_files_that_cannot_be_used_are_an_alarm_though_the_old_ones_still_serve(self, words: Words) -> None:
        """What ends with the next restart must be told before; when the certificate in force expires is still told."""
        since = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
        told = {"tls_unusable": "The TLS certificate and key cannot be used together: no start line."}
        told["tls_unusable_since"] = since.isoformat()
        heartbeat.beat("listener", datetime.now(UTC), {"certificate_days": 19, **told})
        shown = words("system-health")
        assert f"cannot be used since {timezone.localtime(since):%-d %b %H:%M}" in shown
        assert "no start line" in shown
        assert "goes on with the ones before until it is restarted" in shown
        assert "expires in 19 days" in shown

    def test_unheard_hospital_messages_are_an_alarm_only_where_they_are_wanted(
        self, words: Words, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "HL7" not in words("system-health")
        monkeypatch.setattr(settings, "VFX", Settings(hl7_port=2575))
        assert "Nobody hears the hospital's HL7 messages" in words("system-health")
        heartbeat.beat("hospital-listener", datetime.now(UTC), {})
        assert "HL7" not in words("system-health")

    def test_nobody_set_up_on_a_network_means_that_every_study_is_refused(
        self, words: Words, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "VFX", Settings(dicom_host="0.0.0.0"))
        assert "Nobody may send: every study is refused." in words("system-health")
        monkeypatch.setattr(settings, "VFX", Settings(dicom_host="0.0.0.0", accept_any_sender=True))
        assert "Anybody on the network may send studies." in words("system-health")

    def test_a_study_that_waits_long_is_an_alarm_but_not_one_that_waits_for_the_night(self, words: Words) -> None:
        case = busy_day.received(HARTLEY, NOW - timedelta(hours=3), settled=True)
        assert "A study waits for its analysis since" in words("system-health")
        Case.objects.filter(pk=case.pk).update(priority="off-peak")
        assert "A study waits for its analysis since" not in words("system-health")
        Case.objects.filter(pk=case.pk).update(settled_at=NOW - timedelta(hours=25))
        assert "A study waits for its analysis since" in words("system-health")

    def test_it_counts_what_passed_and_names_nobody(self, one_study: Case, words: Words) -> None:
        said = words("system-health")
        assert "1 in a day, 3 images" in said
        assert "half within 68 s of the last image" in said
        assert "HARTLEY" not in said

    def test_a_refused_caller_is_an_alarm_that_leads_to_the_sources(self, ops: Client) -> None:
        by_both = [senders.Turned("CT_9", "10.0.0.9", "unknown-sender", how, 4, NOW, NOW) for how in ("", "by STOW-RS")]
        senders.record_refusals(by_both)
        markup = ops.get(reverse("system-health")).content.decode()
        assert "1 caller was turned away" in markup
        assert f'href="{reverse("sources")}"' in markup

    def test_who_cannot_be_let_in_is_no_caller_to_let_in(self, words: Words) -> None:
        """Port scans, a full disk, TLS that failed: nobody would find whom to let in."""
        others = [reason for reason in Refused if reason not in NOT_LET_IN or reason is Refused.PLAIN]
        senders.record_refusals([senders.Turned("CT_9", "10.0.0.9", one.value, "", 1, NOW, NOW) for one in others])
        assert "Let in whom you know" not in words("system-health")

    def test_it_costs_a_fixed_number_of_questions(self, ops: Client, django_assert_max_num_queries: object) -> None:
        for who in (HARTLEY, ROSSI):
            busy_day.flagged(who, NOW - timedelta(hours=1), {Level.L1: 3})
        with django_assert_max_num_queries(45):
            ops.get(reverse("system-health"))


class TestSearch:
    @pytest.mark.parametrize(
        "reference",
        ["A9001", "a9001", "7700001", "77000", f"{busy_day.ROOT}.1", f"{busy_day.ROOT}.1.1", f"{busy_day.ROOT}.1.1.2"],
    )
    def test_every_reference_finds_the_study(self, reference: str, one_study: Case) -> None:
        assert [case.pk for case in find_studies(f" {reference} ")] == [one_study.pk]

    def test_the_beginning_of_the_correlation_id_is_enough(self, one_study: Case) -> None:
        assert find_studies(one_study.correlation_id[:8]).get() == one_study

    @pytest.mark.parametrize("nothing", ["", "   ", "7", "%", "HARTLEY"])
    def test_too_little_and_names_find_nothing(self, nothing: str, one_study: Case) -> None:
        assert not find_studies(nothing).exists()

    def test_the_only_hit_is_opened_and_its_number_stands_in_no_address(self, ops: Client, one_study: Case) -> None:
        answer = ops.post(reverse("operations-search"), {"words": "7700001"}, follow=True)
        addresses = [address for address, _ in answer.redirect_chain]
        assert addresses == [reverse("operations-found"), reverse("operations-study", args=[one_study.pk])]
        assert "7700001" not in "".join(addresses)

    def test_nothing_found_says_what_else_to_try(self, ops: Client) -> None:
        assert "No study has this reference" in say(ops, "operations-search", words="A0000")


class TestLeafing:
    def test_older_studies_stand_on_further_leaves(self, words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vfx_finder.ledger.search.LEAF", 1)
        for who, hours in ((HARTLEY, 1), (ROSSI, 2)):
            busy_day.flagged(who, NOW - timedelta(hours=hours), {Level.L1: 3})
        assert "1 of 2, 2 studies" in words("operations")
        assert [case.AccessionNumber for case in leaf("", 2).studies] == ["A9004"]
        assert leaf("awaiting-review", 99).number == 2
        assert leaf("", 1).studies[0].instance_count == 3

    @pytest.mark.parametrize("odd", ["-1", "x", "9" * 400, "²"])
    def test_an_odd_leaf_is_the_first(self, odd: str, ops: Client, one_study: Case) -> None:
        assert ops.get(reverse("operations"), {"leaf": odd}).status_code == 200

    def test_an_empty_list_has_one_leaf(self) -> None:
        assert leaf("failed", 1).last == 1
