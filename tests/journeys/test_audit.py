"""Does a card that came with a call stand sealed in the log, whoever looks after the product meanwhile?"""

import re
import subprocess

from sqlalchemy import select

from app.audit.log import What
from app.audit.searching import details_of
from app.records.audit import AuditEntry, AuditPending
from startup import commands
from tests.factories import ADA, LINE
from tests.journeys.conftest import Town
from tests.parts import ROOT, clean_environment


def verified(town: Town, *words: str, **settings: str) -> str:
    """Type `audit verify` as an operator of the running product would; return what it said."""
    done = subprocess.run(
        commands.flask("audit", "verify", *words),
        env={**clean_environment(), **town.product.settings, **settings},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def sealed(town: Town, call_sid: str) -> bool:
    with town.database.reading() as session:
        pops = session.scalars(select(AuditEntry).where(AuditEntry.what == What.SCREEN_POP)).all()
        waiting = session.scalars(select(AuditPending)).all()
    return not waiting and call_sid in [details_of(pop)["call"] for pop in pops]


def test_a_card_shown_for_a_call_is_sealed_and_stays_proven_under_another_secret_key(town: Town) -> None:
    call = town.phonebox.call_in(ADA, LINE)
    call.wait("ringing:client:anna")
    town.until(lambda: sealed(town, call.sid), "the worker seals what was shown")

    anchor = re.search(r"[0-9]+:[0-9a-f]{64}", verified(town))
    assert anchor is not None
    both = f"another secret key that is long enough,{town.product.settings['SECRET_KEY']}"
    # Looking the log through is written down as well: by now it may be longer than when the anchor was noted.
    assert "whole" in verified(town, "--since-anchor", anchor[0], SECRET_KEY=both)
    assert "whole" in verified(town, SECRET_KEY=both.partition(",")[0])
