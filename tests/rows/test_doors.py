"""Who may open what: every address against every role, denied unless the table says so."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from tests.support import busy_day, spines
from vfx_finder.domain.errors import Broken, NotAllowed, Retry, WrongState
from vfx_finder.domain.roles import Permission, Role, may
from vfx_finder.domain.spine import Level
from vfx_finder.web.doors import DOORS, OPEN_TO_ALL, OPEN_TO_EVERY_ROLE, OPEN_TO_SENDERS

pytestmark = pytest.mark.django_db

EVERYBODY = (Role.RADIOLOGIST, Role.NURSE, Role.OPERATOR)
POSTED = frozenset(
    {
        "study-draft",
        "study-sign",
        "patient-move",
        "patient-note",
        "patient-age",
        "patient-first-contact",
        "operations-search",
        "operations-retry",
        "operations-retry-all",
        "operations-settle",
        "operations-now",
        "operations-all-the-same",
        "operations-send",
        "late-images-seen",
        "other-content-seen",
        "source-off",
        "source-remove",
        "source-token",
        "source-forget",
        "destination-try",
        "destination-switch",
        "destination-remove",
        "delivery-resend",
        "deliveries-resend",
        "not-analysed-seen",
        "not-analysed-all-seen",
        "message-again",
        "messages-again",
        "message-aside",
        "archive-try",
        "archive-switch",
        "sweep-change",
        "rule-move",
        "rule-switch",
        "rule-remove",
        "rules-find",
        "sign-out",
    }
)
NOT_FOUND, FORBIDDEN = 404, 403


@pytest.fixture
def staff(db: None) -> dict[Role, object]:
    return busy_day.people(password=None)


def address(name: str) -> str:
    """The address of a page, of a study or patient that is not there where it needs one."""
    pattern = next(one for one in get_resolver().url_patterns if one.name == name)
    return reverse(name, args=[999_999] * len(pattern.pattern.converters))


def knock(client: Client, name: str) -> int:
    """The status that this address answers with."""
    return (client.post if name in POSTED else client.get)(address(name)).status_code


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def names() -> list[str]:
    return [pattern.name for pattern in get_resolver().url_patterns]


def test_every_address_stands_in_exactly_one_part_of_the_table() -> None:
    parts = [*OPEN_TO_ALL, *OPEN_TO_SENDERS, *OPEN_TO_EVERY_ROLE, *DOORS]
    assert sorted(parts) == sorted(names())


@pytest.mark.parametrize("role", EVERYBODY)
def test_each_door_opens_for_those_who_hold_its_permission_and_for_nobody_else(
    role: Role, staff: dict[Role, object]
) -> None:
    client = signed_in(staff[role])
    answers = {name: knock(client, name) for name in DOORS}
    opened = {name for name, status in answers.items() if status != FORBIDDEN}
    assert opened == {name for name, permission in DOORS.items() if may(role, permission)}
    assert set(answers.values()) <= {200, 302, FORBIDDEN, NOT_FOUND}


def test_nobody_passes_without_signing_in() -> None:
    for name in {*DOORS, *OPEN_TO_EVERY_ROLE}:
        answer = (Client().post if name in POSTED else Client().get)(address(name))
        assert answer.status_code == 302, name
        assert answer["Location"].startswith(reverse("sign-in")), name


def test_an_address_that_the_table_forgot_opens_for_nobody(
    staff: dict[Role, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(DOORS, "worklist")
    assert all(knock(signed_in(staff[role]), "worklist") == FORBIDDEN for role in EVERYBODY)


def test_everybody_starts_on_their_own_page() -> None:
    staff = busy_day.people()
    homes = {Role.RADIOLOGIST: "worklist", Role.NURSE: "queue", Role.OPERATOR: "system-health"}
    for role, home in homes.items():
        signing_in = {"username": staff[role].username, "password": busy_day.PASSWORD}
        answer = Client().post(reverse("sign-in"), signing_in, follow=True)
        assert answer.redirect_chain[-1][0] == reverse(home)


def test_a_nurse_cannot_sign_a_review_even_with_the_right_form(staff: dict[Role, object]) -> None:
    who = busy_day.WAITING[0][0]
    case = busy_day.flagged(who, busy_day.datetime.now(busy_day.UTC), {Level.L1: 3})
    form = {"analysis": case.analyses.get().pk}
    assert signed_in(staff[Role.NURSE]).post(reverse("study-sign", args=[case.pk]), form).status_code == FORBIDDEN
    case.refresh_from_db()
    assert case.state == "awaiting-review"


def test_signing_an_older_analysis_than_the_present_one_is_refused(staff: dict[Role, object]) -> None:
    case = busy_day.flagged(busy_day.WAITING[0][0], busy_day.datetime.now(busy_day.UTC), {Level.L1: 3})
    radiologist = signed_in(staff[Role.RADIOLOGIST])
    stale = {"analysis": case.analyses.get().pk + 1}
    answer = radiologist.post(reverse("study-sign", args=[case.pk]), stale)
    assert answer.status_code == 409
    assert b"Nothing was changed" in answer.content


def test_a_draft_with_a_rejection_without_reason_is_not_signed(staff: dict[Role, object]) -> None:
    case = busy_day.flagged(busy_day.WAITING[0][0], busy_day.datetime.now(busy_day.UTC), {Level.L1: 3})
    at = spines.SPAN.index(Level.L1)
    form = {"analysis": case.analyses.get().pk, f"decision-{at}": "rejected"}
    answer = signed_in(staff[Role.RADIOLOGIST]).post(reverse("study-sign", args=[case.pk]), form)
    assert (answer.status_code, b"choose why it is rejected" in answer.content) == (422, True)


@pytest.mark.parametrize(("error", "status"), [(NotAllowed, 403), (WrongState, 409), (Retry, 503), (Broken, 500)])
def test_each_error_has_its_page_with_a_reference(
    error: type[Exception], status: int, staff: dict[Role, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("vfx_finder.reading.views.queries.worklist", fail)
    answer = signed_in(staff[Role.RADIOLOGIST]).get(reverse("worklist"), headers={"X-Request-ID": "abcd-1234-efgh"})
    assert answer.status_code == status
    assert answer["X-Request-ID"] == "abcd-1234-efgh"
    assert b"abcd-1234-efgh" in answer.content


def test_an_indecent_request_id_is_replaced() -> None:
    answer = Client().get(reverse("sign-in"), headers={"X-Request-ID": "<script>alert(1)</script>"})
    assert answer["X-Request-ID"].isalnum()


@pytest.mark.parametrize("name", ["sign-in", "intended-use", "home"])
def test_every_page_says_what_it_is_not_and_is_not_kept(name: str) -> None:
    answer = Client().get(reverse(name), follow=True)
    assert "not for diagnosis" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_no_page_allows_scripts_or_styles_of_its_own() -> None:
    policy = Client().get(reverse("sign-in"))["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy


def test_health_answers_without_signing_in_and_names_nothing() -> None:
    answer = Client().get(reverse("health"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_permissions_of_the_doors_are_permissions_of_people() -> None:
    assert not {Permission.RECEIVE, Permission.RECORD_ANALYSIS} & set(DOORS.values())
