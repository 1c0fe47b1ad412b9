"""A PACS that has to come by TLS is called back by TLS: the result is told to nobody else, and not in the clear."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import uid
from pynetdicom import evt

from dicom_listener.associations import Door
from dicom_listener.commitment import Desk, on_commitment_request
from dicom_listener.hear import calling_of
from dicom_listener.server import Around, listening
from dicom_listener.tls import Calling, Tls, TlsFiles
from tests.support.certificates import Authority
from tests.wire.conftest import LOOPBACK, PEERS_VANISH
from tests.wire.test_commitment import Pacs, asking, own_port, until
from vfx_finder.actions import commitment
from vfx_finder.actions.keeping import Keeper
from vfx_finder.config import Settings
from vfx_finder.domain.commitment import Reference
from vfx_finder.domain.errors import Broken
from vfx_finder.ledger.models import CommitmentRequest, Destination, Sender
from vfx_finder.spool import Spool

pytestmark = [
    pytest.mark.django_db(transaction=True),
    PEERS_VANISH,
    pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning"),
]

UNKNOWN = [Reference(str(uid.CTImageStorage), "1.2.3.4.5")]
TRANSACTION = "1.2.3.1"


@dataclass
class Secured:
    """A listener with TLS, a PACS in front of it, and the authority that vouches for both."""

    pacs: Pacs
    authority: Authority
    files: TlsFiles

    def server(self, vouched_by: Authority | None = None) -> ssl.SSLContext:
        """The PACS's own port: it wants to see a certificate of the authority's."""
        papers = (vouched_by or self.authority).issue("pacs-server")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority.certificate))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(papers.certificate, papers.key)
        return context


@pytest.fixture
def secured(committed_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secured]:
    from django.db import connections

    monkeypatch.setattr(commitment, "ROWS_FOLLOW", timedelta(0))
    authority, spool = Authority.founded(tmp_path / "authority"), Spool(tmp_path / "spool")
    ours, theirs = authority.issue("listener"), authority.issue("pacs")
    files = TlsFiles(ours.certificate, ours.key, authority.certificate)
    desk = Desk(spool, "VFXFINDER", connections.close_all, Calling(files, authority.certificate))
    around = Around(
        secure=Tls(files).context,
        handlers={evt.EVT_N_ACTION: (on_commitment_request, [desk])},
        leave=connections.close_all,
    )
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False
    context.load_cert_chain(theirs.certificate, theirs.key)
    with listening((LOOPBACK, 0), Keeper(spool, lambda _: None), Door(), around) as here, desk.attended():
        yield Secured(Pacs(here.port, tls=context).hangs_up_first(monkeypatch), authority, files)


def problem() -> str:
    return CommitmentRequest.objects.get().problem


def test_who_comes_by_tls_is_called_back_by_tls_with_papers_on_both_sides(secured: Secured) -> None:
    """Its port lets nobody in without a certificate of the authority: ours is shown."""
    with own_port(secured.pacs, tls=secured.server()) as port:
        Sender.objects.create(AETitle="PACS", port=port)
        assert secured.pacs.ask(asking(TRANSACTION, UNKNOWN)) == 0x0000
        assert until(lambda: bool(secured.pacs.heard))
    assert [failed for failed, _ in secured.pacs.heard[0].failed] == [UNKNOWN[0].SOPInstanceUID]
    assert until(lambda: CommitmentRequest.objects.get().answered_at is not None)


def test_a_port_that_speaks_no_tls_is_told_nothing_in_the_clear(secured: Secured) -> None:
    with own_port(secured.pacs, patience_s=1) as port:
        Sender.objects.create(AETitle="PACS", port=port)
        secured.pacs.ask(asking(TRANSACTION, UNKNOWN))
        assert until(lambda: "by TLS" in problem())
    assert secured.pacs.heard == []


def test_a_stranger_behind_the_port_is_told_nothing(secured: Secured, tmp_path: Path) -> None:
    """Whoever answers there must be vouched for."""
    stranger = Authority.founded(tmp_path / "stranger")
    with own_port(secured.pacs, tls=secured.server(stranger)) as port:
        Sender.objects.create(AETitle="PACS", port=port)
        secured.pacs.ask(asking(TRANSACTION, UNKNOWN))
        assert until(lambda: "certificate" in problem())
    assert secured.pacs.heard == []


def test_what_an_operator_set_for_the_same_port_as_a_destination_counts(secured: Secured) -> None:
    """A PACS that calls by TLS and itself takes plain DICOM only: said once, at its destination."""
    with own_port(secured.pacs) as port:
        Sender.objects.create(AETitle="PACS", port=port)
        Destination.objects.create(
            name="PACS", protocol="dicom", AETitle="PACS", host=LOOPBACK, port=port, use_tls=False
        )
        secured.pacs.ask(asking(TRANSACTION, UNKNOWN))
        assert until(lambda: bool(secured.pacs.heard))


def test_how_peers_are_called_follows_the_settings(tmp_path: Path) -> None:
    """With the listener's three files by TLS; another authority for peers goes before that of clients."""
    plain, file = Settings(data_dir=tmp_path), tmp_path / "a.pem"
    assert not calling_of(plain).usually
    three = {"tls_certificate": file, "tls_key": file, "tls_client_authorities": file}
    assert calling_of(Settings(data_dir=tmp_path, **three)) == Calling(TlsFiles(file, file, file), file)
    other = Settings(data_dir=tmp_path, tls_peer_authorities=tmp_path / "b.pem", **three)
    assert calling_of(other).authorities == tmp_path / "b.pem"
    with pytest.raises(Broken, match="TLS files"):
        calling_of(other).context()
