"""Whose passkey answered? Registration and assertion by the Web Authentication standard, level 3.

A passkey proves two things at once: that one has it and, by “user verification”, a finger, a face or a PIN.
So it is a whole sign-in by itself. https://www.w3.org/TR/webauthn-3/
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.records.factors import Passkey, SpentChallenge

log = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(minutes=10)
MOST_OF_ONE = 20
LONGEST_NAME = 80
# What a browser sends is some hundreds of characters, a thousand or two with a key's certificate.
LONGEST_ANSWER = 16_000
_HANDLE_BYTES = 32


@dataclass(frozen=True)
class Site:
    """For which site a passkey is: `id` is its host name, which a passkey is bound to for ever."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True)
class New:
    """A passkey that was just made."""

    credential: str
    public_key: str
    uses: int
    transports: tuple[str, ...]


def new_challenge() -> str:
    return secrets.token_urlsafe(32)


# --- what a browser is asked for ----------------------------------------------------------------------
# The library brings much that nobody needs who takes calls, so it is loaded by whoever uses a passkey first.


def to_make_one(site: Site, email: str, handle: str, known: Sequence[str], challenge: str) -> str:
    """Return, as JSON, what a browser needs to make a passkey."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=site.name,
        user_name=email,
        user_id=_bytes(handle),
        challenge=_bytes(challenge),
        timeout=int(ANSWER_WITHIN.total_seconds() * 1000),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=_bytes(one)) for one in known],
    )
    return webauthn.options_to_json(options)


def to_answer(site: Site, credentials: Sequence[str], challenge: str) -> str:
    """Return, as JSON, what a browser needs to answer; no credentials: any that it has for us.

    Each visit to the page where one signs in asks for it, so it is written without the library.
    """
    return json.dumps(
        {
            "challenge": challenge,
            "timeout": int(ANSWER_WITHIN.total_seconds() * 1000),
            "rpId": site.id,
            "allowCredentials": [{"id": one, "type": "public-key"} for one in credentials],
            "userVerification": "required",
        }
    )


# --- what it answers ----------------------------------------------------------------------------------


def made(answer: str, challenge: str, site: Site) -> New | None:
    """Return the passkey that a browser made for us; None when the answer is not to be believed."""
    import webauthn

    try:
        told = _read(answer)
        verified = webauthn.verify_registration_response(
            credential=told,
            expected_challenge=_bytes(challenge),
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
        transports = told["response"].get("transports") or []
    except Exception as error:  # whatever strangers send: what isn't understood is not believed
        log.info("a passkey was not believed", extra={"error": type(error).__name__})
        return None
    return New(
        _text(verified.credential_id),
        _text(verified.credential_public_key),
        verified.sign_count,
        tuple(one for one in transports if isinstance(one, str) and len(one) < 20)[:8],
    )


def accept(session: Session, answer: str, challenge: str, site: Site, now: datetime) -> Passkey | None:
    """Return whose passkey answered, and let the answer count this once; None when it isn't believed."""
    import webauthn

    try:
        told = _read(answer)
        row = session.scalar(select(Passkey).where(Passkey.credential == str(told["id"])))
        if row is None:
            return None
        handle = told["response"].get("userHandle")
        if handle and handle.rstrip("=") != row.handle:
            return None
        verified = webauthn.verify_authentication_response(
            credential=told,
            expected_challenge=_bytes(challenge),
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=_bytes(row.public_key),
            credential_current_sign_count=row.uses,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        log.info("a passkey was not believed", extra={"error": type(error).__name__})
        return None
    if not _spend(session, challenge, now):
        return None
    counted = session.scalars(
        update(Passkey)
        .where(Passkey.id == row.id, Passkey.uses == row.uses)
        .values(uses=verified.new_sign_count, used_at=now)
        .returning(Passkey.id),
        execution_options={"synchronize_session": False},
    )
    return row if counted.one_or_none() is not None else None


def _spend(session: Session, challenge: str, now: datetime) -> bool:
    """Say whether nobody has answered this challenge before."""
    try:
        with session.begin_nested():
            session.add(SpentChallenge(hash=hashlib.sha256(challenge.encode()).hexdigest(), at=now))
    except IntegrityError:
        return False
    return True


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("too long")
    told = json.loads(answer)
    if not isinstance(told, dict) or not isinstance(told.get("response"), dict):
        raise ValueError("no answer")
    return told


def _bytes(text: str) -> bytes:
    from webauthn.helpers import base64url_to_bytes

    return base64url_to_bytes(text)


def _text(data: bytes) -> str:
    from webauthn.helpers import bytes_to_base64url

    return bytes_to_base64url(data)


# --- whose they are -----------------------------------------------------------------------------------


def of(session: Session, email: str) -> Sequence[Passkey]:
    return session.scalars(select(Passkey).where(Passkey.email == email).order_by(Passkey.id)).all()


def handle_of(session: Session, email: str) -> str:
    """Return by which name devices know this person: random, since a device shows it to whoever has it."""
    known = session.scalar(select(Passkey.handle).where(Passkey.email == email).limit(1))
    return known or secrets.token_urlsafe(_HANDLE_BYTES)


def add(session: Session, email: str, new: New, handle: str, name: str, now: datetime) -> bool:
    """Keep it; False when it is known already, or when there are too many."""
    if len(of(session, email)) >= MOST_OF_ONE:
        return False
    try:
        with session.begin_nested():
            session.add(
                Passkey(
                    email=email,
                    handle=handle,
                    credential=new.credential,
                    public_key=new.public_key,
                    uses=new.uses,
                    transports=list(new.transports),
                    name=name,
                    added_at=now,
                )
            )
    except IntegrityError:
        return False
    return True


def rename(session: Session, email: str, which: int, name: str) -> bool:
    renamed = session.scalars(
        update(Passkey)
        .where(Passkey.id == which, Passkey.email == email)
        .values(name=name)
        .returning(Passkey.id)
    )
    return renamed.one_or_none() is not None


def remove(session: Session, email: str, which: int) -> str | None:
    """Take one away; return its name, None when there is none."""
    return session.scalars(
        delete(Passkey).where(Passkey.id == which, Passkey.email == email).returning(Passkey.name)
    ).one_or_none()
