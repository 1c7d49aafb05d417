"""What does a process that serves, or does one command, hold by as long as it lives?"""

from app import bus, db
from app.audit import keys as audit_keys
from app.callers import numbers
from app.door import mails
from app.messages import senders
from app.promises import caps
from app.screen import addresses
from config import Settings


def bind(settings: Settings) -> None:
    """Bind a process that serves to its database and Redis, and to what the deployment allows."""
    bind_command(settings)
    # An address of Redis that can't be one stops the start, not a call.
    bus.redis()


def bind_command(settings: Settings) -> None:
    """The same for a command, which imports what it asks of Redis when it does: most ask nothing."""
    db.bind(db.Database(settings.database_url))
    bus.bind(settings.redis_url)
    numbers.bind(settings.callable_countries)
    caps.bind(settings.caps, settings.default_country)
    senders.bind(settings.text_sender)
    addresses.bind(settings.public_url)
    audit_keys.bind(settings.all_secret_keys)
    mails.bind(settings.mail is not None)
