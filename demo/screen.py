"""What can the town's teams put on the screen beside a call, with one press?"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.screen import ItemKind, ScreenChoice
from app.screen import choices
from app.screen.choices import Written
from demo.words import Team

# A key, a team (nobody's: everybody's), what it is, the button, what the customer reads in both languages,
# and the address or number.
CHOICES: tuple[tuple[str, str, ItemKind, str, str, str, str], ...] = (
    (
        *("klopt-adres", "", ItemKind.QUESTION, "Adres klopt?"),
        *(
            "Staat u nog op het adres ingeschreven dat u net noemde?",
            "Are you still registered at the address that you just named?",
            "",
        ),
    ),
    (
        *("nummer", "", ItemKind.NUMBER, "Ons nummer"),
        *("Op dit nummer belt u ons terug", "Ring us back on this number", "078 014 01 00"),
    ),
    (
        *("verhuizen", Team.BURGERZAKEN, ItemKind.FORM, "Verhuisformulier"),
        *(
            "Geef hier uw verhuizing door",
            "Tell us here that you moved",
            "https://www.waterrijk.example/verhuizen",
        ),
    ),
    (
        *("id-kopie", Team.BURGERZAKEN, ItemKind.UPLOAD, "Foto van brief"),
        *("Maak een foto van de brief die u kreeg", "Take a photo of the letter that you got", ""),
    ),
    (
        *("balie", Team.BURGERZAKEN, ItemKind.DATE, "Dag aan de balie"),
        *("Op welke dag komt u aan de balie?", "On which day will you come to the counter?", ""),
    ),
    (
        *("dakkapel", Team.VERGUNNINGEN, ItemKind.DOCUMENT, "Folder dakkapel"),
        *(
            "Zo vraagt u een vergunning aan voor een dakkapel",
            "How to ask for a permit for a dormer",
            "https://www.waterrijk.example/dakkapel.pdf",
        ),
    ),
    (
        *("foto-plek", Team.VERGUNNINGEN, ItemKind.UPLOAD, "Foto van de plek"),
        *("Stuur een foto van de plek waar het om gaat", "Send a photo of the place", ""),
    ),
    (
        *("schouw", Team.VERGUNNINGEN, ItemKind.DATE, "Dag voor de schouw"),
        *("Op welke dag kunnen wij komen kijken?", "On which day may we come and look?", ""),
    ),
    (
        *("loonstrook", Team.WERK_EN_INKOMEN, ItemKind.UPLOAD, "Loonstrook"),
        *("Stuur uw laatste loonstrook, als foto of PDF", "Send your last payslip, as a photo or PDF", ""),
    ),
    (
        *("inkomen", Team.WERK_EN_INKOMEN, ItemKind.FORM, "Inkomensformulier"),
        *(
            "Geef hier uw inkomsten van deze maand door",
            "Tell us here what you earned this month",
            "https://www.waterrijk.example/inkomsten",
        ),
    ),
)


def write(session: Session) -> None:
    """Write the teams' lists, once."""
    if session.scalar(select(ScreenChoice.key).limit(1)) is not None:
        return
    for place, (key, team, kind, name, in_dutch, in_english, value) in enumerate(CHOICES):
        choices.write(session, key, Written(str(team), kind, name, in_dutch, in_english, value, place))
