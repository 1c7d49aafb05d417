"""Is a setting of the directory that is missing or wrong said in one clear line?"""

from pathlib import Path

import pytest

import config
from config.directory import role_of
from tests.parts import test_settings

USUAL = {
    "OIDC_ISSUER": "https://login.example.nl/realms/ours",
    "OIDC_CLIENT_ID": "rechtdoor",
    "OIDC_CLIENT_SECRET": "a secret",
    "OIDC_ROLES": "Balie=agent; it=Beheer=admin;*=auditor",
}


def load(folder: Path, **changes: str) -> config.Settings:
    return config.load(
        test_settings(f"sqlite:///{folder}/x.db", "redis://127.0.0.1:1/0", folder) | USUAL | changes
    )


def test_what_is_left_out_has_a_sensible_value(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert settings.oidc is not None
    assert (settings.oidc.scopes, settings.oidc.groups_claim) == ("openid email profile", "groups")
    assert (settings.oidc.trusts_email, settings.passwords) == (False, True)
    assert settings.oidc.strong == {"mfa", "phr", "phrh"}
    assert settings.group_roles == (("Balie", "agent"), ("it=Beheer", "admin"), ("*", "auditor"))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"OIDC_ISSUER": "login.example.nl"}, "OIDC_ISSUER: “login.example.nl” is no address"),
        ({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID: missing"),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET: missing"),
        ({"OIDC_SCOPES": "email"}, "OIDC_SCOPES: must name openid"),
        ({"OIDC_EMAIL": "yes"}, "OIDC_EMAIL: “yes” is neither verified nor trusted"),
        ({"OIDC_ROLES": ""}, "OIDC_ROLES: missing"),
        ({"OIDC_ROLES": "Balie=boss"}, "OIDC_ROLES: “Balie=boss” is no group=role"),
        ({"OIDC_ROLES": "agent"}, "OIDC_ROLES: “agent” is no group=role"),
        ({"OIDC_NAME": "x" * 61}, "OIDC_NAME: stands on a button"),
        ({"PASSWORDS": "no"}, "PASSWORDS: “no” is neither on nor off"),
        (
            {"OIDC_ISSUER": "", "OIDC_CLIENT_ID": "", "OIDC_CLIENT_SECRET": "", "PASSWORDS": "off"},
            "PASSWORDS: off",
        ),
        ({"OIDC_ISSUER": "", "OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_SECRET: says nothing without OIDC_ISSUER"),
    ],
)
def test_what_is_wrong_stops_the_start_with_one_line(
    tmp_path: Path, changes: dict[str, str], line: str
) -> None:
    with pytest.raises(config.ConfigurationError) as refused:
        load(tmp_path, **changes)

    [said] = refused.value.problems
    assert said.startswith(line)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ({"Balie"}, "agent"),
        ({"/Balie"}, "agent"),
        ({"Balie", "it=Beheer"}, "admin"),
        ({"balie"}, "auditor"),
        ({"/elsewhere/Balie"}, "auditor"),
        (set(), "auditor"),
    ],
)
def test_the_role_that_may_do_most_counts(tmp_path: Path, groups: set[str], role: str) -> None:
    assert role_of(frozenset(groups), load(tmp_path).group_roles) == role
    assert role_of(frozenset(groups), ()) is None
