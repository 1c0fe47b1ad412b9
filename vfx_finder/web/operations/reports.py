"""Archives that report storage commitment by an association of their own: are they let in when they call?"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from vfx_finder.actions.senders import accept_list_of
from vfx_finder.domain.sender import NOT_LET_IN, AcceptList, Refused, Reporter, report_objection
from vfx_finder.ledger import operations
from vfx_finder.ledger.models import Destination, Sender


@dataclass(frozen=True)
class TurnedAway:
    """Why the reports of a destination would not be heard, and the page that mends it."""

    words: str
    address: str
    link: str = "Let it in"


@dataclass(frozen=True)
class Door:
    """Who may call at this moment, asked once for all destinations of a page."""

    accept: AcceptList
    senders: Sequence[Sender]

    def turned_away(self, here: Destination) -> TurnedAway | None:
        """What stands in the way of this destination's reports; None where it is let in, or has none to tell."""
        if not here.asks_commitment:
            return None
        reporter = Reporter(here.AETitle, (here.host,), here.use_tls)
        objection = report_objection(self.accept, reporter, tls_only=settings.VFX.hears_tls_only)
        if objection is None:
            return None
        if objection is Refused.PLAIN:
            return TurnedAway(NOT_LET_IN[objection], reverse("destination", args=[here.pk]), "Change it")
        known = next((one.pk for one in self.senders if one.AETitle == here.AETitle), None)
        page = reverse("source", args=[known]) if known else f"{reverse('source-add')}?destination={here.pk}"
        return TurnedAway(NOT_LET_IN[objection], page)


def door() -> Door:
    """The door as it stands now."""
    return Door(accept_list_of(settings.VFX), operations.senders())
