"""Which callers are there to try, and what does each of them show?

Their cases are fixed, whatever the seed; the labels name the owner whom the plan makes, and so stay true.
"""

from dataclasses import dataclass

from demo.organisation import agent
from demo.people import person
from demo.plans import Plan
from demo.storylines import storyline
from demo.telephones import WITHHELD, mobile, national, with_exit_code

STRANGER = mobile(990001)
ABSENT_AGENT = "willem"


def _plan(customer: str, story: str, steps: int, last_back: int, **agents: str) -> Plan:
    return Plan(customer, storyline(story), steps, agents, last_back)


JANNIE = _plan("K-1001", "verhuizing", 2, 1, a="anna")
PIETER = _plan("K-1002", "kapvergunning", 2, 1, a="daan", b="priya")
MARLOES = _plan("K-1003", "leerlingenvervoer", 2, 3, a="sanne", b="fatma")
SAMIR_PARKING = _plan("K-1004", "parkeren_bewoner", 1, 3, a="priya", b="daan")
SAMIR_CHILDREN = _plan("K-1004", "kindpakket", 1, 1, a="fatma", b="sanne")
INEKE_PASSPORT = _plan("K-1005", "paspoort_vermist", 3, 8, a="youssef")
INEKE_PASS = _plan("K-1005", "afvalpas", 3, 20, a="joke", b="anna")
KAREL = _plan("K-1006", "dakkapel", 4, 1, a=ABSENT_AGENT, b="daan")
EMILY = _plan("K-1007", "vestiging", 3, 1, a="youssef")
SASKIA = _plan("K-1008", "huwelijk", 3, 1, a="joke", b="anna")
THOMAS = _plan("K-1009", "woz", 3, 2, a="anna", b="joke")
RACHID = _plan("K-1010", "bijstand", 3, 1, a="sanne", b="fatma")

PLANS = (
    JANNIE,
    PIETER,
    MARLOES,
    SAMIR_PARKING,
    SAMIR_CHILDREN,
    INEKE_PASSPORT,
    INEKE_PASS,
    KAREL,
    EMILY,
    SASKIA,
    THOMAS,
    RACHID,
)


@dataclass(frozen=True)
class Entry:
    """A caller to try. `number` is what the carrier reports, so not always E.164."""

    number: str
    label: str


def _owner(plan: Plan) -> str:
    return agent(plan.owner).spoken_name


def _last(plan: Plan) -> str:
    return agent(plan.last_agent).spoken_name


def _phone(plan: Plan) -> str:
    return person(plan.customer).phones[0]


def phonebook() -> list[Entry]:
    """Return the callers to try, in the order in which they are best tried."""
    return [
        Entry(_phone(JANNIE), f"Mw. Jannie de Boer – verhuizing, kent {_owner(JANNIE)}"),
        Entry(
            national(_phone(SASKIA)),
            f"Mw. Saskia Mulder, nummer als 06… – huwelijk, kent {_owner(SASKIA)}",
        ),
        Entry(
            with_exit_code(_phone(SASKIA)),
            f"Mw. Saskia Mulder, nummer als 0031… – dezelfde zaak, weer {_owner(SASKIA)}",
        ),
        Entry(
            _phone(PIETER),
            f"Fam. Van Dijk, één nummer voor twee – Pieter (kapvergunning, {_owner(PIETER)}) het laatst; "
            f"of Marloes (leerlingenvervoer, {_owner(MARLOES)})",
        ),
        Entry(
            _phone(SAMIR_CHILDREN),
            f"Dhr. Samir Bouzid, twee open zaken – kindpakket het laatst ({_owner(SAMIR_CHILDREN)}); "
            f"ook een parkeervergunning ({_owner(SAMIR_PARKING)})",
        ),
        Entry(
            _phone(KAREL),
            f"Dhr. Karel Visser – dakkapel van {_owner(KAREL)}, die er niet is; "
            f"{agent(KAREL.agents['b']).spoken_name} kent de zaak",
        ),
        Entry(
            _phone(RACHID),
            f"Dhr. Rachid Bensalem – bijstand; sprak het laatst {_last(RACHID)}, maar de zaak is van "
            f"{_owner(RACHID)}",
        ),
        Entry(
            _phone(INEKE_PASSPORT),
            f"Mw. Ineke Jansen – geen open zaak; {_last(INEKE_PASSPORT)} hielp haar het laatst",
        ),
        Entry(_phone(EMILY), f"Ms Emily Carter – speaks English; registration, knows {_owner(EMILY)}"),
        Entry(_phone(THOMAS), f"Mr Thomas Krüger – from Berlin; WOZ objection, knows {_owner(THOMAS)}"),
        Entry(STRANGER, "Onbekende beller – staat nergens in de bestanden"),
        Entry(WITHHELD, "Anoniem – nummer afgeschermd"),
    ]
