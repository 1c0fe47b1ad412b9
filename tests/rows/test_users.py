"""There is no default account; people are added by hand, each with one role and a password worth the name."""

import pytest
import typer
from django.contrib.auth import authenticate
from django.test import Client
from django.urls import reverse
from typer.testing import CliRunner

from tests.support import intake as given
from vfx_finder.accounts.models import User
from vfx_finder.actions import accounts
from vfx_finder.cli import users
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.roles import Permission, Role
from vfx_finder.ledger.models import AuditEvent

pytestmark = pytest.mark.django_db

GOOD = "blue-lamp-under-water"


@pytest.fixture
def run():
    app = typer.Typer()
    users.register(app)
    return lambda *words, **said: CliRunner().invoke(app, ["users", *words], **said)


def test_nobody_can_sign_in_at_first() -> None:
    assert not User.objects.exists()


def test_an_added_person_signs_in_with_one_role(run) -> None:
    assert (
        run(
            "add", "lee", "--role", "radiologist", "--full-name", "Dr Kim Lee", "--password-stdin", input=f"{GOOD}\n"
        ).exit_code
        == 0
    )
    user = User.objects.get()
    assert user.password.startswith("argon2$")
    assert (user.actor.role, user.actor.name, user.actor.user_id) == (Role.RADIOLOGIST, "Dr Kim Lee", user.pk)
    assert user.may(Permission.SIGN_REVIEW)
    assert not user.may(Permission.MOVE_REFERRAL)
    listed = run("list").output
    assert "lee" in listed
    assert GOOD not in listed


def test_adding_is_in_the_audit_trail_without_the_password() -> None:
    accounts.add("anne", Role.NURSE, GOOD, given.NOW)
    event = AuditEvent.objects.get()
    assert (event.process, event.verb) == ("command-line", "account-added")
    assert GOOD not in str(event.detail)


@pytest.mark.parametrize("password", ["short", "password123", "1234567890123"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(WrongState):
        accounts.add("anne", Role.NURSE, password, given.NOW)
    assert not User.objects.exists()


def test_a_name_is_given_once_whatever_its_case() -> None:
    accounts.add("anne", Role.NURSE, GOOD, given.NOW)
    with pytest.raises(WrongState):
        accounts.add("Anne", Role.OPERATOR, GOOD, given.NOW)


def test_nobody_signs_in_as_the_system() -> None:
    with pytest.raises(NotAllowed):
        accounts.add("root", Role.SYSTEM, GOOD, given.NOW)


def test_a_changed_password_is_the_only_one_that_works(run, rf) -> None:
    accounts.add("anne", Role.NURSE, GOOD, given.NOW)
    assert run("password", "anne", "--password-stdin", input="green-lamp-over-fire\n").exit_code == 0
    request = rf.post("/sign-in")
    assert authenticate(request, username="anne", password=GOOD) is None
    assert authenticate(request, username="anne", password="green-lamp-over-fire") == User.objects.get()


def test_who_left_is_signed_out_at_once_and_cannot_sign_in_until_enabled(run, client) -> None:
    accounts.add("anne", Role.NURSE, GOOD, given.NOW)
    accounts.add("lee", Role.NURSE, GOOD, given.NOW)
    other = Client()
    other.force_login(User.objects.get(username="lee"))
    client.force_login(User.objects.get(username="anne"))
    assert client.get("/", follow=True).redirect_chain[-1][0] == reverse("queue")
    assert run("disable", "anne").exit_code == 0
    for _ in ("while it is disabled", "and with the old session once it is enabled"):
        assert client.get("/", follow=True).redirect_chain[-1][0].startswith(reverse("sign-in"))
        if not User.objects.get(username="anne").is_active:
            assert "no: disabled" in run("list").output
            assert client.post(reverse("sign-in"), {"username": "anne", "password": GOOD}).status_code == 200
            assert run("enable", "anne").exit_code == 0
    assert client.post(reverse("sign-in"), {"username": "anne", "password": GOOD}).status_code == 302
    assert other.get("/").status_code == 302
    assert other.get("/", follow=True).status_code == 200, "nobody else was signed out"
    assert list(AuditEvent.objects.values_list("verb", flat=True).order_by("pk"))[-2:] == [
        "account-disabled", "account-enabled",
    ]  # fmt: skip


def test_what_is_so_already_or_is_nobodys_is_told(run) -> None:
    accounts.add("anne", Role.NURSE, GOOD, given.NOW)
    for change, name in ((accounts.enable, "anne"), (accounts.disable, "nobody")):
        with pytest.raises(WrongState):
            change(name, given.NOW)


def test_the_role_of_a_process_is_not_offered(run) -> None:
    assert "system" not in run("add", "--help").output
    assert run("add", "root", "--role", "system", "--password-stdin", input=f"{GOOD}\n").exit_code != 0


def test_somebody_without_a_full_name_is_given_one_and_keeps_the_password(run) -> None:
    accounts.add("lee", Role.RADIOLOGIST, GOOD, given.NOW)
    assert User.objects.get().actor.name == "lee"
    assert run("rename", "lee", "Kim  Lee").exit_code == 0
    assert User.objects.get().actor.name == "Kim Lee"
    assert User.objects.get().check_password(GOOD)
    assert AuditEvent.objects.latest("pk").verb == "account-renamed"
    for name, full_name in (("nobody", "Kim Lee"), ("lee", "  "), ("lee", "x" * 200)):
        with pytest.raises(WrongState):
            accounts.rename(name, full_name, given.NOW)
