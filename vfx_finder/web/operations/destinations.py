"""Where results go: what each destination gets, what it answered last, and a try. Writes through `actions.delivery`."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vfx_finder.actions import delivery as actions
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.ledger import deliveries as outgoing
from vfx_finder.ledger.models import Destination
from vfx_finder.web.operations.deliveries import delivery_row
from vfx_finder.web.operations.forms import KIND_SHORT, PROTOCOL_WORDS, DestinationForm
from vfx_finder.web.operations.reports import Door, door
from vfx_finder.web.operations.sheet import Sheet, actor_of, answered


@require_safe
def destinations(request: HttpRequest) -> HttpResponse:
    """Every destination with its traffic."""
    entrance = door()
    rows = [_row(one, entrance) for one in outgoing.destinations()]
    waits = any(row["asking"] for row in rows)
    return render(request, "operations/destinations.html", {"rows": rows, "waits": waits})


def _row(here: Any, entrance: Door) -> dict[str, Any]:
    protocol = Protocol(here.protocol)
    return {
        "here": here,
        "protocol": PROTOCOL_WORDS[protocol],
        "address": here.url or f"{here.AETitle} {here.host}:{here.port}".strip(),
        "gets": [KIND_SHORT[Kind(kind)] for kind in here.kinds] if protocol.carries_objects else ["the result"],
        "on_the_way": here.waiting + here.sent,
        "said_yes": here.last_ok_at is not None and here.last_ok_at == here.last_tried_at,
        "asking": here.try_wanted_at is not None,
        "turned_away": entrance.turned_away(here) if here.enabled else None,
        "may_remove": not here.enabled and not here.ever,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new destination: by default only what was signed, as key image and structured report."""
    return _form(request, None, {"kinds": [Kind.SC.value, Kind.SR.value], "commitment": True, "enabled": True})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Change a destination; below the form stands what went there last."""
    here = _destination(destination_id)
    start = {name: getattr(here, name) for name in DestinationForm.base_fields if name != "token"}
    return _form(request, here, start)


def _form(request: HttpRequest, here: Destination | None, start: dict[str, Any]) -> HttpResponse:
    def keep(facts: DestinationFacts, actor: Actor, now: datetime) -> str:
        actions.keep_destination(facts, actor, now, destination_id=here.pk if here else None)
        return "The destination is kept. Try it: it answers within seconds."

    sheet = Sheet(
        form=DestinationForm,
        start=start,
        keep=keep,
        back="destinations",
        heading=f"Destination {here.name}" if here else "A new destination",
        explained="Results of studies signed from now on go there; an older one is sent from its study's page.",
        template="operations/destination.html",
        besides={
            "deliveries": [delivery_row(one) for one in outgoing.recent(here.pk, limit=20)] if here else [],
            "turned_away": door().turned_away(here) if here else None,
        },
    )
    return answered(request, sheet)


@require_POST
def attempt(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Have the worker ask the destination whether it is there; its answer appears on the list."""
    _destination(destination_id)
    actions.try_destination(destination_id, actor_of(request), timezone.now())
    return redirect("destinations")


@require_POST
def switch(request: HttpRequest, destination_id: int) -> HttpResponse:
    """On or off. What waits goes on waiting while it is off."""
    here = _destination(destination_id)
    actions.switch_destination(destination_id, not here.enabled, actor_of(request), timezone.now())
    return redirect("destinations")


@require_POST
def remove(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Off the list, for one that is switched off and no result names."""
    _destination(destination_id)
    gone = actions.remove_destination(destination_id, actor_of(request), timezone.now())
    messages.success(request, f"{gone.name} is gone from the list.", extra_tags="good")
    return redirect("destinations")


def _destination(destination_id: int) -> Destination:
    here = outgoing.destination(destination_id)
    if here is None:
        raise Http404
    return here
