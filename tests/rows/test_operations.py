"""The operator's pages: what is wrong is said, what is set up is kept by actions, and what was given up goes again."""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support import busy_day, spines
from tests.support.forms import Words, say
from vfx_finder.actions import analysis, operations, senders
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivery import DestinationFacts
from vfx_finder.domain.errors import NotAllowed
from vfx_finder.domain.retrieval import ArchiveFacts
from vfx_finder.domain.roles import Role
from vfx_finder.domain.routing import Rule
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason
from vfx_finder.ledger.models import (
    Archive,
    AuditEvent,
    Case,
    CommitmentRequest,
    Destination,
    Refusal,
    RoutingRule,
    Sender,
    Sweep,
)
from vfx_finder.web.operations.archive_forms import ArchiveForm
from vfx_finder.web.operations.forms import DestinationForm, RuleForm, SenderForm

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
HARTLEY, ROSSI = busy_day.WAITING[0][0], busy_day.WAITING[3][0]


class TestNotAnalysed:
    def test_a_flood_of_one_reason_is_counted_and_the_newest_shown(
        self, words: Words, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vfx_finder.web.operations.not_analysed.SHOWN", 1)
        staff_day()
        said = words("not-analysed")
        assert "3 not analysed and seen to by nobody" in said
        assert "1 more with this reason" in said
        assert "Retry all 2" in said

    def test_an_expected_end_leaves_the_list_when_somebody_has_seen_it_and_no_other_does(
        self, ops: Client, words: Words
    ) -> None:
        """Heads have no spine: they come every day, and one that came meanwhile has been seen by nobody."""
        staff_day()
        heads = list(Case.objects.filter(reason=Reason.NO_SPINE).order_by("finished_at"))
        shown = heads[-1].finished_at
        later = shown + timedelta(seconds=1)
        third = busy_day.received(busy_day.Somebody(75, "Z", "F", ""), NOW - timedelta(hours=1), settled=True)
        analysis.record(third.pk, third.generation, spines.not_analysed(Reason.NO_SPINE, "."), later)
        said = say(ops, "not-analysed-all-seen", reason=Reason.NO_SPINE.value, until=shown.isoformat())
        assert "2 seen to" in said
        assert "2 not analysed" in said, "the one that came meanwhile, and the other reason"
        assert "Studies 2" in said, "the tab counts what waits"
        assert third.PatientID in said
        say(ops, "not-analysed-seen", third.pk, back="list")
        assert "No spine" not in words("not-analysed")
        assert "Seen to: nothing to do: no spine found Omar Paz (operator)" in words("operations-study", third.pk)
        listed = ops.get(reverse("operations") + "?state=unsuitable").content.decode()
        assert all(one.PatientID in listed for one in heads)
        assert "nobody: seen to" in listed
        assert "seen to this study already" in say(ops, "not-analysed-seen", third.pk)

    def test_a_result_that_is_new_is_seen_by_nobody(self, ops: Client, words: Words, operator: Actor) -> None:
        staff_day()
        head = Case.objects.filter(reason=Reason.NO_SPINE).latest("pk")
        say(ops, "not-analysed-seen", head.pk, back="list")
        again = operations.retry(head.pk, operator, NOW)
        analysis.record(again.pk, again.generation, spines.not_analysed(Reason.NO_SPINE, "."), NOW)
        assert head.PatientID in words("not-analysed")

    def test_where_nothing_came_nothing_is_said_to_be_analysed(self, words: Words) -> None:
        said = words("not-analysed")
        assert "Nothing received yet" in said
        assert "Everything was analysed" not in said

    def test_a_study_of_several_patients_is_counted_and_not_offered_to_be_retried(self, words: Words) -> None:
        staff_day()
        mixed = busy_day.received(busy_day.Somebody(74, "X", "F", ""), NOW - timedelta(hours=1), settled=True)
        analysis.record(mixed.pk, mixed.generation, spines.not_analysed(Reason.NO_SPINE, "."), NOW)
        Case.objects.filter(pk=mixed.pk).update(patient_conflict=True)
        assert "No spine was found in the images. 3" in (said := words("not-analysed"))
        assert "Retry all 2" in said

    def test_the_page_asks_for_no_more_studies_than_it_shows(self, ops: Client, monkeypatch) -> None:
        """A sweep over the past can leave tens of thousands of studies out."""
        monkeypatch.setattr("vfx_finder.web.operations.not_analysed.SHOWN", 1)
        staff_day()
        with CaptureQueriesContext(connection) as asked:
            ops.get(reverse("not-analysed"))
        wide = [one["sql"] for one in asked if '"ledger_case"."PatientName"' in one["sql"] and "reason" in one["sql"]]
        assert wide
        assert all("LIMIT" in sql for sql in wide)

    def test_all_studies_of_one_reason_are_retried_at_once(self, ops: Client) -> None:
        staff_day()
        before = set(Case.objects.filter(reason=Reason.NO_SPINE).values_list("pk", flat=True))
        assert len(before) == 2
        said = say(ops, "operations-retry-all", reason=Reason.NO_SPINE.value)
        assert "2 studies are being analysed again" in said
        assert set(Case.objects.filter(state="settled").values_list("pk", flat=True)) == before
        assert Case.objects.filter(reason=Reason.NO_XRAY_MODEL).count() == 1

    def test_a_flood_is_retried_in_portions(self, ops: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vfx_finder.actions.operations.AT_ONCE", 1)
        staff_day()
        assert "1 study is being analysed again. The rest can follow." in say(
            ops, "operations-retry-all", reason=Reason.NO_SPINE.value
        )
        assert Case.objects.filter(reason=Reason.NO_SPINE).count() == 1

    def test_only_an_operator_retries(self) -> None:
        with pytest.raises(NotAllowed):
            operations.retry_all(Reason.NO_SPINE, busy_day.people(password=None)[Role.NURSE].actor, NOW)


def staff_day() -> None:
    """Two studies without a spine and one X-ray."""
    for number, reason in ((71, Reason.NO_SPINE), (72, Reason.NO_SPINE), (73, Reason.NO_XRAY_MODEL)):
        case = busy_day.received(busy_day.Somebody(number, "X", "F", ""), NOW - timedelta(hours=1), settled=True)
        analysis.record(case.pk, case.generation, spines.not_analysed(reason, "."), NOW)


class TestSources:
    FORM = {"AETitle": "CT_9", "host": "10.0.0.9", "description": "", "settle_seconds": "", "enabled": "on"}

    def test_a_caller_that_was_turned_away_is_let_in_with_one_key(self, ops: Client) -> None:
        senders.record_refusals([senders.Turned("CT_9", "10.0.0.9", "unknown-sender", "", 4, NOW, NOW)])
        address = f"{reverse('source-add')}?refusal={Refusal.objects.get().pk}"
        markup = ops.get(address).content.decode()
        assert 'value="CT_9"' in markup
        assert re.search(r"<button[^>]*autofocus[^>]*>Let it in", markup)
        ops.post(address, self.FORM)
        assert Sender.objects.get().host == "10.0.0.9"
        assert not Refusal.objects.exists()

    def test_a_known_sender_at_another_address_is_changed_and_not_added_again(self, ops: Client) -> None:
        say(ops, "source-add", **self.FORM)
        senders.record_refusals([senders.Turned("CT_9", "10.9.9.9", "wrong-host", "", 1, NOW, NOW)])
        markup = ops.get(reverse("sources")).content.decode()
        assert f"{reverse('source-add')}?refusal=" not in markup
        assert re.search(rf'href="{reverse("source", args=[Sender.objects.get().pk])}">Change<', markup)

    def test_what_the_action_objects_to_is_said_and_nothing_kept(self, ops: Client) -> None:
        assert "A host is an IP address or a network" in say(ops, "source-add", **self.FORM | {"host": "ct.example"})
        assert not Sender.objects.exists()

    def test_a_token_is_shown_once_and_only_its_digest_kept(self, ops: Client, words: Words) -> None:
        say(ops, "source-add", **self.FORM)
        sender = Sender.objects.get()
        markup = ops.post(reverse("source-token", args=[sender.pk]), follow=True).content.decode()
        secret = re.search(r'id="secret">([^<]+)<', markup)[1]
        sender.refresh_from_db()
        assert sender.token_sha256 == senders.digest_of(secret)
        assert secret not in words("sources")
        assert secret not in str(list(AuditEvent.objects.values()))

    def test_changing_one_thing_keeps_all_others(self, ops: Client) -> None:
        full = {"port": "104", "description": "CT", "settle_seconds": "30.0"}
        say(ops, "source-add", **self.FORM | full)
        sender = Sender.objects.get()
        markup = ops.get(reverse("source", args=[sender.pk])).content.decode()
        shown = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*?value="([^"]*)"', markup))
        say(ops, "source", sender.pk, **shown | {"enabled": "on", "description": "CT of the emergency department"})
        after = Sender.objects.get()
        assert (after.port, after.settle_seconds, after.host) == (104, 30.0, "10.0.0.9")
        assert after.description == "CT of the emergency department"

    def test_storage_commitment_that_was_not_told_is_shown(self, words: Words) -> None:
        CommitmentRequest.objects.create(
            TransactionUID="1.2.3",
            calling="CT_9",
            host="10.0.0.9",
            asked=[["1", "2"]],
            asked_at=NOW,
            problem="No port.",
        )
        assert "not yet No port." in words("sources")

    def test_a_sender_that_is_switched_off_stays_listed(self, ops: Client, words: Words) -> None:
        say(ops, "source-add", **self.FORM)
        assert "may no longer send" in say(ops, "source-off", Sender.objects.get().pk)
        assert "CT_9" in words("sources")


