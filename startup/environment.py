"""Which environment do the processes get? What the shell says, then `.env`, then what development made up."""

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from config.files import BadLine, read_file

__all__ = ["BadLine", "read_file"]


def deployed(root: Path) -> dict[str, str]:
    """Return the environment with `.env` beneath it: the shell wins. Empty settings count as not set."""
    shell = {name: value for name, value in os.environ.items() if value}
    return read_file(root / ".env") | shell


def is_development(env: Mapping[str, str]) -> bool:
    return env.get("ENV", "development") == "development"


def development_secrets(file: Path) -> dict[str, str]:
    """Return this checkout's own secrets, made up the first time and kept in `file`, for our eyes only."""
    kept = read_file(file)
    made_up = {
        "SECRET_KEY": secrets.token_hex(32),
        "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_API_KEY": "SK" + secrets.token_hex(16),
        "TWILIO_API_SECRET": secrets.token_hex(16),
    }
    chosen = {name: kept.get(name, value) for name, value in made_up.items()}
    if chosen != kept:
        write_file(file, chosen, "Made up for this checkout alone. Delete this file to get others.")
    return chosen


def write_file(file: Path, settings: Mapping[str, str], heading: str) -> None:
    """Write settings that read_file() and a shell can read; nobody but us may."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"# {heading}", *(f"{name}={shlex.quote(value)}" for name, value in settings.items())]
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n", "utf-8")
