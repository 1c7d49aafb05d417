"""Is that server there yet?"""

import http.client
import socket
from contextlib import closing
from urllib.parse import urlsplit

# It may be there, and busy.
SECONDS = 5.0


def answers_http(url: str) -> bool:
    """Whether a GET of this http address is answered with a success; asked directly, past any proxy."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)) as connection:
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False


def answers_ping(port: int, password: str) -> bool:
    """Whether a Redis on this port is there and has finished reading its data."""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=SECONDS)) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2 and (more := connection.recv(256)):
                said += more
            return said == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False
