"""What do the town's teams keep for their desks, and how were their conversations wrapped up?"""

from datetime import datetime
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.beside import answers
from app.records.agents import Agent
from app.records.beside import Cause, WrapUp
from app.records.calls import Call, Outcome
from demo.words import Team

SEED = 8

# The words of each, whose process it is, and what usually comes next.
CAUSES = {
    "brief": ("Brief niet duidelijk", "Communicatie", ("Uitgelegd aan de telefoon", "Brief laten aanpassen")),
    "status": ("Hoe staat het ervoor?", "Behandeling", ("Terugbellen na overleg", "Terugbellen na taxatie")),
    "formulier": ("Formulier werkt niet", "Website", ("Samen ingevuld", "Gemeld aan de website")),
    "termijn": (
        "Termijn voorbij",
        "Behandeling",
        ("Terugbellen na overleg", "Doorgegeven aan de behandelaar"),
    ),
    "afspraak": ("Afspraak maken of verzetten", "Planning", ("Afspraak gemaakt",)),
    "fout": ("Fout van ons", "Kwaliteit", ("Hersteld en bevestigd", "Terugbellen na herstel")),
}
# A key, a team (nobody's: everybody's), a title, and the answer itself.
ANSWERS: tuple[tuple[str, str, str, str], ...] = (
    (
        *("woz", "", "Bezwaar tegen de WOZ-waarde"),
        "Dat kan tot zes weken na de aanslag. Het is gratis en kan op de website.",
    ),
    (
        *("uitkering", Team.WERK_EN_INKOMEN, "Wanneer wordt de uitkering betaald"),
        "Rond de vijftiende van de maand. Is dat in een weekend, dan op de vrijdag ervoor.",
    ),
    (
        *("paspoort", Team.BURGERZAKEN, "Paspoort kwijt of gestolen"),
        "Meld het meteen op de website. Een nieuw paspoort vraagt u op afspraak aan; neem een pasfoto mee.",
    ),
    (
        *("verhuizen", Team.BURGERZAKEN, "Verhuizing doorgeven"),
        "Van vier weken vóór tot vijf dagen na de verhuizing, met DigiD of op afspraak.",
    ),
    (
        *("dakkapel", Team.VERGUNNINGEN, "Vergunning voor een dakkapel"),
        "Aan de achterkant meestal niet nodig. De vergunningcheck op de website zegt het zeker.",
    ),
    (
        *("boom", Team.VERGUNNINGEN, "Een boom kappen"),
        "Vanaf dertig centimeter doorsnee is een vergunning nodig. Dat duurt acht weken.",
    ),
    (
        *("betalen", "", "Aanslag in termijnen betalen"),
        "Dat kan in tien termijnen met automatische incasso, of na een afspraak met invordering.",
    ),
)


def write(session: Session, now: datetime) -> int:
    """Write what stands beside the calls of the last weeks, once; return how many were wrapped up."""
    if session.scalar(select(Cause.key).limit(1)) is not None:
        return 0
    for place, (key, (name, owner, _)) in enumerate(CAUSES.items()):
        session.add(Cause(key=key, name=name, owner=owner, position=place))
    for key, team, title, body in ANSWERS:
        answers.write(session, key, team=str(team), title=title, body=body, now=now)
    teams = dict(session.execute(select(Agent.key, Agent.team)).all())
    random, wrapped = Random(SEED), 0
    calls = (
        select(Call).where(Call.outcome == Outcome.TALKED, Call.case.is_not(None)).order_by(Call.created_at)
    )
    for call in session.scalars(calls):
        agent = call.bridged_to
        if agent is None or agent not in teams:
            continue
        cause = random.choices(list(CAUSES), weights=(4, 12, 1, 2, 1, 1))[0]
        outcome = random.choices(("solved", "promise_made", "waiting", "handed_over"), weights=(3, 3, 3, 1))[
            0
        ]
        steps = CAUSES[cause][2]
        # Most do as their team usually does.
        step = random.choices(steps, weights=(4, 1)[: len(steps)])[0] if outcome != "solved" else ""
        session.add(
            WrapUp(
                call_sid=call.sid,
                agent=agent,
                case=call.case,
                team=teams[agent],
                outcome=outcome,
                cause=cause,
                next_step=step,
                at=call.bridged_at or call.created_at,
            )
        )
        wrapped += 1
    return wrapped
