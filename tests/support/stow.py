"""STOW-RS requests as a sender writes them (DICOM PS3.18 section 10.5)."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.test import Client

from tests.support import dicom

ADDRESS = "/dicom-web/studies"
BOUNDARY = "synthetic-boundary"
DICOM = "application/dicom"


def named(name: str, number: int = 0) -> bytes:
    """One slice of a study of its own, as a file."""
    return dicom.encoded(dicom.ct_slice(dicom.Order(name=f"stow {name}"), number))


def body_of(files: Iterable[bytes], kind: str = DICOM, boundary: str = BOUNDARY) -> bytes:
    """A multipart/related body with one part a file."""
    head = f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()
    return b"".join(head + file + b"\r\n" for file in files) + f"--{boundary}--\r\n".encode()


def content_type(boundary: str = BOUNDARY, kind: str = DICOM) -> str:
    """The Content-Type of such a request."""
    return f'multipart/related; type="{kind}"; boundary="{boundary}"'


def post(body: bytes, token: str = "", kind: str = "", address: str = ADDRESS, **headers: str) -> HttpResponse:
    """Send this body with this token. A sender is no browser: CSRF is checked where it applies."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    kind = kind or content_type()
    client = Client(enforce_csrf_checks=True)
    # Said twice, because Django's client leaves it out for an empty body.
    return client.post(address, body, content_type=kind, headers=headers, CONTENT_TYPE=kind)


def store(files: Iterable[bytes], token: str, address: str = ADDRESS) -> HttpResponse:
    """Send these files."""
    return post(body_of(files), token, address=address)


def reasons(answer: HttpResponse) -> list[int]:
    """The Failure Reasons (0008,1197) in an answer, of named instances and then of nameless ones."""
    document = answer.json()
    items = [item for tag in ("00081198", "0008119A") for item in document.get(tag, {}).get("Value", ())]
    return [item["00081197"]["Value"][0] for item in items]


def referenced(answer: HttpResponse) -> list[str]:
    """The SOPInstanceUIDs that the answer says are kept."""
    items = answer.json().get("00081199", {}).get("Value", ())
    return [item["00081155"]["Value"][0] for item in items]
