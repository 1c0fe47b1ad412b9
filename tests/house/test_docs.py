"""The docs say what the code does: every state, reason and setting is there, and generated pages are fresh."""

import re
from pathlib import Path

import pytest

from docs.generate import stale
from vfx_finder.config import Settings
from vfx_finder.domain.delivery import DeliveryState
from vfx_finder.domain.flow import CaseState, ReferralState
from vfx_finder.domain.study import Reason

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def rows(page: str) -> dict[str, list[str]]:
    """The tables of a page: first cell, without backticks -> the other cells."""
    cells = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in (DOCS / page).read_text().splitlines()
        if line.startswith("|")
    ]
    return {first: rest for first, *rest in cells}


def test_generated_pages_are_fresh():
    """docs/states.md and docs/dependencies.md are what the code and the installed packages say."""
    assert stale() == []


@pytest.mark.parametrize("state", [*CaseState, *ReferralState, *DeliveryState])
def test_every_state_is_documented(state):
    """Every state stands in the table with the one who acts next."""
    assert rows("states.md")[state][0]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_plain_words(reason):
    """Every reason for not analysing stands in docs/not-analysed.md with what it means and what to do."""
    meaning, action = rows("not-analysed.md")[reason]
    assert len(meaning.split()) >= 4
    assert len(action.split()) >= 2


def test_no_reason_is_documented_that_does_not_exist():
    """docs/not-analysed.md names no reason that the code no longer gives."""
    codes = {code for code in rows("not-analysed.md") if re.fullmatch(r"[a-z]+(-[a-z]+)*", code)}
    assert codes - {str(reason) for reason in Reason} <= {"reason"}


def test_every_setting_is_documented():
    """docs/settings.md has each setting by its environment variable, with its default and meaning, and no other."""
    documented = {name for name in rows("settings.md") if name.startswith("VFX_")}
    assert documented == {f"VFX_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_the_default_that_is_in_force(name):
    """The second column of docs/settings.md is the default of vfx_finder/config.py."""
    default = Settings.model_fields[name].default
    documented = rows("settings.md")[f"VFX_{name.upper()}"][0]
    if default is None:
        assert documented in {"none", "generated"}
    elif default in ("", ()):
        assert documented == "empty"
    elif isinstance(default, bool):
        assert documented == str(default).lower()
    elif isinstance(default, int | float):
        assert float(documented) == default
    else:
        assert documented == (",".join(default) if isinstance(default, tuple) else str(default))


def test_links_between_pages_lead_somewhere():
    """Every relative link in README and docs points to a file of this repository."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert dead == []
