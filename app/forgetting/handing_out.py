"""How does a file of one person come to who asked for it? Made beside, handed out in pieces, noted."""

import logging
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO

from flask import Response
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import What
from app.carrier.rest import Carrier
from app.forgetting import export
from app.forgetting.export import Open
from app.forgetting.whom import Person
from app.records.privacy import Whom
from config import Settings

log = logging.getLogger(__name__)

# More lies on the disk meanwhile, in a file without a name that ends with the answer.
IN_MEMORY = 1024 * 1024
PIECE = 64 * 1024
HEADERS = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="export.zip"'}


def made(open_: Open, person: Person, settings: Settings, now: datetime) -> IO[bytes]:
    """Return a file, at its beginning, with all that is certainly theirs."""
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # whoever hands it out closes it
    try:
        left_out = export.write(file, open_, person, Carrier(settings).recording_sound, now)
        log.info("all of one person was handed out", extra={"bytes": file.tell(), "whole": not left_out})
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def answer(file: IO[bytes]) -> Response:
    """Hand a file out piece by piece, and let go of it, also when nobody waits for it any more."""
    response = Response(_pieces(file), mimetype="application/zip", headers=HEADERS)
    response.call_on_close(file.close)
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def note_export(session: Session, kind: Whom, of: str, who: str, now: datetime) -> None:
    """Write into the audit log that somebody takes all of a person along."""
    subject = audit.number(of) if kind == Whom.NUMBER else audit.customer(of)
    audit.record(session, audit.actor_called(who), What.PERSON_EXPORTED, now, subject)
