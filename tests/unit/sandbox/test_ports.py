"""Ports that nobody gets by accident."""

from __future__ import annotations

import socket

from sandbox.ports import LOCALHOST, _ephemeral_start, free_ports, is_free


def test_ports_are_different_and_below_those_of_outgoing_connections():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port < _ephemeral_start() for port in ports)


def test_a_port_with_a_listener_is_not_free():
    with socket.create_server((LOCALHOST, 0)) as server:
        assert not is_free(server.getsockname()[1])
