"""From where a request comes, also where a reverse proxy hands it on."""

import ipaddress
from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = ""
"""Where a trusted proxy names a caller that is no address: it is at nobody's place."""


def address_of(request: HttpRequest) -> str:
    """The address of the caller, believing `trusted_proxies` and nobody else about whom they speak for."""
    remote = request.META.get("REMOTE_ADDR", "")
    return caller_behind(remote, request.META.get("HTTP_X_FORWARDED_FOR", ""), settings.VFX.trusted_proxies)


def caller_behind(remote: str, forwarded: str, proxies: Sequence[str]) -> str:
    """The last address of X-Forwarded-For that is no trusted proxy's; `remote` where that is none itself.

    Each proxy appends whom it heard, so what stands further left may be anybody's invention and is not looked at.
    `proxies` are addresses or networks. `UNKNOWN` where the caller is not named by an address.
    """
    caller = _address(remote) or remote
    for hop in reversed(forwarded.split(",") if forwarded else []):
        if not _is_one_of(caller, proxies):
            break
        caller = _address(hop)
    return caller


def _is_one_of(caller: str, proxies: Sequence[str]) -> bool:
    return bool(caller) and any(
        ipaddress.ip_address(caller) in ipaddress.ip_network(proxy, strict=False) for proxy in proxies
    )


def _address(hop: str) -> str:
    """An address as proxies write it: perhaps with a port, IPv6 in brackets, IPv4 within IPv6. `UNKNOWN` if none."""
    name = hop.strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        found = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return UNKNOWN
    return str(getattr(found, "ipv4_mapped", None) or found)