class TestDestinations:
    FORM = {"name": "PACS", "protocol": "dicom", "AETitle": "PACS", "host": "10.0.0.1", "port": "104", "kinds": ["sc"]}

    def test_one_is_added_and_gets_only_what_was_signed_unless_told(self, ops: Client) -> None:
        say(ops, "destination-add", **self.FORM, enabled="on")
        kept = Destination.objects.get()
        assert (kept.before_sign_off, kept.kinds, kept.enabled) == (False, ["sc"], True)

    def test_an_incomplete_one_is_refused_in_words(self, ops: Client) -> None:
        assert "has a host and a port" in say(ops, "destination-add", **self.FORM | {"host": ""})
        assert "Choose at least one kind" in say(ops, "destination-add", **self.FORM | {"kinds": []})
        assert not Destination.objects.exists()

    def test_an_empty_token_field_keeps_the_token_and_never_shows_it(self, ops: Client) -> None:
        form = {"name": "Web", "protocol": "stow-rs", "url": "https://pacs.example/dicom-web", "kinds": ["sr"]}
        say(ops, "destination-add", **form, token="a-secret")
        row = Destination.objects.get()
        page = reverse("destination", args=[row.pk])
        assert b"a-secret" not in ops.get(page).content
        ops.post(page, form | {"name": "Web 2", "token": ""})
        row.refresh_from_db()
        assert (row.name, row.token) == ("Web 2", "a-secret")

    def test_a_try_is_asked_of_the_worker_and_shown_as_asking(self, ops: Client) -> None:
        say(ops, "destination-add", **self.FORM)
        assert "asking now" in say(ops, "destination-try", Destination.objects.get().pk)
        assert Destination.objects.get().try_wanted_at is not None


