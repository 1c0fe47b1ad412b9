"""What an operator fills in. The rules stand in the actions; a form only turns text into their words."""

from collections.abc import Callable
from typing import Any

from django import forms

from vfx_finder.actions.senders import Wish
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.routing import Rule, Verdict

PROTOCOL_WORDS: dict[Protocol, str] = {
    Protocol.DICOM: "DICOM (C-STORE)",
    Protocol.STOW: "DICOMweb (STOW-RS)",
    Protocol.HL7: "HL7 v2 (ORU by MLLP)",
    Protocol.FHIR: "FHIR R4",
}

BY_LINE = (Protocol.DICOM, Protocol.HL7)
BY_WEB = (Protocol.STOW, Protocol.FHIR)
ASKED_BY: dict[str, tuple[Protocol, ...]] = {
    "AETitle": (Protocol.DICOM,),
    "host": BY_LINE,
    "port": BY_LINE,
    "use_tls": BY_LINE,
    "receiving_application": (Protocol.HL7,),
    "receiving_facility": (Protocol.HL7,),
    "url": BY_WEB,
    "token": BY_WEB,
    "kinds": (Protocol.DICOM, Protocol.STOW),
    "commitment": (Protocol.DICOM,),
}
"""Fields of a destination that some protocols need and others do not."""

KIND_SHORT: dict[Kind, str] = {
    Kind.SC: "key image",
    Kind.SR: "SR",
    Kind.SR_COMPREHENSIVE: "older SR",
    Kind.SEG: "segmentation",
    Kind.GSPS: "presentation state",
    Kind.REFORMAT: "sagittal reformat",
    Kind.PDF: "PDF",
}

KIND_WORDS: dict[Kind, str] = {
    Kind.SC: "key image (Secondary Capture)",
    Kind.SR: "structured report (Comprehensive 3D SR)",
    Kind.SR_COMPREHENSIVE: "structured report (Comprehensive SR, for older archives)",
    Kind.SEG: "segmentation of the vertebral bodies",
    Kind.GSPS: "presentation state (drawing that can be switched off)",
    Kind.REFORMAT: "sagittal reformat",
    Kind.PDF: "report as PDF",
}

VERDICT_WORDS: dict[Verdict, str] = {
    Verdict.NORMAL: "are analysed in their turn",
    Verdict.URGENT: "are analysed before all others",
    Verdict.OFF_PEAK: "are analysed in the off-peak hours",
    Verdict.LEAVE_OUT: "are left out, and listed as not analysed",
}


class SetUpForm(forms.Form):
    """A form whose answer is kept by an action; what the action objects to is shown above the fields."""

    template_name = "operations/fields.html"
    required_css_class = "required"

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, label_suffix="", **named)

    def facts(self) -> Any:
        """What was filled in, as the action wants it. Raises `WrongState` or `ValueError`, in words."""
        return dict(self.cleaned_data)

    def kept_by(self, keep: Callable[[Any], str]) -> str:
        """What `keep` says of the facts; "", with the objection on the form, where they are refused."""
        if not self.is_valid():
            return ""
        try:
            return keep(self.facts())
        except (WrongState, ValueError) as objection:
            self.add_error(None, str(objection))
            return ""


class SenderForm(SetUpForm):
    """One system that may send."""

    AETitle = forms.CharField(
        label="AE title", max_length=16, help_text="The title it calls with, 1 to 16 characters, capitals count."
    )
    host = forms.CharField(
        label="From",
        max_length=64,
        required=False,
        help_text="Its address, or its network such as 10.1.2.0/24. Empty: from anywhere.",
    )
    description = forms.CharField(
        label="What it is", max_length=256, required=False, help_text="For people: which machine, whom to ring."
    )
    settle_seconds = forms.FloatField(
        label="Quiet time in seconds",
        required=False,
        min_value=1,
        help_text="A study without a new image for this long is complete. Empty: as the installation has it.",
    )
    port = forms.IntegerField(
        label="Its own port",
        required=False,
        min_value=1,
        max_value=65535,
        help_text="Where it is told of storage commitment after it has hung up. Empty: not known.",
    )
    enabled = forms.BooleanField(label="May send", required=False, initial=True)

    def facts(self) -> Wish:
        """What was filled in."""
        return Wish(**self.cleaned_data)


