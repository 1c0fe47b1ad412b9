"""There is no default account; people are added by hand, each with one role and a password worth the name."""

import pytest
import typer
from django.contrib.auth import authenticate
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
