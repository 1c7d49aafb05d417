"""What did the directory tell of somebody, in our words? Read from what is kept in SCIM's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.api import fields
from config.directory import ROLES

AGENT_URN = "urn:ietf:params:scim:schemas:extension:rechtdoor:2.0:User"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True)
class Told:
    """Who somebody is. Empty, or None: the directory doesn't say."""

    email: str  # lower case
    name: str
    language: str
    is_active: bool
    roles: tuple[str, ...]  # ours, by name
    agent: str
    team: str
    department: str
    spoken_name: str
    phone: str  # as it was written


def read(said: Mapping[str, Any]) -> Told:
    """Return what stands in a SCIM user."""
    agent, enterprise = _part(said, AGENT_URN), _part(said, ENTERPRISE_URN)
    return Told(
        email=_email(said),
        name=_name(said),
        language=_language(said),
        is_active=said.get("active") is not False,
        roles=tuple(one for one in _values(said, "roles") if one in ROLES),
        agent=re.sub(r"[^A-Za-z0-9_]", "_", str(agent.get("agent") or ""))[:121],
        team=_line(agent.get("team"), 120),
        department=_line(enterprise.get("department"), 120),
        spoken_name=_line(agent.get("spokenName"), 100),
        phone=_line(agent.get("phone"), 40),
    )


def _part(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = said.get(name)
    return found if isinstance(found, Mapping) else {}


def _values(said: Mapping[str, Any], name: str) -> list[str]:
    found = said.get(name)
    rows = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    return [str(row["value"]).strip() for row in rows if row.get("value")]


def _email(said: Mapping[str, Any]) -> str:
    """Return the address that they sign in with: the primary one, the first, or a userName that is one."""
    found = said.get("emails")
    rows = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    rows.sort(key=lambda row: row.get("primary") is not True)
    for text in (*(str(row.get("value") or "") for row in rows), str(said.get("userName") or "")):
        try:
            return fields.email(text.strip().lower())
        except fields.Unusable:
            continue
    return ""


def _name(said: Mapping[str, Any]) -> str:
    name = _part(said, "name")
    both = f"{name.get('givenName') or ''} {name.get('familyName') or ''}"
    for text in (said.get("displayName"), name.get("formatted"), both, said.get("userName")):
        if line := _line(text, 200):
            return line
    return ""


def _language(said: Mapping[str, Any]) -> str:
    language = str(said.get("preferredLanguage") or "")[:2].lower()
    return language if language in ("nl", "en") else ""


def _line(text: Any, longest: int) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in str(text or ""))
    return " ".join(shown.split())[:longest]
