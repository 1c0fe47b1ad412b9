"""What the base page shows on every page."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from vfx_finder.domain.guidance import RESEARCH_ONLY
from vfx_finder.domain.roles import Role
from vfx_finder.ledger import unseen
from vfx_finder.web.doors import PAGES_OF, TABS_OF, WITHIN


def base_page(request: HttpRequest) -> dict[str, Any]:
    """The pages of this person's role, the tabs of the section they are in, and the software's version."""
    match = getattr(request, "resolver_match", None)
    name_here = match.view_name if match else ""
    here = WITHIN.get(name_here, name_here)
    section = next((first for first, tabs in TABS_OF.items() if here in dict(tabs)), here)
    user = getattr(request, "user", None)
    role = getattr(user, "role", "")
    pages = PAGES_OF.get(Role(role), ()) if role in set(Role) else ()
    tabs = _links(TABS_OF.get(section, ()), here)
    return {
        "pages": _links(pages, section),
        "tabs": _counted(tabs) if section == "not-analysed" else tabs,
        "research_only": RESEARCH_ONLY,
        "version": _version(),
    }


def _links(pages: tuple[tuple[str, str], ...], here: str) -> list[dict[str, Any]]:
    return [{"address": reverse(name), "label": label, "here": name == here} for name, label in pages]


def _counted(tabs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tabs of *To do*, in the order of `doors.TABS_OF`, each with what waits below it."""
    waiting = unseen.to_do()
    counts = (waiting.studies, waiting.dead_letters, waiting.messages)
    return [tab | {"count": count} for tab, count in zip(tabs, counts, strict=True)]


def _version() -> str:
    try:
        return version("vfx-finder")
    except PackageNotFoundError:
        return "unreleased"
