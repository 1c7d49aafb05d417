"""What does this deployment decide? Read once from the environment, checked before anything starts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import phonenumbers

from config import directory, files, mail, work
from config.directory import Oidc
from config.mail import Mail
from config.numbers import EUROPE, is_ordinary
from config.work import BY_DEFAULT, Work

# Known to everybody, so worth nothing: production refuses them by value.
DEVELOPMENT_SECRET_KEY = "development-only-secret-key"
DEVELOPMENT_ACCOUNT_SID = "AC" + "d0" * 16
DEVELOPMENT_AUTH_TOKEN = "d0" * 16
DEVELOPMENT_API_KEY = "SK" + "d0" * 16
DEVELOPMENT_API_SECRET = "d0d0" * 8
DEVELOPMENT_API_URL = "http://127.0.0.1:8001"

# In DATABASE_URL: a pooler such as PgBouncer, in transaction mode, stands before the server.
POOLED = "pooler=transaction"
TWILIO_API_URL = "https://api.twilio.com"
# Theirs have 32 signs; whoever stands in for the carrier may give shorter ones.
LEAST_OF_THE_CARRIERS = 16
LEAST_OF_A_KEY = 32
AS_THE_CARRIER_GAVE_IT = "copy all of it from the carrier's console"
# An SMS holds 160 characters, and what it says comes after the name.
LONGEST_ORGANISATION = 40
# As people are given them; app/records/agents.py has the same.
ROLES = frozenset({"agent", "supervisor", "admin", "auditor"})
OVERSEEING_ROLES, NO_ROLES = "supervisor,admin,auditor", "none"
HOW_TO_MAKE_A_KEY = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ConfigurationError(Exception):
    """Settings are missing or wrong; one clear line for each stands in `problems`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Keep:
    """For how many days what is over is kept; None: for ever. See docs/operations.md."""

    calls: int | None = 1095
    numbers: int | None = 365  # in calls and promises; then they name nobody
    promises: int | None = 1095
    messages: int | None = 365
    notes: int | None = 365  # of calls that are no contact
    uploads: int | None = 365  # that were sent during a call about no case; those of a case stay with it
    recordings: int | None = 90  # whatever the rules say, once what was asked for is dealt with
    access: int | None = 365  # who signed in, was refused, or got other rights
    audit: int | None = 1827  # who changed what, and who looked at whom: five years
    situations: int | None = 365  # on what the steps of calls were decided
    sent: int = 7  # what has left the outbox


@dataclass(frozen=True, kw_only=True)
class Caps:
    """How many we ring and text by ourselves within an hour; None: as many as there are."""

    texts: int | None = 5000
    texts_country: int | None = 30  # different numbers of strangers in one country that isn't ours
    texts_prefix: int | None = 10  # … that differ in the last three digits alone
    callbacks: int | None = 5000
    callbacks_country: int | None = 30
    callbacks_prefix: int | None = 10
    callbacks_named: int | None = 20  # … that hidden callers named


