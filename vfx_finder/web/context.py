"""What the base page shows on every page."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from vfx_finder.domain.guidance import RESEARCH_ONLY
from vfx_finder.domain.roles import Role
from vfx_finder.web.doors import PAGES_OF


def base_page(request: HttpRequest) -> dict[str, Any]:
    """The pages of this person's role and the software's version."""
    match = getattr(request, "resolver_match", None)
    here = match.view_name if match else ""
    user = getattr(request, "user", None)
    role = getattr(user, "role", "")
    pages = PAGES_OF.get(Role(role), ()) if role in set(Role) else ()
    return {
        "pages": [{"address": reverse(name), "label": label, "here": name == here} for name, label in pages],
        "research_only": RESEARCH_ONLY,
        "version": _version(),
    }


def _version() -> str:
    try:
        return version("vfx-finder")
    except PackageNotFoundError:
        return "unreleased"
