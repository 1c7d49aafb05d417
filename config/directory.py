"""Whose directory says who comes in? The settings of signing in elsewhere (OpenID Connect), and of groups.

How they are filled in for Entra and Keycloak: docs/directory.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

# As app/records/agents.py has them, the one that may do most first.
ROLES = ("admin", "supervisor", "auditor", "agent")
# In OIDC_ROLES: whoever is in none of the groups that are named.
EVERYBODY = "*"
# What stands in `acr` or `amr` when more than a password was asked for.
# https://www.rfc-editor.org/rfc/rfc8176, https://openid.net/specs/openid-connect-eap-acr-values-1_0.html
USUALLY_STRONG = "mfa,phr,phrh"
ALWAYS, NEVER = "always", "never"
_OIDC = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_SCOPES", "OIDC_NAME", "OIDC_EMAIL", "OIDC_STRONG")


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """The provider that says who somebody is."""

    issuer: str  # as it names itself
    client_id: str
    client_secret: str
    scopes: str = "openid email profile"
    name: str = ""  # on the button; empty: words of our own
    groups_claim: str = "groups"  # where the groups stand; a path with dots where it is nested
    trusts_email: bool = False  # it hands out its addresses itself, so none has to be marked as verified
    strong: frozenset[str] = frozenset(USUALLY_STRONG.split(","))  # what in acr or amr says so; or ALWAYS


def read(
    env: Mapping[str, str], problems: list[str], *, is_production: bool
) -> tuple[Oidc | None, tuple[tuple[str, str], ...], bool]:
    """Return the provider, None without one; which role a group gives; and whether passwords open the door.

    What is missing or wrong is added to `problems`, a line each.
    """
    text = {name: value.strip() for name, value in env.items()}
    roles = _roles(text.get("OIDC_ROLES", ""), problems)
    oidc = _oidc(text, problems, is_production=is_production) if text.get("OIDC_ISSUER") else None
    if oidc is None:
        problems += [f"{name}: says nothing without OIDC_ISSUER" for name in _OIDC if text.get(name)]
    elif not text.get("OIDC_ROLES"):
        problems.append("OIDC_ROLES: missing; which group gives which role, such as Balie=agent;Beheer=admin")
    passwords = text.get("PASSWORDS", "") or "on"
    if passwords not in ("on", "off"):
        problems.append(f"PASSWORDS: “{passwords}” is neither on nor off")
    elif passwords == "off" and not text.get("OIDC_ISSUER"):
        problems.append("PASSWORDS: off leaves no way in; set OIDC_ISSUER too, or remove it")
    return oidc, roles, passwords != "off"


def _oidc(text: Mapping[str, str], problems: list[str], *, is_production: bool) -> Oidc:
    issuer = text["OIDC_ISSUER"]
    parts = urlsplit(issuer)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        problems.append(f"OIDC_ISSUER: “{issuer}” is no address such as https://login.example.nl/realms/ours")
    elif is_production and parts.scheme != "https":
        problems.append("OIDC_ISSUER: must begin with https:// in production")
    for name, how in (
        ("OIDC_CLIENT_ID", "the name under which the provider knows us"),
        ("OIDC_CLIENT_SECRET", "what the provider gave with it; no sign-in from elsewhere without it"),
    ):
        if not text.get(name):
            problems.append(f"{name}: missing; {how}")
    scopes = text.get("OIDC_SCOPES", "") or Oidc.scopes
    if "openid" not in scopes.split():
        problems.append("OIDC_SCOPES: must name openid; for example openid email profile")
    email = text.get("OIDC_EMAIL", "") or "verified"
    if email not in ("verified", "trusted"):
        problems.append(f"OIDC_EMAIL: “{email}” is neither verified nor trusted")
    name = " ".join(text.get("OIDC_NAME", "").split())
    if len(name) > 60 or not name.isprintable():
        problems.append("OIDC_NAME: stands on a button, so at most 60 printable characters")
    return Oidc(
        issuer=issuer,
        client_id=text.get("OIDC_CLIENT_ID", ""),
        client_secret=text.get("OIDC_CLIENT_SECRET", ""),
        scopes=" ".join(scopes.split()),
        name=name,
        groups_claim=text.get("OIDC_GROUPS_CLAIM", "") or Oidc.groups_claim,
        trusts_email=email == "trusted",
        strong=frozenset(one for part in _strong(text).split(",") if (one := part.strip())),
    )


def _strong(text: Mapping[str, str]) -> str:
    value = text.get("OIDC_STRONG", "") or USUALLY_STRONG
    return "" if value == NEVER else value


def _roles(value: str, problems: list[str]) -> tuple[tuple[str, str], ...]:
    """Return (group, role) for each `group=role`; a group's own name may hold an equals sign."""
    found = []
    for part in value.split(";"):
        if not part.strip():
            continue
        group, equals, role = (one.strip() for one in part.rpartition("="))
        if not equals or not group or role not in ROLES:
            problems.append(
                f"OIDC_ROLES: “{part.strip()}” is no group=role; a role is {', '.join(ROLES)}, and a "
                "semicolon stands between two"
            )
        else:
            found.append((group, role))
    return tuple(found)


def role_of(groups: frozenset[str], roles: tuple[tuple[str, str], ...]) -> str | None:
    """Return the role that may do most of those that these groups give; None when they give none.

    Keycloak writes a group with its path, and so with a slash before it: with or without, it is the same.
    """
    bare = {group.removeprefix("/") for group in groups}
    given = {role for group, role in roles if group.removeprefix("/") in bare}
    usual = {role for group, role in roles if group == EVERYBODY}
    return next((role for role in ROLES if role in (given or usual)), None)
