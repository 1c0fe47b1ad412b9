"""Out by TLS: an archive is called only where an authority vouches for it, and whatever fails is told in words."""

import ssl
from pathlib import Path

import pytest

from pipelines.our_tls import OurTls
from pipelines.steps import send
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.line import Patience
from tests.support.archives import archive
from tests.support.certificates import Authority, Papers
from tests.support.small_results import result
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.domain.delivery import PeerAway

pytestmark = [PEERS_VANISH, pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.founded(tmp_path / "authority")


def of_archive(authority: Authority, papers: Papers) -> ssl.SSLContext:
    """The archive's own side: it wants to see papers of the authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(papers.certificate, papers.key)
    return context


def at(port: int, ours: OurTls) -> Peer:
    patience = Patience(connect_s=20, answer_s=60)
    return Peer("127.0.0.1", port, "ARCHIVE", "VFXFINDER", ours.context(), patience)


def ours_with(authority: Authority, papers: Papers | None = None) -> OurTls:
    own = papers or authority.issue("vfx")
    return OurTls(own.certificate, own.key, authority.certificate)


def test_an_object_goes_by_tls_with_papers_on_both_sides(authority: Authority) -> None:
    with archive(tls=of_archive(authority, authority.issue("pacs"))) as pacs:
        (answer,) = send.store(at(pacs.port, ours_with(authority)), [result()])
    assert answer.accepted
    assert len(pacs.stored) == 1


def test_an_archive_whose_certificate_has_expired_gets_nothing(authority: Authority) -> None:
    with (
        archive(tls=of_archive(authority, authority.issue("pacs", days=-1))) as pacs,
        pytest.raises(PeerAway, match="certificate has expired"),
    ):
        send.store(at(pacs.port, ours_with(authority)), [result()])
    assert pacs.stored == []


def test_an_archive_that_nobody_vouches_for_gets_nothing(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority.founded(tmp_path / "stranger")
    with (
        archive(tls=of_archive(stranger, stranger.issue("pacs"))) as pacs,
        pytest.raises(PeerAway, match="certificate is not accepted"),
    ):
        send.store(at(pacs.port, ours_with(authority)), [result()])
    assert pacs.stored == []


def test_an_archive_without_tls_is_not_spoken_to_in_the_clear(authority: Authority) -> None:
    with archive(patience_s=1) as plain, pytest.raises(PeerAway, match="cannot be reached"):
        send.store(at(plain.port, ours_with(authority)), [result()])
    assert plain.stored == []


def test_an_archive_that_does_not_accept_our_papers_is_away(authority: Authority) -> None:
    """And comes back as soon as there are new ones: the files are read for every connection."""
    papers = authority.issue("vfx", days=-1)
    ours = ours_with(authority, papers)
    with archive(tls=of_archive(authority, authority.issue("pacs"))) as pacs:
        with pytest.raises(PeerAway):
            send.store(at(pacs.port, ours), [result()])
        authority.issue("vfx")
        (answer,) = send.store(at(pacs.port, ours), [result()])
    assert answer.accepted


def test_our_own_files_that_cannot_be_used_are_told_as_such(authority: Authority, tmp_path: Path) -> None:
    papers = authority.issue("vfx")
    for broken in (
        OurTls(papers.certificate, tmp_path / "nowhere", authority.certificate),
        OurTls(papers.certificate, papers.certificate, authority.certificate),
        OurTls(None, None, tmp_path / "nowhere"),
    ):
        with pytest.raises(PeerAway, match="Our own TLS files"):
            broken.context()
