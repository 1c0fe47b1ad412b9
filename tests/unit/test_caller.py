"""Behind a reverse proxy the caller is whom the proxy heard, and nobody can name another place as his own."""

import pytest

from vfx_finder.config import Settings
from vfx_finder.web.caller import UNKNOWN, caller_behind

PROXIES = ("10.0.0.5/32", "10.0.1.0/24", "fd00::/8")
PACS, STRANGER, PROXY = "192.0.2.7", "203.0.113.9", "10.0.0.5"


@pytest.mark.parametrize(
    ("remote", "forwarded", "caller"),
    [
        (PACS, "", PACS),
        (PROXY, PACS, PACS),
        (PROXY, f"{PACS}, 10.0.1.8", PACS),
        (PROXY, f" {PACS} ,10.0.1.8 , 10.0.1.9", PACS),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        (f"::ffff:{PROXY}", PACS, PACS),
        (PROXY, f"{PACS}:51612", PACS),
        (PROXY, "[2001:db8::7]:51612", "2001:db8::7"),
        (PROXY, "[2001:db8::7]", "2001:db8::7"),
    ],
)
def test_the_caller_is_whom_the_outermost_trusted_proxy_heard(remote: str, forwarded: str, caller: str):
    assert caller_behind(remote, forwarded, PROXIES) == caller


@pytest.mark.parametrize(
    ("remote", "forwarded", "caller"),
    [
        (STRANGER, PACS, STRANGER),
        (STRANGER, f"{PACS}, {PROXY}", STRANGER),
        (PROXY, f"{PACS}, {STRANGER}", STRANGER),
        (PROXY, f"{PACS}, {STRANGER}, 10.0.1.8", STRANGER),
        (PROXY, f"{PACS}, nonsense", UNKNOWN),
        (PROXY, f"{PACS}, unknown, 10.0.1.8", UNKNOWN),
        (PROXY, f"{PACS},", UNKNOWN),
        ("", PACS, ""),
    ],
)
def test_who_claims_to_be_elsewhere_is_not_believed(remote: str, forwarded: str, caller: str):
    """Without a proxy of ours, or left of the place that our proxy wrote: anybody may have invented that."""
    assert caller_behind(remote, forwarded, PROXIES) == caller


def test_a_proxy_that_names_nobody_is_the_caller_itself():
    """It called by itself, or does not write the header: then only itself is known."""
    assert caller_behind(PROXY, "", PROXIES) == PROXY
    assert caller_behind(PROXY, "10.0.1.8", PROXIES) == "10.0.1.8"


def test_nobody_is_trusted_unless_the_settings_say_so(monkeypatch: pytest.MonkeyPatch):
    assert Settings().trusted_proxies == ()
    assert caller_behind("127.0.0.1", PACS, ()) == "127.0.0.1"
    monkeypatch.setenv("VFX_TRUSTED_PROXIES", "127.0.0.1, 10.0.1.7/24")
    assert Settings().trusted_proxies == ("127.0.0.1/32", "10.0.1.0/24")
    monkeypatch.setenv("VFX_TRUSTED_PROXIES", "the-proxy")
    with pytest.raises(ValueError, match="trusted_proxies"):
        Settings()
