"""Is it really them? Judges a password, a code or a passkey that a form holds, as often as one may try."""

from dataclasses import dataclass

from flask import current_app, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app import web
from app.clock import utcnow
from app.db import reading, transaction
from app.door import authenticators, ceremonies, factors, guessing, passkeys, recovery_codes, sign_in
from app.door import words as door_words
from app.door.guessing import Throttle
from app.records.access import AccessKind, Proven
from app.records.factors import Passkey
from config import Settings

# What the fields of a proof are called; no form of ours has others that begin so.
PREFIX = "again_"
PASSWORD, CODE, RECOVERY, PASSKEY = (PREFIX + name for name in ("password", "code", "recovery", "passkey"))


@dataclass(frozen=True)
class Verdict:
    """What came of it: `by` what it was proven, or what to say and how many seconds to wait."""

    by: Proven | None = None
    error: str = ""
    wait: int = 0

    @property
    def status(self) -> int:
        return 429 if self.wait else 401


def is_given(form: MultiDict[str, str]) -> bool:
    return any(name.startswith(PREFIX) for name in form)


def without(form: MultiDict[str, str]) -> web.Fields:
    """Return the form as its page sent it, before the proof was put into it."""
    return web.Fields(
        [(name, value) for name, value in form.items(multi=True) if not name.startswith(PREFIX)]
    )


def of_factor(email: str) -> Verdict:
    """Judge the second factor in this request's form: a code, a recovery code, or a passkey."""
    form, settings = request.form, _settings()
    if not any(form.get(name) for name in (CODE, RECOVERY, PASSKEY)):
        return Verdict(error=door_words.say("factor_none"))
    throttle = _throttle(email, "second factor")
    if wait := _count(throttle, email):
        return Verdict(error=sign_in.wait_in_words(wait, throttle), wait=wait)
    now = utcnow()
    with transaction() as db:
        if code := form.get(CODE, ""):
            is_right = authenticators.accept(db, email, code, now, settings.all_secret_keys)
            error = "factor_wrong_code"
        elif code := form.get(RECOVERY, ""):
            is_right = recovery_codes.accept(db, email, code)
            error = "factor_wrong_recovery"
            if is_right:
                left = recovery_codes.left(db, email)
                sign_in.note(db, AccessKind.RECOVERY_CODE_USED, email, about=str(left))
        else:
            is_right = _is_passkey_of(db, email)
            error = "factor_wrong_passkey"
        if is_right:
            guessing.forgive(db, throttle)
        else:
            sign_in.note(db, AccessKind.FACTOR_REFUSED, email)
    return Verdict(by=Proven.FACTOR) if is_right else Verdict(error=door_words.say(error))


def of_either(email: str) -> Verdict:
    """Judge whichever proof this request's form holds: the password will do too."""
    password = request.form.get(PASSWORD, "")
    return of_password(email, password) if password else of_factor(email)


def of_password(email: str, password: str) -> Verdict:
    throttle = _throttle(email, "")
    if wait := _count(throttle, email):
        return Verdict(error=sign_in.wait_in_words(wait, throttle), wait=wait)
    user = sign_in.judge(email, password)
    with transaction() as db:
        if user is None:
            sign_in.note(db, AccessKind.REFUSED, email)
            return Verdict(error=door_words.say("again_wrong_password"))
        guessing.forgive(db, throttle)
    return Verdict(by=Proven.PASSWORD)


def _is_passkey_of(db: Session, email: str) -> bool:
    key = of_passkey(db)
    return key is not None and key.email == email


def of_passkey(db: Session) -> Passkey | None:
    """Return the passkey that this request's form holds an answer of; None when it isn't to be believed."""
    site, challenge = ceremonies.site(), ceremonies.end(ceremonies.ANSWER)
    if site is None or challenge is None:
        return None
    return passkeys.accept(db, request.form.get(PASSKEY, ""), challenge, site, utcnow())


def factors_of(email: str) -> factors.Factors:
    with reading() as db:
        return factors.of(db, email)


def _throttle(email: str, what: str) -> Throttle:
    settings = _settings()
    device = sign_in.device_of_request()
    return Throttle.of(email, request.remote_addr or "", settings.secret_key, device, what=what)


def _count(throttle: Throttle, email: str) -> int:
    with transaction() as db:
        wait = guessing.register_attempt(db, throttle, utcnow())
        if wait:
            sign_in.note(db, AccessKind.SLOWED_DOWN, email)
    return wait


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