class TestRules:
    FORM = {"name": "Emergency first", "verdict": "urgent", "StudyDescription": "*urogram*"}

    def test_a_rule_is_tried_against_a_study_that_was_received(self, ops: Client) -> None:
        case = busy_day.flagged(ROSSI, NOW - timedelta(hours=1), {Level.L1: 2})
        say(ops, "rule-add", name="Children", verdict="leave-out", oldest="17")
        say(ops, "rule-add", **self.FORM, at_once="yes")
        said = say(ops, "rules-find", words="A9004")
        assert "“Emergency first” decides:" in said
        assert "above 17" in said
        case.refresh_from_db()
        assert case.routed_by == ""

    def test_a_rule_that_leaves_out_is_tried_before_it_leaves_anything_out(self, ops: Client, operator: Actor) -> None:
        newest = busy_day.flagged(ROSSI, NOW - timedelta(hours=1), {Level.L1: 2})
        other = busy_day.flagged(HARTLEY, NOW - timedelta(hours=2), {Level.L1: 2})
        said = say(ops, "rule-add", name="No urograms", verdict="leave-out", StudyDescription="*urogram*")
        assert "kept and not in force" in said
        assert f"study {newest.correlation_id[:8]}" in said
        assert "would decide If it were in force" in said
        assert "No rule fits" in said
        assert operations.retry(newest.pk, operator, NOW).state == "settled", "it decides nothing yet"
        assert f"study {other.correlation_id[:8]}" in say(
            ops, "rules-find", words=other.StudyInstanceUID, case=str(newest.pk)
        )
        rule = RoutingRule.objects.get()
        for _ in "the second from a page that stood open":
            said = say(ops, "rule-switch", rule.pk, case=str(newest.pk), on="yes")
        assert "“No urograms” decides:" in said
        assert "No study has this reference" in (said := say(ops, "rules-find", words="none", case=str(newest.pk)))
        assert "Which rule fits study" in said

    def test_a_change_to_a_rule_in_force_is_said_to_act_at_once(self, ops: Client) -> None:
        say(ops, "rule-add", **self.FORM, at_once="yes")
        page = reverse("rule", args=[RoutingRule.objects.get().pk])
        assert "a change acts at once" in (shown := ops.get(page).content.decode())
        assert "Save and try" not in shown
        say(ops, "rule-switch", RoutingRule.objects.get().pk)
        assert "Save and try" in ops.get(page).content.decode()

    def test_rules_change_places(self, ops: Client) -> None:
        say(ops, "rule-add", name="first", verdict="normal")
        say(ops, "rule-add", name="second", verdict="normal")
        say(ops, "rule-move", RoutingRule.objects.get(name="second").pk, place="1")
        assert list(RoutingRule.objects.values_list("name", flat=True)) == ["second", "first"]

    def test_a_rule_that_leaves_out_everything_is_refused(self, ops: Client) -> None:
        assert "leave out every study" in say(ops, "rule-add", name="none", verdict="leave-out")
        assert not RoutingRule.objects.exists()

    def test_it_is_switched_off_before_it_is_removed(self, ops: Client, words: Words) -> None:
        say(ops, "rule-add", **self.FORM, at_once="yes")
        rule = RoutingRule.objects.get()
        assert "Remove" not in words("rules")
        assert "Remove" in say(ops, "rule-switch", rule.pk)
        say(ops, "rule-remove", rule.pk)
        assert not RoutingRule.objects.exists()


