"""The STOW-RS token of a sender: made once a person has read what ends with it, and shown once."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from vfx_finder.actions import senders as actions
from vfx_finder.ledger.sources import token_made_at
from vfx_finder.web.operations.sheet import actor_of
from vfx_finder.web.operations.sources import sender_or_404

SHOWN_WITHIN_SECONDS = 60
COOKIE = "new-token"


@require_http_methods(["GET", "HEAD", "POST"])
def token(request: HttpRequest, sender_id: int) -> HttpResponse:
    """What ends with a new token; posted, it is made, and shown by a page that a reload cannot make another with."""
    sender = sender_or_404(sender_id)
    if request.method != "POST":
        words = {"sender": sender, "made_at": token_made_at(sender_id)}
        return render(request, "operations/token_new.html", words)
    secret = actions.new_token(sender_id, actor_of(request), timezone.now())
    answer = redirect("source-token-shown", sender_id)
    # On its way in the browser alone: this side keeps the digest and nothing else.
    answer.set_signed_cookie(
        COOKIE,
        secret,
        salt=_salt(sender_id),
        max_age=SHOWN_WITHIN_SECONDS,
        path=_page(sender_id),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return answer


@require_safe
def token_shown(request: HttpRequest, sender_id: int) -> HttpResponse:
    """The token that was made a moment ago, once; afterwards that it was shown."""
    sender = sender_or_404(sender_id)
    secret = request.get_signed_cookie(COOKIE, default="", salt=_salt(sender_id), max_age=SHOWN_WITHIN_SECONDS)
    answer = render(request, "operations/token.html", {"sender": sender, "secret": secret})
    answer.delete_cookie(COOKIE, path=_page(sender_id), samesite="Strict")
    return answer


def _page(sender_id: int) -> str:
    return reverse("source-token-shown", args=[sender_id])


def _salt(sender_id: int) -> str:
    return f"vfx-finder.new-token.{sender_id}"