class RuleForm(SetUpForm):
    """One line of the routing table."""

    name = forms.CharField(label="Name", max_length=128, help_text="Says to people what the rule is for.")
    verdict = forms.ChoiceField(
        label="Studies that fit",
        help_text="The first rule that fits decides.",
        choices=[(verdict.value, words) for verdict, words in VERDICT_WORDS.items()],
        initial=Verdict.NORMAL.value,
    )
    Modality = forms.CharField(label="Modality", max_length=32, required=False, help_text="Such as CT, CR or DX.")
    StudyDescription = forms.CharField(
        label="Study description", max_length=256, required=False, help_text="Such as *chest*."
    )
    BodyPartExamined = forms.CharField(label="Body part", max_length=64, required=False, help_text="Such as *SPINE.")
    StationName = forms.CharField(label="Station name", max_length=64, required=False, help_text="Such as ED*.")
    calling = forms.CharField(label="Sent by", max_length=64, required=False, help_text="An AE title, such as XR_*.")
    youngest = forms.IntegerField(
        label="Youngest age",
        required=False,
        min_value=0,
        max_value=150,
        help_text="Whole years, included.",
    )
    oldest = forms.IntegerField(
        label="Oldest age",
        required=False,
        min_value=0,
        max_value=150,
        help_text="A study of unknown age fits no bound.",
    )

    def facts(self) -> Rule:
        """What was filled in."""
        return Rule(**self.cleaned_data | {"verdict": Verdict(self.cleaned_data["verdict"])})


class DestinationForm(SetUpForm):
    """One system that gets results; `DestinationFacts` says what is complete."""

    name = forms.CharField(label="Name", max_length=64, help_text="As people call it.")
    protocol = forms.ChoiceField(
        label="Spoken to by", choices=[(protocol.value, words) for protocol, words in PROTOCOL_WORDS.items()]
    )
    AETitle = forms.CharField(label="AE title", max_length=16, required=False)
    host = forms.CharField(label="Host", max_length=256, required=False)
    port = forms.IntegerField(label="Port", required=False, min_value=1, max_value=65535)
    receiving_application = forms.CharField(
        label="Receiving application",
        max_length=227,
        required=False,
        help_text="MSH-5, a name or name^ID^type. Empty: as the installation has it.",
    )
    receiving_facility = forms.CharField(
        label="Receiving facility", max_length=227, required=False, help_text="MSH-6, in the same way."
    )
    url = forms.CharField(
        label="Address",
        max_length=512,
        required=False,
        help_text="Such as https://pacs/dicom-web.",
    )
    token = forms.CharField(
        label="Token",
        max_length=512,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Sent as Authorization: Bearer. Empty keeps the one it has.",
    )
    use_tls = forms.BooleanField(label="TLS", required=False)
    kinds = forms.MultipleChoiceField(
        label="What it gets",
        choices=[(kind.value, words) for kind, words in KIND_WORDS.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    before_sign_off = forms.BooleanField(
        label="Also before sign-off",
        required=False,
        help_text="A preliminary result, marked as unconfirmed; otherwise only signed ones.",
    )
    commitment = forms.BooleanField(
        label="Ask for storage commitment",
        required=False,
        initial=True,
        help_text="The archive then says itself that it has taken responsibility.",
    )
    enabled = forms.BooleanField(label="In use", required=False, initial=True)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for name, protocols in ASKED_BY.items():
            # The style sheet shows what the chosen protocol needs; without it every field is there.
            self.fields[name].protocols = " ".join(protocols)  # type: ignore[attr-defined]

    def facts(self) -> DestinationFacts:
        """What was filled in. Raises `ValueError`, in words, where it is not complete."""
        said = dict(self.cleaned_data)
        said["protocol"] = Protocol(said["protocol"])
        said["kinds"] = frozenset(Kind(kind) for kind in said["kinds"])
        said["token"] = said["token"] or None
        return DestinationFacts(**said)
