"""What an operator fills in of an archive, and of a sweep over its past."""

from typing import Any

from django import forms

from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.retrieval import ArchiveFacts, Method
from vfx_finder.web.operations.forms import SetUpForm

METHOD_WORDS = {
    Method.MOVE: "C-MOVE (it must know our AE title)",
    Method.GET: "C-GET (over the line it was asked on)",
}


class ArchiveForm(SetUpForm):
    """One archive that can be asked for studies."""

    name = forms.CharField(label="Name", max_length=64, help_text="As people call it.")
    AETitle = forms.CharField(label="AE title", max_length=16, help_text="The title by which it is called.")
    host = forms.CharField(label="Host", max_length=256)
    port = forms.IntegerField(label="Port", min_value=1, max_value=65535, initial=104)
    method = forms.ChoiceField(
        label="How it sends", choices=[(method.value, words) for method, words in METHOD_WORDS.items()]
    )
    studies_per_hour = forms.IntegerField(
        label="Studies an hour", min_value=1, max_value=3600, initial=60, help_text="At most; it has other work to do."
    )
    from_hour = forms.IntegerField(
        label="Sweeps from hour",
        required=False,
        min_value=0,
        max_value=23,
        help_text="Such as 20. Empty: at any time.",
    )
    until_hour = forms.IntegerField(
        label="Until hour", required=False, min_value=0, max_value=23, help_text="Such as 6, past midnight."
    )
    use_tls = forms.BooleanField(label="TLS", required=False)
    fetch_priors = forms.BooleanField(
        label="Ask it for earlier studies of flagged patients",
        required=False,
        help_text="The newest three of the same modality, so that an old fracture is told from a new one.",
    )

    def facts(self) -> ArchiveFacts:
        """What was filled in. Raises `WrongState`, in words, for what cannot be an archive."""
        said: dict[str, Any] = dict(self.cleaned_data)
        first, until = said.pop("from_hour"), said.pop("until_hour")
        if (first is None) != (until is None):
            raise WrongState("The hours of sweeps have a beginning and an end, or neither.")
        hours = None if first is None else Hours(first, until)
        return ArchiveFacts(**said | {"method": Method(said["method"]), "hours": hours})


class SweepForm(SetUpForm):
    """The days and studies of one sweep."""

    first_day = forms.DateField(label="From day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last_day = forms.DateField(
        label="To day, included", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    modality = forms.CharField(label="Modality", max_length=16, help_text="CT, CR or DX.")
    description = forms.CharField(
        label="Study description", max_length=128, required=False, help_text="Such as *chest*. Empty: every one."
    )
