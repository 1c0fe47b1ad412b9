"""From which address of this machine a peer is called: the one on the way to it, and no other."""

import socket


def own_side(host: str, port: int) -> tuple[str, int]:
    """This machine's address on the way to a peer, any port. Raises `OSError` where there is no way."""
    family, kind, *_, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:  # connecting a datagram socket sends nothing
        probe.connect(target)
        return str(probe.getsockname()[0]), 0
