"""Is this port ours to take?"""

import random
import socket
from contextlib import closing, suppress

LOOPBACK = "127.0.0.1"
BACKLOG = 2048
# Below those that systems give to whoever connects to somebody: one of these could be gone the next moment.
# Above the last to which no browser goes: https://fetch.spec.whatwg.org/#port-blocking
TO_CHOOSE_FROM = range(10_081, 32_768)
TRIES = 100


class PortTaken(Exception):
    """Somebody else listens there; the message names the port and the mend."""


def free_port(host: str = LOOPBACK) -> int:
    """Return a port nobody listens on, and that nobody is likely to take before it is used."""
    # Not the shared generator: processes that begin it alike would choose alike.
    for port in random.SystemRandom().sample(TO_CHOOSE_FROM, TRIES):
        with suppress(OSError), closing(_socket_for(host)) as probe:
            probe.bind((host, port))
            return port
    with closing(_socket_for(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _socket_for(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


def free_near(port: int, host: str, *, never: int) -> int:
    """Return `port` when it is free and not `never`, which is meant for something else; else any other."""
    try:
        require_free(port, host, "", "")
    except (PortTaken, OverflowError):
        return free_port(host)
    return free_port(host) if port == never else port


def listen(port: int, host: str, setting: str, purpose: str) -> socket.socket:
    """Take a port and keep it. Raises PortTaken; `setting` is what the person changes to get another.

    The server gets it from whoever supervises: who calls while that server is being started again waits the
    moment that it takes, instead of being refused.
    """
    door = _socket_for(host)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. The server takes an inherited port for a unix socket and would not set it: each
    # answer would wait 40 ms for the other side to confirm its headers.
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        door.bind((host, port))
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise _taken(port, setting, purpose, error) from error
    return door


def require_free(port: int, host: str, setting: str, purpose: str) -> None:
    """Raise PortTaken unless `port` can be bound; `setting` is what the person changes to get another."""
    with closing(_socket_for(host)) as probe:
        # As the servers do: a port whose last connections are still cooling down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _taken(port, setting, purpose, error) from error


def _taken(port: int, setting: str, purpose: str, error: OSError) -> PortTaken:
    return PortTaken(
        f"port {port}, meant for {purpose}, can't be taken ({error.strerror}). "
        f"Stop what uses it, or choose another: {setting}={port + 10}"
    )
