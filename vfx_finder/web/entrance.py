"""Signing in and out, the way home, and the intended-use page."""

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from vfx_finder.domain.guidance import INTENDED_USE
from vfx_finder.domain.roles import Role
from vfx_finder.web.doors import HOME_OF


class SignIn(LoginView):
    """User name and password; then the page that was asked for, or the role's home."""

    template_name = "web/sign_in.html"
    redirect_authenticated_user = True
    next_page = "home"


class SignOut(LogoutView):
    """Ends the session, by POST only."""

    next_page = "sign-in"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """To the page this role starts the day on."""
    return redirect(HOME_OF[Role(request.user.role)])  # type: ignore[union-attr]


@require_safe
def intended_use(request: HttpRequest) -> HttpResponse:
    """What this software is for, and what it is not."""
    return render(request, "web/intended_use.html", {"intended_use": INTENDED_USE})
