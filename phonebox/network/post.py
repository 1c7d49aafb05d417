"""Which mails did the application send? A post office for development: it takes all, and delivers none.

Enough of SMTP (RFC 5321) for a client to be rid of its mail, without TLS, for this machine only.
"""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from typing import Any

from phonebox.events import EventLog

KEPT_MAILS = 500
LARGEST_MAIL = 1024 * 1024
LONGEST_LINE = 4096
_ADDRESS = re.compile(rb"<([^>]*)>")


@dataclass(frozen=True)
class Mail:
    """One mail, as its reader sees it."""

    number: int
    from_: str
    to: tuple[str, ...]
    subject: str
    text: str

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "from": self.from_,
            "to": list(self.to),
            "subject": self.subject,
            "text": self.text,
        }


class PostOffice:
    """Where mails come in, and lie."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._mails: deque[Mail] = deque(maxlen=KEPT_MAILS)
        self._taken = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.address: str | None = None
        # With which code all mail is refused; None: it is taken.
        self.refuses: int | None = None

    async def listen(self, host: str, port: int) -> None:
        """Take mails at this port; 0 is any free one."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LARGEST_MAIL)
        self.address = f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in [*self._open]:
            writer.close()
        await self._server.wait_closed()

    def to(self, address: str = "") -> list[Mail]:
        """Return the mails to somebody, or all, oldest first."""
        return [mail for mail in self._mails if not address or address in mail.to]

    def forget(self) -> None:
        self._mails.clear()
        self.refuses = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # hung up, or no mail at all: a client sees that for itself
        finally:
            self._open.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 phonebox takes mail\r\n")
        to: list[str] = []
        while line := await reader.readline():
            if len(line) > LONGEST_LINE:
                raise ValueError("no command is so long")
            match line[:4].upper():
                case b"EHLO":
                    writer.write(b"250-phonebox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n")
                case b"HELO" | b"NOOP" | b"MAIL" | b"RSET":
                    to = []
                    writer.write(b"250 OK\r\n")
                case b"AUTH":
                    writer.write(b"235 whoever you are\r\n")
                case b"RCPT" if self.refuses is not None:
                    writer.write(b"%d there is no such mailbox\r\n" % self.refuses)
                case b"RCPT":
                    to += [found[1].decode(errors="replace") for found in _ADDRESS.finditer(line)]
                    writer.write(b"250 OK\r\n")
                case b"DATA":
                    writer.write(b"354 end with a dot\r\n")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    self._take(raw[:-3].replace(b"\r\n..", b"\r\n."), tuple(to))
                    writer.write(b"250 taken\r\n")
                case b"QUIT":
                    writer.write(b"221 bye\r\n")
                    await writer.drain()
                    return
                case _:
                    writer.write(b"502 not here\r\n")
            await writer.drain()

    def _take(self, raw: bytes, to: tuple[str, ...]) -> None:
        letter = message_from_bytes(raw, policy=default)
        body = letter.get_body(("plain", "html"))
        self._taken += 1
        mail = Mail(
            self._taken,
            str(letter["From"]),
            to,
            str(letter["Subject"]),
            str(body.get_content()).replace("\r\n", "\n") if body else "",
        )
        self._mails.append(mail)
        self._events.add("mail", mail.as_json())
