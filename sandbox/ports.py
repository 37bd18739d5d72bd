"""Free local ports that stay ours while a child that listens there is restarted."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOCALHOST = "127.0.0.1"
LOWEST = 20_000


def _ephemeral_start() -> int:
    """Return where the ports begin that the kernel hands to outgoing connections."""
    try:
        words = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    except OSError:
        return 32_768
    return int(words[0])


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, avoid: frozenset[int] = frozenset()) -> list[int]:
    """Return `count` different free ports below the ephemeral range.

    Binding port 0 would give ephemeral ones. While a server on such a port is down, a client that
    reconnects to it can be given the very same port as its own, connect to itself, and so keep the
    server from coming back. Below the range nobody gets a port by accident.
    """
    highest = max(_ephemeral_start(), LOWEST + 1_000)
    candidates = list(range(LOWEST, highest))
    random.shuffle(candidates)  # two test runs at once should not walk the same row
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if port not in avoid and is_free(port):
            found.append(port)
    raise OSError(f"fewer than {count} free ports between {LOWEST} and {highest}")


def free_port() -> int:
    """Return one free port below the ephemeral range."""
    return free_ports(1)[0]