def day(ago: int) -> str:
    """A day so long ago."""
    return str((NOW - timedelta(days=ago)).date())


class TestArchives:
    FORM = {"name": "PACS", "AETitle": "PACS", "host": "10.0.0.1", "port": "104", "method": "C-MOVE"}

    def test_a_sweep_is_started_paused_and_cancelled(self, ops: Client) -> None:
        say(ops, "archive-add", **self.FORM, studies_per_hour="60")
        archive = Archive.objects.get()
        said = say(ops, "archive-sweep", archive.pk, first_day=day(40), last_day=day(10), modality="CT")
        assert "0 of 31" in said
        sweep = Sweep.objects.get()
        states = []
        for to in ("pause", "resume", "cancel"):
            say(ops, "sweep-change", sweep.pk, to=to)
            sweep.refresh_from_db()
            states.append(sweep.state)
        assert states == ["paused", "running", "cancelled"]

    def test_hours_have_a_beginning_and_an_end(self, ops: Client) -> None:
        said = say(ops, "archive-add", **self.FORM, studies_per_hour="60", from_hour="20")
        assert "a beginning and an end" in said
        assert not Archive.objects.exists()


@pytest.mark.parametrize(
    ("form", "facts", "differently"),
    [
        (SenderForm, senders.Wish, {}),
        (DestinationForm, DestinationFacts, {}),
        (RuleForm, Rule, {}),
        (ArchiveForm, ArchiveFacts, {"hours": {"from_hour", "until_hour"}}),
    ],
)
def test_a_form_asks_for_everything_or_changing_one_thing_would_empty_another(
    form: type, facts: type, differently: dict[str, set[str]]
) -> None:
    wanted = {name for field in fields(facts) for name in differently.get(field.name, {field.name})}
    assert set(form.base_fields) == wanted


def test_every_setting_up_is_on_record_with_its_person(ops: Client) -> None:
    say(ops, "source-add", **TestSources.FORM)
    say(ops, "destination-add", **TestDestinations.FORM)
    say(ops, "rule-add", **TestRules.FORM)
    told = list(AuditEvent.objects.values_list("verb", "name", "role"))
    assert told == [
        ("sender-kept", "Omar Paz", "operator"),
        ("destination-added", "Omar Paz", "operator"),
        ("rule-kept", "Omar Paz", "operator"),
    ]
