"""Who may send: the accept list as an administrator thinks of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.sender import AcceptList, Refused, Sender, checked_host, checked_title, is_loopback

PACS = Sender("PACS", "10.1.2.0/24")
CT = Sender("CT1")
LIST = AcceptList((PACS, CT, Sender("OLD", enabled=False)), anybody=True)


@pytest.mark.parametrize(
    ("calling", "host", "objection"),
    [
        ("PACS", "10.1.2.7", None),
        ("PACS ", "10.1.2.7", None),
        ("PACS", "::ffff:10.1.2.7", None),
        ("PACS", "10.1.3.7", Refused.WRONG_HOST),
        ("PACS", "not an address", Refused.WRONG_HOST),
        ("CT1", "192.0.2.1", None),
        ("CT1", "fe80::1%eth0", None),
        ("OLD", "10.1.2.7", Refused.SWITCHED_OFF),
        ("pacs", "10.1.2.7", Refused.UNKNOWN_SENDER),
        ("", "10.1.2.7", Refused.UNKNOWN_SENDER),
    ],
)
def test_title_and_host_are_judged_together(calling: str, host: str, objection: Refused | None):
    """AE titles are case sensitive (PS3.5 6.2); a stolen title from another network is refused."""
    assert LIST.objection(calling, host) == objection


def test_an_empty_list_is_open_only_where_that_was_said():
    """Nobody set up: everybody on a laptop, nobody on a hospital's network."""
    assert AcceptList(anybody=True).objection("ANYONE", "10.0.0.1") is None
    assert AcceptList().objection("ANYONE", "10.0.0.1") is Refused.NOBODY_MAY


@given(calling=st.text(max_size=20), host=st.text(max_size=30))
def test_whatever_a_peer_says_is_judged_without_an_error(calling: str, host: str):
    """Only the three known titles may ever come in."""
    objection = LIST.objection(calling, host)
    assert objection is not None or calling.strip() in {"PACS", "CT1"}


def test_titles_are_checked():
    """A title is what a PACS can really send."""
    assert checked_title(" PACS_1 ") == "PACS_1"
    for bad in ("", "   ", "A" * 17, "PÄCS", "A\\B", "A\nB"):
        with pytest.raises(WrongState):
            checked_title(bad)


def test_hosts_are_addresses_or_networks():
    """Names are not taken: a resolver that fails must not open or shut the door."""
    assert [checked_host(host) for host in ("", " 10.1.2.3 ", "10.1.2.3/24", "::1", "2001:db8::/32")] == [
        "",
        "10.1.2.3",
        "10.1.2.0/24",
        "::1",
        "2001:db8::/32",
    ]
    for bad in ("pacs.hospital.example", "10.1.2", "10.1.2.3/40", "10.1.2.3;"):
        with pytest.raises(WrongState):
            checked_host(bad)


def test_loopback_is_known_by_its_address():
    """Only these may be open without a word."""
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("", "0.0.0.0", "::", "10.1.2.3", "pacs"))
