"""How are look-ups told to others? In the shape of the Dutch standard for logging the use of people's data.

https://logius-standaarden.github.io/logboek-dataverwerkingen/
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.audit.log import Activity
from app.audit.searching import details_of
from app.records.audit import AuditEntry

ACTIVITIES = [one for one in Activity if one != Activity.RUNNING]
REGISTER = "/api/v1/processing-activities"


@dataclass(frozen=True)
class Source:
    """Which system tells it."""

    public_url: str
    name: str = "rechtdoor"

    def activity(self, why: str) -> str:
        """Return the address in our register of why it was done."""
        return f"{self.public_url}{REGISTER}/{why}"


def consultation(line: AuditEntry, source: Source) -> dict[str, Any]:
    """Return one look-up. What was done in one call, or to one promise, has one trace."""
    told = details_of(line)
    about = told.get("call") or told.get("promise")
    followed = f"{'call' if 'call' in told else 'promise'}:{about}" if about else line.hash
    moment = _milliseconds(line.at)
    return {
        "trace_id": hashlib.sha256(followed.encode()).hexdigest()[:32],
        "span_id": line.hash[:16],
        "parent_span_id": None,
        "status": "Ok",
        "name": line.what,
        "start_time": moment,
        "end_time": moment,
        "resource": {"attributes": {"service.name": source.name, "service.instance": source.public_url}},
        "attributes": {
            "dpl.core.processing_activity_id": source.activity(line.why),
            "dpl.core.data_subject_id": line.subject,
            "dpl.core.data_subject_id_type": line.subject_kind,
        },
        # Ours, beside what the standard asks for.
        "number": line.number,
        "who": line.who,
        "via": str(line.via),
        "details": told,
    }


def _milliseconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
