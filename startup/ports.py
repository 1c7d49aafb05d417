"""Is this port ours to take?"""

import socket
from contextlib import closing

LOOPBACK = "127.0.0.1"


class PortTaken(Exception):
    """Somebody else listens there; the message names the port and the mend."""


def free_port(host: str = LOOPBACK) -> int:
    """Return a port nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, host: str, setting: str, purpose: str) -> None:
    """Raise PortTaken unless `port` can be bound; `setting` is what the person changes to get another."""
    with closing(socket.socket()) as probe:
        # As the servers do: a port whose last connections are still cooling down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"port {port}, meant for {purpose}, can't be taken ({error.strerror}). "
                f"Stop what uses it, or choose another: {setting}={port + 10}"
            ) from error
