"""By which server do mails leave, and in whose name? `SMTP_URL` and `MAIL_FROM`."""

import re
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

# On the machine itself nobody listens in, and a relay there seldom has a certificate.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EXAMPLE = "smtp://user:password@mail.example.nl:587"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A server that takes our mails, and who they are from."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    is_tls: bool = False  # from the first byte; else STARTTLS, except on the machine itself
    sender: str

    @property
    def is_here(self) -> bool:
        return self.host in LOOPBACK


def read(url: str, sender: str) -> tuple[Mail | None, list[str]]:
    """Return the server, None when there is none, and one line for each thing that is wrong."""
    if not url and not sender:
        return None, []
    problems = []
    if not _ADDRESS.fullmatch(parseaddr(sender)[1]) or not sender.isprintable():
        problems.append(
            f"MAIL_FROM: “{sender}” is no address to send mails from; write for example "
            "Rechtdoor <bellen@example.nl>"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in {"smtp", "smtps"} or not host or parts.path not in {"", "/"} or parts.query:
        # Not what stands there: it holds a password.
        problems.append(
            f"SMTP_URL: is no address such as {EXAMPLE} (STARTTLS) or smtps://… (TLS from the start); write "
            "what is special in a name or password as %40 and the like"
        )
    if problems:
        return None, problems
    is_tls = parts.scheme == "smtps"
    mail = Mail(
        host=host,
        port=port or (465 if is_tls else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_tls=is_tls,
        sender=sender,
    )
    return mail, []
