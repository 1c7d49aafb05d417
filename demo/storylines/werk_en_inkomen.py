"""What do people ask of Werk en Inkomen, and how does it go?"""

from types import MappingProxyType as Details

from demo.storylines.model import (
    Storyline,
    called,
    got_mail,
    got_message,
    mailed,
    rang,
    visited,
)
from demo.words import Outcome, Priority, Team

SOLVED, PROMISE, HANDED, WAITING = (
    Outcome.SOLVED,
    Outcome.PROMISE_MADE,
    Outcome.HANDED_OVER,
    Outcome.WAITING,
)

STORYLINES = (
    Storyline(
        key="bijstand",
        team=Team.WERK_EN_INKOMEN,
        theme="uitkering",
        not_for=frozenset({"ondernemer"}),
        subjects=("Aanvraag bijstand", "Bijstand na einde WW"),
        priority=Priority.HIGH,
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "WW is gestopt, heeft nog voor twee weken geld. Aanvraag bijstand samen gestart. Gesprek op "
                "kantoor op {next}; bankafschriften van drie maanden en huurcontract mee.",
                seconds=(420, 1000),
            ),
            visited(
                "a",
                (2, 4),
                WAITING,
                "Intake gedaan. Afschriften van de spaarrekening ontbreken. {Zij} brengt die langs. Ik kijk "
                "{next}; daarna kan het voorschot.",
                seconds=(1500, 2700),
            ),
            called(
                "b",
                (2, 4),
                PROMISE,
                "Belde of de afschriften goed waren: ja, compleet. Huur moet betaald worden, dus voorschot "
                "met {a} besproken en akkoord. Staat uiterlijk {next} op de rekening.",
            ),
            rang(
                "a",
                (2, 3),
                PROMISE,
                "Voorschot is binnengekomen. Besluit volgt binnen de acht weken; ik streef naar {next}. "
                "{Zij} is gerustgesteld.",
            ),
            mailed(
                "a",
                (5, 9),
                SOLVED,
                "Bijstand toegekend vanaf de datum van melding. Besluit gestuurd, voorschot verrekend.",
            ),
        ),
    ),
    Storyline(
        key="bijzondere_bijstand",
        team=Team.WERK_EN_INKOMEN,
        subjects=("Bijzondere bijstand {spullen}",),
        details=Details({"spullen": ("wasmachine", "koelkast", "bril", "inrichting eerste woning")}),
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "Vraagt vergoeding: {spullen}. Kan als er geen spaargeld is. {Zij} stuurt een offerte en "
                "het laatste bankafschrift. Ik kijk {next} wat er binnen is.",
            ),
            got_mail(
                "a",
                (2, 4),
                PROMISE,
                "Offerte ontvangen, bedrag is redelijk. Nog één vraag over de energierekening gesteld. "
                "Beslissing neem ik {next}.",
            ),
            rang(
                "a",
                (2, 5),
                SOLVED,
                "Toegekend. Bedrag gaat rechtstreeks naar de winkel, {zij} kan bestellen ({spullen}).",
                "Toegekend en uitgelegd dat het een gift is, geen lening. {Mw} was erg blij.",
            ),
        ),
    ),
    Storyline(
        key="schuldhulp",
        team=Team.WERK_EN_INKOMEN,
        subjects=("Schuldhulpverlening", "Dreigende afsluiting {wat}"),
        priority=Priority.HIGH,
        details=Details({"wat": ("energie", "water")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Dreigt te worden afgesloten ({wat}). Meteen de leverancier gebeld: dertig dagen uitstel. "
                "Eerste gesprek schuldhulp op {next}, {zij} neemt alle ongeopende post mee.",
                seconds=(480, 1200),
            ),
            visited(
                "a",
                (1, 3),
                PROMISE,
                "Post samen geopend en gesorteerd: elf schuldeisers. {Zij} schaamde zich; gezegd dat dat "
                "niet hoeft. Overzicht maak ik en bespreken we {next}.",
                seconds=(1800, 3000),
            ),
            rang(
                "a",
                (3, 6),
                WAITING,
                "Overzicht besproken. Voorstel aan schuldeisers is verstuurd. Geen nieuwe leningen, dat "
                "snapt {zij}. Tussenstand {next}.",
            ),
            called(
                "b",
                (4, 7),
                PROMISE,
                "Toch een deurwaarder aan de deur. Gebeld: die had ons voorstel niet gelezen en trekt zich "
                "terug. {a} belt {next} met de stand.",
            ),
            rang(
                "a",
                (1, 2),
                PROMISE,
                "Negen van de elf zijn akkoord. Over de laatste twee hoort {zij} {next} meer.",
            ),
            rang("a", (5, 7), SOLVED, "Iedereen akkoord, regeling loopt. Budgetcoach belt elke maand."),
        ),
    ),
    Storyline(
        key="huishoudelijke_hulp",
        team=Team.WERK_EN_INKOMEN,
        not_for=frozenset({"student"}),
        subjects=("Wmo: hulp in het huishouden", "Wmo-hulp na operatie"),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Kan na een heupoperatie het huis niet meer schoonhouden. Keukentafelgesprek aan huis "
                "gepland op {next}, dochter mag erbij zijn.",
            ),
            visited(
                "a",
                (4, 7),
                PROMISE,
                "Keukentafelgesprek. Trap en badkamer lukken niet, koken wel. Drie uur per week "
                "voorgesteld. Verslag krijgt {zij} uiterlijk {next} om te tekenen.",
                seconds=(1800, 3300),
            ),
            got_mail(
                "b",
                (2, 4),
                PROMISE,
                "Verslag getekend terug, met de opmerking dat het aanrecht te hoog is. Doorgegeven aan de "
                "ergotherapeut. Besluit stuurt {a} {next}.",
            ),
            called(
                "a",
                (3, 5),
                WAITING,
                "Besluit is er, maar de zorgaanbieder belt niet. Ik heb de planning daar gesproken: ze "
                "bellen {hem} zelf. Ik check {next} of dat is gebeurd.",
            ),
            rang("a", (1, 3), SOLVED, "Hulp is begonnen, een vaste kracht. {Mw} is er blij mee."),
        ),
    ),
    Storyline(
        key="traplift",
        team=Team.WERK_EN_INKOMEN,
        not_for=frozenset({"student"}),
        subjects=("Wmo: traplift {straat}",),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Komt de trap niet meer op en slaapt nu beneden op de bank. Ergotherapeut komt kijken, ik "
                "regel een datum en bel die {next} door.",
            ),
            rang(
                "a",
                (1, 3),
                WAITING,
                "Datum doorgegeven: de ergotherapeut komt aan huis. Advies verwacht op {next}.",
            ),
            got_mail(
                "a",
                (5, 8),
                HANDED,
                "Advies ergotherapeut: traplift met draaistoel. Offerte aangevraagd. Ik ben een week weg, "
                "{b} neemt het over en belt {next}.",
            ),
            rang(
                "b",
                (2, 4),
                PROMISE,
                "Akkoord op de offerte. Monteur meet de trap op; plaatsing kort daarna. Bevestiging stuur "
                "ik {next}.",
            ),
            mailed(
                "b",
                (1, 4),
                SOLVED,
                "Besluit en datum van plaatsing gestuurd. Nummer van de monteur staat erin.",
            ),
        ),
    ),
    Storyline(
        key="kwijtschelding",
        team=Team.WERK_EN_INKOMEN,
        subjects=("Kwijtschelding gemeentelijke belastingen",),
        priority=Priority.LOW,
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "Kwijtschelding afgewezen omdat er twee auto's op naam staan. Eén is verkocht. {Zij} stuurt "
                "het vrijwaringsbewijs; ik kijk {next} opnieuw.",
            ),
            got_mail(
                "a", (2, 4), PROMISE, "Vrijwaringsbewijs ontvangen, klopt. Herbeoordeling is klaar op {next}."
            ),
            called(
                "b",
                (2, 4),
                PROMISE,
                "Kreeg intussen een aanmaning. Stopgezet in het systeem. {a} rondt de herbeoordeling af en "
                "belt {next}.",
            ),
            rang(
                "a",
                (1, 2),
                SOLVED,
                "Kwijtschelding toegekend, aanmaning vervalt. Bevestiging is per post onderweg.",
            ),
        ),
    ),
    Storyline(
        key="inkomsten",
        team=Team.WERK_EN_INKOMEN,
        theme="uitkering",
        not_for=frozenset({"ondernemer"}),
        subjects=("Inkomsten verrekenen met uitkering", "Bijstand: te weinig ontvangen deze maand"),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Kreeg minder bijstand dan anders. De loonstrook van het uitzendbureau was dubbel geteld, "
                "lijkt het. Ik zoek het uit en bel {next} terug.",
            ),
            rang(
                "a",
                (1, 3),
                PROMISE,
                "Inderdaad dubbel geteld, onze fout. Nabetaling aangevraagd; staat uiterlijk {next} op de "
                "rekening.",
                "Gecontroleerd: één strook was van vorige maand. Excuses gemaakt. Nabetaling volgt "
                "uiterlijk {next}.",
            ),
            got_message(
                "a",
                (2, 4),
                PROMISE,
                "Sms: nog niets ontvangen. Bank had een storing bij de spoedbetaling. Opnieuw aangeboden, "
                "ik controleer {next}.",
            ),
            rang(
                "b",
                (1, 2),
                SOLVED,
                "Bedrag is binnen. Afgesproken dat {zij} loonstroken voortaan als foto stuurt.",
            ),
        ),
    ),
    Storyline(
        key="inburgering",
        team=Team.WERK_EN_INKOMEN,
        for_whom="nieuwkomer",
        subjects=("Inburgering: wisseling van taalschool", "Inburgering: plan en taalniveau"),
        steps=(
            visited(
                "a",
                (0, 0),
                PROMISE,
                "Lessen gaan te langzaam, {zij} wil naar een groep voor B1. Leerbaarheidstoets ingekeken: "
                "dat moet kunnen. Ik vraag de taalschool om plek en bel {next}.",
                seconds=(900, 1800),
            ),
            rang(
                "a",
                (3, 5),
                WAITING,
                "De avondgroep begint over een paar weken, er is één plek. {Zij} overlegt met de werkgever "
                "over de tijden. Ik houd de plek vast tot {next}.",
            ),
            called(
                "b",
                (2, 4),
                PROMISE,
                "Werkgever is akkoord met de avonden. Inschrijving geregeld, {a} past het plan aan en "
                "stuurt het {next}.",
            ),
            mailed(
                "a",
                (1, 3),
                SOLVED,
                "Aangepast inburgeringsplan gestuurd, eerste les staat erin. Boeken zijn betaald.",
            ),
        ),
    ),
    Storyline(
        key="leerlingenvervoer",
        team=Team.WERK_EN_INKOMEN,
        not_for=frozenset({"student"}),
        subjects=("Leerlingenvervoer: busje komt te laat", "Leerlingenvervoer: vaste chauffeur gevraagd"),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Het busje was deze week drie keer meer dan een half uur te laat; {haar} zoon raakt "
                "overstuur. Vervoerder gebeld, die zoekt een andere route. Ik bel {next} met wat er "
                "verandert.",
            ),
            rang(
                "a",
                (1, 3),
                PROMISE,
                "Nieuwe route met vaste chauffeur gaat in. Afgesproken dat we het een week aankijken en "
                "{next} spreken.",
            ),
            called(
                "b",
                (3, 5),
                PROMISE,
                "Ging vier dagen goed, vandaag niet: invalchauffeur. Vervoerder heeft excuses gemaakt aan "
                "de ouders. {a} belt {next} nog een keer na.",
            ),
            rang("a", (3, 5), SOLVED, "Hele week op tijd geweest. Zaak gesloten; {zij} weet ons te vinden."),
        ),
    ),
    Storyline(
        key="kindpakket",
        team=Team.WERK_EN_INKOMEN,
        not_for=frozenset({"student"}),
        subjects=("Kindpakket: {wens}", "Minimaregeling: {wens}"),
        priority=Priority.LOW,
        details=Details(
            {"wens": ("zwemles", "fiets voor de brugklas", "contributie voetbal", "laptop voor school")}
        ),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Vraagt of dit onder het kindpakket valt: {wens}. Ja. Aanvraag meteen ingevoerd aan de "
                "telefoon; uitslag uiterlijk {next}.",
            ),
            mailed(
                "a", (2, 4), WAITING, "Toegekend, tegoedbon gemaild ({wens}). Bon is geldig vanaf {next}."
            ),
            called(
                "b",
                (1, 4),
                SOLVED,
                "Bon werd eerst niet geaccepteerd. Leverancier gebeld, was een typefout in de code. "
                "Opgelost terwijl {zij} aan de lijn bleef.",
            ),
        ),
    ),
    Storyline(
        key="studietoeslag",
        team=Team.WERK_EN_INKOMEN,
        for_whom="student",
        subjects=("Individuele studietoeslag",),
        steps=(
            got_mail(
                "a",
                (0, 0),
                WAITING,
                "Aanvraag studietoeslag vanwege een chronische ziekte. Bewijs van inschrijving zit erbij, "
                "verklaring van de arts niet. Gevraagd die na te sturen, verwacht ik {next}.",
            ),
            called(
                "a",
                (3, 6),
                PROMISE,
                "De huisarts geeft zo'n verklaring niet, zegt {zij}. Klopt: onze eigen arts doet dat. "
                "Afspraak geregeld; uitslag bel ik {next} door.",
            ),
            rang("a", (5, 8), SOLVED, "Toegekend voor een jaar. Uitbetaling rond de twintigste, elke maand."),
        ),
    ),
)
