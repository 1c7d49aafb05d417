"""How is work at the desk arranged? `ANSWER_GUARD_SECONDS`, `CRM_URL` and `THANKS`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

CASE, CUSTOMER = "case", "customer"
EXAMPLE = "https://crm.example.nl/cases/{case}"
MOST_GUARD_SECONDS = 5.0
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the desk does for its agents."""

    answer_guard_seconds: float = 1.5  # in which a ring can't be taken or declined by reflex; 0: none
    crm_url: str = ""  # with {case} or {customer}; empty: cases have the link that they came with
    thanks: bool = True  # whether a page goes out after a conversation

    def link_to(self, case: str | None, customer: str | None) -> str:
        """Return where the organisation's own system has it; empty when it is not known which."""
        known = {CASE: case, CUSTOMER: customer}
        if not self.crm_url or any(not known[name] for name in _PLACE.findall(self.crm_url)):
            return ""
        return _PLACE.sub(lambda found: quote(known[found[1]] or "", safe=""), self.crm_url)


BY_DEFAULT = Work()


def read(env: Mapping[str, str], problems: list[str]) -> Work:
    """Return what the environment says, and add a line to `problems` for each thing that is wrong."""
    usual = BY_DEFAULT
    return Work(
        answer_guard_seconds=_guard(env.get("ANSWER_GUARD_SECONDS", "").strip(), usual, problems),
        crm_url=_crm(env.get("CRM_URL", "").strip(), problems),
        thanks=env.get("THANKS", "").strip().lower() not in {"0", "false", "no"},
    )


def _guard(text: str, usual: Work, problems: list[str]) -> float:
    if not text:
        return usual.answer_guard_seconds
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds <= MOST_GUARD_SECONDS:
        return seconds
    problems.append(f"ANSWER_GUARD_SECONDS: “{text}” is no number of seconds from 0 to 5, such as 1.5")
    return usual.answer_guard_seconds


def _crm(text: str, problems: list[str]) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, name = parts.hostname or "", parts.username
    except ValueError:
        host, name, parts = "", None, urlsplit("")
    # A person trusts it, and opens it: nothing but the web, encrypted, at one host that stands there.
    is_plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if (
        parts.scheme != "https"
        or not re.fullmatch(r"[A-Za-z0-9.-]+", host)
        or name is not None
        or not is_plain
    ):
        problems.append(f"CRM_URL: must begin with https:// and a host name, such as {EXAMPLE}")
        return ""
    names = _PLACE.findall(text)
    wrong = next((one for one in names if one not in (CASE, CUSTOMER)), None)
    if wrong is not None:
        problems.append(
            f"CRM_URL: “{{{wrong}}}” is neither {{case}} nor {{customer}}; write for example {EXAMPLE}"
        )
        return ""
    if not names or "{" in _PLACE.sub("", text) or "}" in _PLACE.sub("", text) or "{" in parts.netloc:
        problems.append(f"CRM_URL: say with {{case}} or {{customer}} where the key goes, such as {EXAMPLE}")
        return ""
    return text
