"""What does the simulator remember over a restart?"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from phonebox.network.endpoints import Behaviour, Endpoint, Endpoints
from phonebox.network.numbers import OwnNumber, OwnNumbers

ENDPOINT_FIELDS = ("answer_after", "presses", "says", "greeting", "call_waiting")


def save(path: Path, app_url: str, numbers: OwnNumbers, endpoints: Endpoints) -> None:
    """Write the numbers' addresses and the telephones' behaviour; whole or not at all."""
    state = {
        "app_url": app_url,
        "numbers": [_plain(asdict(number)) for number in numbers],
        "endpoints": [_endpoint(endpoint) for endpoint in endpoints],
    }
    beside = path.with_suffix(path.suffix + ".new")
    beside.write_text(json.dumps(state, indent=1), encoding="utf-8")
    beside.replace(path)


def load(path: Path, app_url: str, numbers: OwnNumbers, endpoints: Endpoints) -> None:
    """Read it back; nothing is there before the first time.

    Addresses of the application follow it when it has moved to `app_url` since.
    """
    if not path.exists():
        return
    state = json.loads(path.read_text(encoding="utf-8"))
    for fields in state["numbers"]:
        for name in ("created_at", "updated_at"):
            fields[name] = datetime.fromisoformat(fields[name])
        for name, value in fields.items():
            if isinstance(value, str) and value.startswith(state["app_url"] + "/"):
                fields[name] = app_url + value.removeprefix(state["app_url"])
        numbers.add(OwnNumber(**fields))
    for fields in state["endpoints"]:
        endpoint = endpoints.find(fields["address"])
        if endpoint is not None:
            endpoint.registered = fields["registered"]
            endpoint.behaviour = Behaviour(fields["behaviour"])
            for name in ENDPOINT_FIELDS:
                setattr(endpoint, name, fields[name])


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "address": endpoint.address,
        # A softphone has to register again; what a test or a person declared registered stays so.
        "registered": endpoint.registered,
        "behaviour": endpoint.behaviour.value,
    }
    return fields | {name: getattr(endpoint, name) for name in ENDPOINT_FIELDS}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()
    }
