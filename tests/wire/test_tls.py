"""TLS with certificates on both sides: who has none or an expired one is refused, and new files count at once."""

import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from structlog.testing import capture_logs

from dicom_listener.associations import Door
from dicom_listener.hear import facts_of
from dicom_listener.server import Around
from dicom_listener.tls import Tls, TlsFiles, context_of, valid_until
from tests.support.certificates import Authority, Papers
from tests.wire.conftest import LOOPBACK, PEERS_VANISH, Ear, eventually
from tests.wire.test_door import Book, is_cut_off
from vfx_finder.dicom.turns import take_turns
from vfx_finder.domain.errors import Broken
from vfx_finder.domain.sender import Refused
from vfx_finder.spool import Spool

pytestmark = [PEERS_VANISH, pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")]


@dataclass
class Secured:
    """A listener with TLS, its files, and what it refused."""

    ear: Ear
    files: TlsFiles
    authority: Authority
    book: Book

    def echoes(self, papers: Papers | None, trusted: Authority | None = None) -> bool:
        """Whether a C-ECHO from a modality with these papers is answered."""
        entity = AE(ae_title="CT_SCANNER")
        entity.add_requested_context(Verification)
        context = client_context(trusted or self.authority, papers)
        link = entity.associate(
            LOOPBACK, self.ear.port, ae_title="VFXFINDER", bind_address=(LOOPBACK, 0), tls_args=(context, None)
        )
        if not link.is_established:
            return False
        take_turns(link)
        answered = link.send_c_echo().get("Status") == 0
        link.release()
        return answered

    def certificate_shown(self, papers: Papers) -> bytes:
        """The certificate that the listener shows to a new caller, DER."""
        context = client_context(self.authority, papers)
        with (
            socket.create_connection((LOOPBACK, self.ear.port)) as plain,
            context.wrap_socket(plain) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""


def opens_without_tls(port: int) -> bool:
    """Whether an association by plain DICOM is opened."""
    entity = AE(ae_title="CT_SCANNER")
    entity.add_requested_context(Verification)
    return entity.associate(LOOPBACK, port, ae_title="VFXFINDER", bind_address=(LOOPBACK, 0)).is_established


def client_context(trusted: Authority, papers: Papers | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    context.check_hostname = False
    if papers:
        context.load_cert_chain(papers.certificate, papers.key)
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.founded(tmp_path / "authority")


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def secured(authority: Authority, tmp_path: Path, open_ear, door: Door) -> Iterator[Secured]:
    server = authority.issue("listener")
    files = TlsFiles(tmp_path / "server.pem", tmp_path / "server.key", authority.certificate)
    shutil.copy(server.certificate, files.certificate)
    shutil.copy(server.key, files.key)
    book = Book()
    around = Around(refusals=book.refusals, secure=Tls(files).context)
    with open_ear(door, around=around) as ear:
        yield Secured(ear, files, authority, book)


def test_a_known_client_is_let_in_and_others_are_not(secured: Secured, tmp_path: Path):
    """No certificate, one of a stranger's authority, no TLS at all: each is refused and seen."""
    strangers = Authority.founded(tmp_path / "strangers")
    assert secured.echoes(secured.authority.issue("ct"))
    assert not secured.echoes(None)
    assert not secured.echoes(strangers.issue("ct"))
    with socket.create_connection((LOOPBACK, secured.ear.port)) as plain:
        plain.sendall(b"\x01\x00\x00\x00\x00\xca" + bytes(202))
        assert is_cut_off(plain)
    assert eventually(lambda: secured.book.count(Refused.TLS) == 2 and secured.book.count(Refused.PLAIN) == 1)
    assert secured.echoes(secured.authority.issue("again"))


def test_plain_dicom_at_a_tls_port_has_words_of_its_own(secured: Secured):
    """No certificate is at fault; a browser's request is neither."""
    assert not opens_without_tls(secured.ear.port)
    assert eventually(lambda: secured.book.count(Refused.PLAIN) == 1)
    with socket.create_connection((LOOPBACK, secured.ear.port)) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert is_cut_off(browser)
    assert eventually(lambda: secured.book.count(Refused.NOT_DICOM) == 1)
    assert secured.book.count(Refused.TLS) == 0


def test_an_expired_client_certificate_is_refused_by_name(secured: Secured):
    """The operator reads why; the modality is let in as soon as it has a new one."""
    assert not secured.echoes(secured.authority.issue("old", days=-1))
    assert eventually(lambda: secured.book.count(Refused.TLS) == 1)
    assert secured.book.turned[0].detail == "certificate has expired"
    assert secured.echoes(secured.authority.issue("new"))


@pytest.mark.parametrize("door", [Door(handshake_s=5)], ids=["an impatient door"])
def test_a_client_that_never_finishes_its_handshake_holds_up_nobody(secured: Secured):
    """The handshake has its own thread and its own end."""
    papers = secured.authority.issue("ct")
    with socket.create_connection((LOOPBACK, secured.ear.port)) as silent:
        assert eventually(lambda: secured.echoes(papers))
        assert is_cut_off(silent)
    assert eventually(lambda: secured.book.count(Refused.TLS) >= 1)


def test_a_new_certificate_counts_for_the_next_caller(secured: Secured):
    """Renewal needs no restart; files that cannot be used change nothing, and are logged."""
    papers = secured.authority.issue("ct")
    before = secured.certificate_shown(papers)
    renewed = secured.authority.issue("renewed")
    shutil.copy(renewed.key, secured.files.key)
    shutil.copy(renewed.certificate, secured.files.certificate)
    after = secured.certificate_shown(papers)
    assert before != after == ssl.PEM_cert_to_DER_cert(renewed.certificate.read_text())
    with capture_logs() as logs:
        secured.files.certificate.write_text("spilt coffee")
        assert secured.certificate_shown(papers) == after
    assert "tls-files-unusable" in {line["event"] for line in logs}
    assert secured.echoes(papers)


def test_a_certificate_overwritten_with_garbage_is_told_and_the_one_before_serves(secured: Secured, tmp_path: Path):
    """The page says so before anybody restarts; the certificate in force is still counted, and mended files end it."""
    tls, spool = Tls(secured.files), Spool(tmp_path / "spool")
    whole, modality = secured.files.certificate.read_bytes(), secured.authority.issue("modality")
    assert secured.echoes(modality)
    before = facts_of(spool, tls)
    assert before["certificate_days"] > 0
    assert "tls_unusable_since" not in before
    secured.files.certificate.write_text("garbage")
    told = facts_of(spool, tls)
    assert "cannot be used together" in told["tls_unusable"]
    assert told["certificate_days"] == before["certificate_days"]
    assert facts_of(spool, tls)["tls_unusable_since"] == told["tls_unusable_since"]
    assert secured.echoes(modality)
    secured.files.certificate.write_bytes(whole)
    assert facts_of(spool, tls).keys() == before.keys()


def test_when_a_certificate_expires_is_known(authority: Authority, tmp_path: Path):
    """The doctor and the log count the days."""
    left = valid_until(authority.issue("a", days=20).certificate) - datetime.now(UTC)
    assert timedelta(days=19) < left <= timedelta(days=20)
    (tmp_path / "letter.pem").write_text("To whom it may concern")
    with pytest.raises(Broken):
        valid_until(tmp_path / "letter.pem")


def test_files_that_do_not_belong_together_are_told_apart(authority: Authority, tmp_path: Path):
    """An administrator reads which file is wrong."""
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(Broken, match="together"):
        context_of(TlsFiles(one.certificate, other.key, authority.certificate))
    with pytest.raises(Broken, match="authorities"):
        context_of(TlsFiles(one.certificate, one.key, tmp_path / "nowhere.pem"))
    with pytest.raises(Broken, match="cannot be used"):
        Tls(TlsFiles(one.certificate, other.key, authority.certificate)).context()