# A caller's link works, a carrier's list is compared, a recording is kept for less.
LEAST_KEPT_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that the deployment decides; immutable, handed to `create_app`."""

    env: Environment
    database_url: str
    redis_url: str
    secret_key: str  # signs; what the old ones signed is still believed
    old_secret_keys: tuple[str, ...] = ()
    public_url: str  # scheme and host, no slash at the end
    account_sid: str
    auth_tokens: tuple[str, ...]  # two while one is being rotated; the first signs our own requests
    api_key: str
    api_secret: str
    api_url: str  # of the carrier's REST API, no slash at the end
    fallback_numbers: tuple[str, ...]  # E.164
    callable_countries: frozenset[str] = EUROPE  # that are rung and texted
    text_sender: str | None = None  # E.164: sends for lines that can't
    default_country: str  # ISO 3166-1 alpha-2
    default_language: str
    organisation: str = ""  # as citizens know it: who writes our messages; empty: they don't say
    check_signatures: bool = True
    webhook_deadline_seconds: float = 1.5  # then a caller is served with less known
    spool_dir: str = "instance/spool"  # on this machine's disk: facts that outlive a dead database
    softphone_signal: str = ""  # host:port where desks' softphones connect; empty: Twilio's own
    keep: Keep = Keep()
    caps: Caps = Caps()
    session_hours: int = 14  # then one signs in again, whatever happened meanwhile
    session_idle_minutes: int = 60  # without a page or the pulse of an open desk
    screen_grace_minutes: int = 15  # the page beside a call lives so long after it
    mail: Mail | None = None  # None: we can't write mails
    second_factor_roles: frozenset[str] = frozenset()  # who can't sign in with a password alone
    oidc: Oidc | None = None  # who says who somebody is, beside or instead of a password
    group_roles: tuple[tuple[str, str], ...] = ()  # which role a group of the organisation's directory gives
    work: Work = BY_DEFAULT  # at the desk
    passwords: bool = True  # whether one signs in with a password of ours

    @property
    def is_production(self) -> bool:
        return self.env is Environment.PRODUCTION

    @property
    def all_secret_keys(self) -> list[str]:
        """Every key that is believed, the one that signs last: as itsdangerous takes them."""
        return [*self.old_secret_keys, self.secret_key]

    @property
    def has_softphones(self) -> bool:
        """Whether a desk can be a telephone: at Twilio, or where development says."""
        return bool(self.softphone_signal) or self.api_url == TWILIO_API_URL


def without_pooler(database_url: str) -> str:
    """Return the URL without our own `pooler=transaction`, which no driver knows; the same without it."""
    address, mark, query = database_url.partition("?")
    parameters = query.split("&")
    if not mark or POOLED not in parameters:
        return database_url
    kept = "&".join(one for one in parameters if one != POOLED)
    return f"{address}?{kept}" if kept else address


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `env` (default: the process's environment, see files.environment).

    Raises ConfigurationError with one line for each setting that is missing or wrong.
    """
    try:
        reader = _Reader(files.environment() if env is None else env)
    except files.BadLine as error:
        raise ConfigurationError([str(error)]) from error
    settings = reader.settings()
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return settings


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.problems: list[str] = []
        name = env.get("ENV", Environment.DEVELOPMENT)
        try:
            self.environment = Environment(name)
        except ValueError:
            self.environment = Environment.PRODUCTION
            self.problems.append(f"ENV: “{name}” is none of development, test, production")

    def settings(self) -> Settings:
        production = self.environment is Environment.PRODUCTION
        secret_key, *old_secret_keys = self._secret_keys()
        oidc, group_roles, passwords = directory.read(self.env, self.problems, is_production=production)
        settings = Settings(
            env=self.environment,
            database_url=self._database_url(),
            redis_url=self._redis_url(),
            secret_key=secret_key,
            old_secret_keys=tuple(old_secret_keys),
            public_url=self._public_url(),
            account_sid=self._account_sid(),
            auth_tokens=self._auth_tokens(),
            api_key=self._secret("TWILIO_API_KEY", DEVELOPMENT_API_KEY),
            api_secret=self._long(
                "TWILIO_API_SECRET",
                self._secret("TWILIO_API_SECRET", DEVELOPMENT_API_SECRET),
                LEAST_OF_THE_CARRIERS,
                AS_THE_CARRIER_GAVE_IT,
            ),
            api_url=self._api_url(),
            fallback_numbers=self._fallback_numbers(),
            callable_countries=self._callable_countries(),
            text_sender=self._text_sender(),
            default_country=self._choice("DEFAULT_COUNTRY", "NL", phonenumbers.SUPPORTED_REGIONS),
            default_language=self._choice("DEFAULT_LANGUAGE", "nl", {"nl", "en"}),
            organisation=self._organisation(),
            check_signatures=self._text("CHECK_SIGNATURES", "1") not in {"0", "false", "no"},
            webhook_deadline_seconds=self._deadline(),
            spool_dir=self._text("SPOOL_DIR", "instance/spool"),
            softphone_signal=self._softphone_signal(),
            keep=self._keep(),
            caps=self._caps(),
            session_hours=self._whole("SESSION_HOURS", 14, 1, 24),
            session_idle_minutes=self._whole("SESSION_IDLE_MINUTES", 60, 5, 24 * 60),
            screen_grace_minutes=self._whole("SCREEN_GRACE_MINUTES", 15, 0, 240),
            second_factor_roles=self._second_factor_roles(),
            oidc=oidc,
            group_roles=group_roles,
            passwords=passwords,
            mail=self._mail(),
            work=work.read(self.env, self.problems),
        )
        if production and not settings.check_signatures:
            self.problems.append("CHECK_SIGNATURES: checking can't be switched off in production; remove it")
        return settings

    def _text(self, name: str, default: str) -> str:
        return self.env.get(name, "").strip() or default

    def _secret(self, name: str, development: str) -> str:
        value = self.env.get(name, "").strip()
        if self.environment is not Environment.PRODUCTION:
            return value or development
        if not value:
            self.problems.append(f"{name}: missing; production has no default for it")
        elif development in value.split(","):
            self.problems.append(f"{name}: this is the development secret, known to everybody; set your own")
        return value

    def _long(self, name: str, value: str, least: int, how: str) -> str:
        """Refuse in production, by name, what can be guessed."""
        if self.environment is Environment.PRODUCTION and value and len(value) < least:
            self.problems.append(f"{name}: too short, so it can be guessed; {how}")
        return value

    def _choice(self, name: str, default: str, allowed: set[str] | frozenset[str]) -> str:
        value = self._text(name, default)
        if value not in allowed:
            self.problems.append(f"{name}: “{value}” is not known here; for example {default}")
        return value

    def _url(self, name: str, default: str) -> str:
        value = self._text(name, default).rstrip("/")
        if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
            self.problems.append(f"{name}: “{value}” is no address such as https://bellen.example.nl")
        return value

    def _api_url(self) -> str:
        production = self.environment is Environment.PRODUCTION
        url = self._url("TWILIO_API_URL", TWILIO_API_URL if production else DEVELOPMENT_API_URL)
        if production and not url.startswith("https://"):
            # The account's password goes there with each request.
            self.problems.append("TWILIO_API_URL: must begin with https:// in production; or remove it")
        return url

    def _public_url(self) -> str:
        production = self.environment is Environment.PRODUCTION
        if production and not self.env.get("PUBLIC_URL", "").strip():
            self.problems.append("PUBLIC_URL: missing; the https address under which the carrier reaches us")
        url = self._url("PUBLIC_URL", "http://127.0.0.1:8000")
        host = urlsplit(url).hostname or ""
        if urlsplit(url).path or urlsplit(url).query:
            self.problems.append("PUBLIC_URL: scheme and host only, without a path")
        if "_" in host:
            # Twilio refuses callback hosts with an underscore.
            self.problems.append("PUBLIC_URL: the carrier refuses a host name with an underscore")
        if production and self.env.get("PUBLIC_URL") and not url.startswith("https://"):
            self.problems.append("PUBLIC_URL: must begin with https:// in production")
        return url

    def _database_url(self) -> str:
        url = self._text("DATABASE_URL", "sqlite:///instance/rechtdoor.db")
        if url.startswith(("postgres://", "postgresql://")):
            # What hosting companies hand out; the driver is ours to choose.
            url = "postgresql+psycopg://" + url.split("://", 1)[1]
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            self.problems.append("DATABASE_URL: must begin with sqlite:/// or postgresql+psycopg://")
        elif "pooler=" in without_pooler(url):
            self.problems.append("DATABASE_URL: the only pooler= that there is to say is pooler=transaction")
        return url

    def _redis_url(self) -> str:
        url = self._text("REDIS_URL", "redis://127.0.0.1:6379/0")
        if not url.startswith(("redis://", "rediss://", "unix://")):
            self.problems.append("REDIS_URL: must begin with redis://, rediss:// or unix://")
        return url

    def _deadline(self) -> float:
        text = self._text("WEBHOOK_DEADLINE_SECONDS", "1.5")
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0
        if not 0.1 <= seconds <= 10:
            # The carrier gives up at 15 s, and a caller hears nothing until then.
            self.problems.append(f"WEBHOOK_DEADLINE_SECONDS: “{text}” is not between 0.1 and 10")
        return seconds

    def _keep(self) -> Keep:
        usual = Keep()
        return Keep(
            calls=self._days("KEEP_CALLS_DAYS", usual.calls),
            numbers=self._days("KEEP_NUMBERS_DAYS", usual.numbers),
            promises=self._days("KEEP_PROMISES_DAYS", usual.promises),
            messages=self._days("KEEP_MESSAGES_DAYS", usual.messages),
            notes=self._days("KEEP_NOTES_DAYS", usual.notes),
            uploads=self._days("KEEP_UPLOADS_DAYS", usual.uploads),
            recordings=self._days("KEEP_RECORDINGS_DAYS", usual.recordings, least=1),
            access=self._days("KEEP_ACCESS_DAYS", usual.access),
            audit=self._days("KEEP_AUDIT_DAYS", usual.audit),
            situations=self._days("KEEP_SITUATIONS_DAYS", usual.situations),
            # Nobody asks for it later, and it names people: not for ever.
            sent=self._days("KEEP_SENT_DAYS", usual.sent, least=1, or_for_ever=False) or usual.sent,
        )

    def _caps(self) -> Caps:
        usual = Caps()
        return Caps(
            texts=self._cap("TEXTS_AN_HOUR", usual.texts),
            texts_country=self._cap("TEXTS_AN_HOUR_COUNTRY", usual.texts_country),
            texts_prefix=self._cap("TEXTS_AN_HOUR_PREFIX", usual.texts_prefix),
            callbacks=self._cap("CALLBACKS_AN_HOUR", usual.callbacks),
            callbacks_country=self._cap("CALLBACKS_AN_HOUR_COUNTRY", usual.callbacks_country),
            callbacks_prefix=self._cap("CALLBACKS_AN_HOUR_PREFIX", usual.callbacks_prefix),
            callbacks_named=self._cap("CALLBACKS_AN_HOUR_NAMED", usual.callbacks_named),
        )

    def _cap(self, name: str, default: int | None) -> int | None:
        text = self._text(name, str(default or 0))
        if text.isascii() and text.isdigit() and len(text) < 8:
            return int(text) or None
        self.problems.append(
            f"{name}: “{text}” is no number an hour; write for example {default}, 0 for no cap"
        )
        return default

    def _days(
        self, name: str, default: int | None, *, least: int = LEAST_KEPT_DAYS, or_for_ever: bool = True
    ) -> int | None:
        text = self._text(name, str(default or 0))
        days = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
        if days >= least or (days == 0 and or_for_ever):
            return days or None
        for_ever = ", or 0 to keep them for ever" if or_for_ever else ""
        self.problems.append(f"{name}: “{text}” is no number of days from {least} on{for_ever}")
        return default

    def _organisation(self) -> str:
        name = " ".join(self.env.get("ORGANISATION", "").split())
        if len(name) > LONGEST_ORGANISATION or not name.isprintable():
            self.problems.append(
                f"ORGANISATION: stands before each message, so at most {LONGEST_ORGANISATION} printable "
                "characters, such as Gemeente Waterrijk"
            )
        return name

    def _whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self._text(name, str(default))
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
        if least <= number <= most:
            return number
        self.problems.append(f"{name}: “{text}” is no whole number from {least} to {most}")
        return default

    def _mail(self) -> Mail | None:
        server, problems = mail.read(self._text("SMTP_URL", ""), self._text("MAIL_FROM", ""))
        self.problems += problems
        return server

    def _second_factor_roles(self) -> frozenset[str]:
        usual = OVERSEEING_ROLES if self.environment is Environment.PRODUCTION else NO_ROLES
        names = [name.strip() for name in self._text("SECOND_FACTOR_ROLES", usual).split(",")]
        if names == [NO_ROLES]:
            return frozenset()
        if wrong := [name for name in names if name not in ROLES]:
            self.problems.append(
                f"SECOND_FACTOR_ROLES: “{wrong[0]}” is no role; write roles with commas, for example "
                f"{OVERSEEING_ROLES}, or {NO_ROLES}"
            )
        return frozenset(names)

    def _softphone_signal(self) -> str:
        value = self._text("SOFTPHONE_SIGNAL", "")
        if value and self.environment is Environment.PRODUCTION:
            # Whoever answers there hears and speaks for us.
            self.problems.append("SOFTPHONE_SIGNAL: desks connect to Twilio in production; remove it")
        elif value and not re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]{1,5}", value):
            self.problems.append(f"SOFTPHONE_SIGNAL: “{value}” is no host and port such as 127.0.0.1:8002")
        return value

    def _secret_keys(self) -> list[str]:
        """Return the key that signs and, while it is being rotated, the one before."""
        value = self._secret("SECRET_KEY", DEVELOPMENT_SECRET_KEY)
        parts = [part.strip() for part in value.split(",")]
        # A comma in a key of today is part of it, unless both sides can be keys by themselves.
        if len(parts) == 2 and all(len(part) >= LEAST_OF_A_KEY for part in parts):
            return parts
        return [self._long("SECRET_KEY", value, LEAST_OF_A_KEY, HOW_TO_MAKE_A_KEY)]

    def _account_sid(self) -> str:
        value = self._secret("TWILIO_ACCOUNT_SID", DEVELOPMENT_ACCOUNT_SID)
        if value and not re.fullmatch(r"AC[0-9a-fA-F]{32}", value):
            self.problems.append("TWILIO_ACCOUNT_SID: must be AC and 32 hexadecimal characters")
        return value

    def _auth_tokens(self) -> tuple[str, ...]:
        value = self._secret("TWILIO_AUTH_TOKEN", DEVELOPMENT_AUTH_TOKEN)
        tokens = tuple(token for part in value.split(",") if (token := part.strip()))
        if len(tokens) > 2 or (value and not tokens):
            self.problems.append("TWILIO_AUTH_TOKEN: one token, or two with a comma while one is rotated")
        return tuple(
            self._long("TWILIO_AUTH_TOKEN", token, LEAST_OF_THE_CARRIERS, AS_THE_CARRIER_GAVE_IT)
            for token in tokens
        )

    def _callable_countries(self) -> frozenset[str]:
        countries: set[str] = set()
        for part in self._text("CALLABLE_COUNTRIES", "EUROPE").split(","):
            if (country := part.strip().upper()) == "EUROPE":
                countries |= EUROPE
            elif country in phonenumbers.SUPPORTED_REGIONS:
                countries.add(country)
            elif country:
                self.problems.append(
                    f"CALLABLE_COUNTRIES: “{part.strip()}” is no country; write for example EUROPE,US,SR"
                )
        if not countries:
            self.problems.append(
                "CALLABLE_COUNTRIES: names no country; remove it, or write for example EUROPE"
            )
        return frozenset(countries)

    def _text_sender(self) -> str | None:
        text = self._text("TEXT_SENDER", "")
        e164 = self._e164(text) if text else None
        if text and e164 is None:
            # No name in its place: nobody gets a text from us that can't be answered.
            self.problems.append(f"TEXT_SENDER: “{text}” is no telephone number of the account; write +316…")
        return e164

    def _e164(self, text: str) -> str | None:
        try:
            number = phonenumbers.parse(text, self.env.get("DEFAULT_COUNTRY") or "NL")
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def _fallback_numbers(self) -> tuple[str, ...]:
        numbers = []
        countries = _Reader(self.env)._callable_countries()
        for part in self.env.get("FALLBACK_NUMBERS", "").split(","):
            if not (text := part.strip()):
                continue
            e164 = self._e164(text)
            if e164 is None:
                self.problems.append(f"FALLBACK_NUMBERS: “{text}” is no telephone number; write +31…")
                continue
            if not is_ordinary(e164, countries):
                self.problems.append(
                    f"FALLBACK_NUMBERS: “{text}” is not rung: premium, satellite, service and other costly "
                    "numbers never are, nor other countries than CALLABLE_COUNTRIES says"
                )
                continue
            numbers.append(e164)
        return tuple(numbers)
