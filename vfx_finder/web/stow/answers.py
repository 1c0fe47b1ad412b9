"""The response to a STOW-RS request: the Store Instances Response Module in DICOM JSON (PS3.18 annexes F and I)."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse, JsonResponse

from vfx_finder.dicom.statuses import OUT_OF_RESOURCES
from vfx_finder.web.stow.keep import Outcome

MEDIA_TYPE = "application/dicom+json"
RETRY_AFTER_S = "60"

_SOP_CLASS, _SOP_INSTANCE = "00081150", "00081155"
_RETRIEVE_URL, _FAILURE_REASON = "00081190", "00081197"
_FAILED, _REFERENCED, _OTHER_FAILURES = "00081198", "00081199", "0008119A"

Json = dict[str, Any]


def stored(outcomes: Sequence[Outcome]) -> HttpResponse:
    """What became of each file; 200 where all are kept, 202 where some are, otherwise 409, or 503 for want of room."""
    document: Json = {_RETRIEVE_URL: {"vr": "UR"}}  # type 2, and empty: nothing is retrieved from here
    kept = [_reference(one) for one in outcomes if one.kept]
    failed = [_reference(one) | _reason(one) for one in outcomes if not one.kept and one.announced.SOPInstanceUID]
    other = [_reason(one) for one in outcomes if not one.kept and not one.announced.SOPInstanceUID]
    for tag, items in ((_REFERENCED, kept), (_FAILED, failed), (_OTHER_FAILURES, other)):
        if items:
            document[tag] = {"vr": "SQ", "Value": items}
    answer = JsonResponse(document, content_type=MEDIA_TYPE, status=_status(outcomes))
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["Retry-After"] = RETRY_AFTER_S
    return answer


def refused(status: HTTPStatus, words: str) -> HttpResponse:
    """Nothing was kept, and why, in one line of plain text."""
    answer = HttpResponse(f"{words}\n", content_type="text/plain; charset=utf-8", status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = 'Bearer realm="vfx_finder"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["Retry-After"] = RETRY_AFTER_S
    return answer


def _status(outcomes: Sequence[Outcome]) -> HTTPStatus:
    """PS3.18 table 10.5.3-1."""
    if all(one.kept for one in outcomes):
        return HTTPStatus.OK
    if any(one.kept for one in outcomes):
        return HTTPStatus.ACCEPTED
    if all(one.reason == OUT_OF_RESOURCES for one in outcomes):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.CONFLICT


def _reference(outcome: Outcome) -> Json:
    named = outcome.announced
    return {_SOP_CLASS: _uid(named.SOPClassUID), _SOP_INSTANCE: _uid(named.SOPInstanceUID)}


def _reason(outcome: Outcome) -> Json:
    return {_FAILURE_REASON: {"vr": "US", "Value": [outcome.reason]}}


def _uid(value: str) -> Json:
    return {"vr": "UI", "Value": [value]}
