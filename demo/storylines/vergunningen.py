"""What do people ask of Vergunningen, and how does it go?"""

from types import MappingProxyType as Details

from demo.storylines.model import (
    Storyline,
    called,
    got_mail,
    got_message,
    mailed,
    rang,
    texted,
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
        key="kapvergunning",
        team=Team.VERGUNNINGEN,
        not_for=frozenset({"student", "nieuwkomer"}),
        subjects=("Kapvergunning {boom} {straat}",),
        details=Details({"boom": ("kastanje", "treurwilg", "zieke es", "populier", "beuk")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Wil de {boom} in de voortuin kappen, de wortels drukken het riool omhoog. Boom staat op de "
                "bomenlijst, dus vergunning nodig. Groenadviseur komt kijken; ik meld {next} wanneer.",
            ),
            rang(
                "a",
                (2, 4),
                PROMISE,
                "Afspraak met de groenadviseur doorgegeven. {Mw} hoeft niet thuis te zijn, het hek is open. "
                "Advies is er naar verwachting {next}.",
            ),
            called(
                "b",
                (4, 7),
                PROMISE,
                "Belde of het advies er al was. {a} was vrij. De groenadviseur ziet geen bezwaar, mits er "
                "een boom wordt herplant. {Zij} denkt na over welke; {a} belt {next}.",
            ),
            rang(
                "a",
                (1, 3),
                PROMISE,
                "Herplant wordt een lijsterbes. Besluit gaat naar de drukker van het gemeenteblad; "
                "publicatie {next}. Daarna zes weken wachten met kappen.",
            ),
            mailed(
                "a", (3, 5), SOLVED, "Vergunning verleend en gemaild, met de datum vanaf wanneer kappen mag."
            ),
        ),
    ),
    Storyline(
        key="dakkapel",
        team=Team.VERGUNNINGEN,
        not_for=frozenset({"student", "nieuwkomer"}),
        subjects=("Dakkapel voorzijde {straat}", "Omgevingsvergunning dakkapel {straat}"),
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "Aanvraag dakkapel aan de voorkant is binnen, maar de doorsnedetekening ontbreekt. "
                "Uitgelegd wat de welstand wil zien. {Zij} vraagt de aannemer; ik kijk {next} of die er is.",
            ),
            got_mail(
                "a",
                (3, 6),
                PROMISE,
                "Tekening ontvangen. Naar de welstandscommissie gestuurd, die vergadert deze week. Uitslag "
                "bel ik {next} door.",
            ),
            rang(
                "b",
                (3, 5),
                WAITING,
                "Namens {a} gebeld: welstand vindt de dakkapel te breed, 20 centimeter smaller is goed. "
                "{Mw} baalt maar begrijpt het. Aangepaste tekening verwacht voor {next}.",
            ),
            got_mail(
                "a",
                (2, 5),
                PROMISE,
                "Aangepaste tekening is goed zo. Besluit gaat uiterlijk {next} de deur uit.",
            ),
            mailed(
                "a", (2, 4), SOLVED, "Vergunning verleend. Gewezen op het melden van de start van de bouw."
            ),
        ),
    ),
    Storyline(
        key="parkeren_bewoner",
        team=Team.VERGUNNINGEN,
        not_for=frozenset({"student"}),
        subjects=("Parkeervergunning bewoner {straat}", "Parkeervergunning: kenteken leaseauto"),
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "Parkeervergunning werd digitaal afgewezen omdat de auto op naam van de leasemaatschappij "
                "staat. Verklaring van de werkgever volstaat. {Zij} mailt die; ik let {next} op.",
            ),
            got_mail(
                "a",
                (1, 3),
                PROMISE,
                "Verklaring ontvangen. Vergunning kan, ingangsdatum in overleg. Tot die tijd tijdelijke "
                "ontheffing gegeven zodat {zij} geen bon krijgt. Definitief uiterlijk {next}.",
            ),
            called(
                "b",
                (1, 4),
                PROMISE,
                "Toch een bon gekregen in de ontheffingsperiode. Begrijpelijk boos. Ik regel met handhaving "
                "dat die wordt ingetrokken en bel {next} terug.",
            ),
            rang(
                "b",
                (1, 3),
                SOLVED,
                "Bon is ingetrokken, vergunning staat aan. Excuses gemaakt, die werden aanvaard.",
            ),
        ),
    ),
    Storyline(
        key="bezoekersregeling",
        team=Team.VERGUNNINGEN,
        not_for=frozenset({"student"}),
        subjects=("Bezoekersregeling parkeren: saldo op", "Parkeren voor mantelzorger"),
        priority=Priority.LOW,
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Bezoekersuren zijn op, terwijl de thuiszorg elke dag komt. Mantelzorgregeling uitgelegd: "
                "300 uur extra. Formulier gestuurd; ik help {next} met invullen als dat nodig is.",
            ),
            rang(
                "a",
                (2, 3),
                PROMISE,
                "Samen het formulier ingevuld aan de telefoon. Saldo is uiterlijk {next} bijgeschreven.",
                seconds=(300, 700),
            ),
            texted(
                "a",
                (1, 2),
                SOLVED,
                "Bericht gestuurd: 300 uur bijgeschreven, geldig tot het eind van het jaar.",
            ),
        ),
    ),
    Storyline(
        key="gehandicaptenparkeerkaart",
        team=Team.VERGUNNINGEN,
        not_for=frozenset({"student"}),
        subjects=("Gehandicaptenparkeerkaart verlengen", "Gehandicaptenparkeerkaart: medisch advies"),
        roles=Details({"c": Team.BURGERZAKEN}),
        steps=(
            visited(
                "c",
                (0, 0),
                HANDED,
                "Aan de balie de aanvraag voor verlenging ingenomen, pasfoto gescand. Lopen gaat steeds "
                "slechter. Overgedragen aan {a}, die {next} belt over het medisch advies.",
            ),
            rang(
                "a",
                (1, 3),
                WAITING,
                "Uitgelegd dat een arts van de GGD moet kijken en dat die aan huis komt. {Zij} had daar "
                "tegenop gezien. GGD plant zelf; ik check {next} of er een datum is.",
            ),
            called(
                "a",
                (4, 7),
                PROMISE,
                "De arts is geweest, aardige man zei {zij}. Advies is positief. De oude kaart verloopt "
                "bijna, dus ik stuur een verklaring voor onder de voorruit. Nieuwe kaart {next} klaar.",
            ),
            texted(
                "a",
                (4, 6),
                PROMISE,
                "Sms: de nieuwe kaart is er. Omdat lopen moeilijk gaat, brengen we hem {next} thuis.",
            ),
            visited("b", (1, 3), SOLVED, "Kaart thuis gebracht en oude meegenomen.", seconds=(420, 800)),
        ),
    ),
    Storyline(
        key="buurtfeest",
        team=Team.VERGUNNINGEN,
        subjects=("Buurtfeest {straat}: straat afsluiten", "Evenementenmelding {feest}"),
        details=Details({"feest": ("buurtbarbecue", "straatdiner", "rommelmarkt", "lampionnenoptocht")}),
        steps=(
            got_mail(
                "a",
                (0, 0),
                PROMISE,
                "Wil voor een {feest} de straat een middag dicht. Minder dan honderd bezoekers, dus melden "
                "is genoeg. Vragen gesteld over doorgang voor de brandweer; ik bel {next} voor de rest.",
            ),
            rang(
                "a",
                (1, 4),
                WAITING,
                "Plattegrond besproken: de kraam moet 3,5 meter vrijlaten. {Zij} past de tekening aan en "
                "laat de buren tekenen. Verwacht ik {next}.",
            ),
            got_mail(
                "a",
                (2, 5),
                PROMISE,
                "Tekening en handtekeningen binnen. Hekken besteld; bevestiging volgt {next}.",
            ),
            mailed("b", (1, 3), SOLVED, "Bevestiging gestuurd. Hekken worden de avond ervoor neergezet."),
        ),
    ),
    Storyline(
        key="uitrit",
        team=Team.VERGUNNINGEN,
        not_for=frozenset({"student", "nieuwkomer"}),
        subjects=("Uitrit aanleggen {straat}",),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Wil een uitrit voor de elektrische auto. Er staat een lantaarnpaal in de weg. Verkeer "
                "kijkt of die verplaatst kan worden; ik bel {next} met wat het kost.",
            ),
            rang(
                "a",
                (4, 7),
                WAITING,
                "Paal kan anderhalve meter opschuiven op kosten van de aanvrager. Offerte gemaild. {Zij} "
                "wil het thuis overleggen; spreken elkaar {next}.",
            ),
            called(
                "a", (3, 6), PROMISE, "Akkoord met de offerte. Vergunning klaarmaken, verstuur ik {next}."
            ),
            mailed("a", (1, 3), SOLVED, "Vergunning en planning van de aannemer gestuurd."),
        ),
    ),
    Storyline(
        key="terras",
        team=Team.VERGUNNINGEN,
        for_whom="ondernemer",
        subjects=("Terrasvergunning {zaak}", "Uitbreiding terras {zaak}"),
        details=Details(
            {"zaak": ("lunchroom De Dijk", "café Het Sluisje", "ijssalon Marina", "eethuis Anatolia")}
        ),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Terras van {zaak} mag groter als er een looproute van 1,80 meter overblijft. Ik kom {next} "
                "meten.",
            ),
            visited(
                "a",
                (2, 5),
                WAITING,
                "Ter plaatse gemeten: acht tafels passen, tien niet. De buren moeten nog reageren op de "
                "aanvraag. Stand van zaken geef ik {next}.",
                seconds=(900, 1800),
            ),
            called(
                "b",
                (3, 6),
                PROMISE,
                "Eén buur heeft bezwaren over de sluitingstijd. Voorstel: terras dicht om 22.00 uur. Ik leg "
                "het de buur voor en bel {next}.",
            ),
            rang("b", (1, 4), PROMISE, "Buur gaat akkoord met 22.00 uur. Besluit gaat {next} uit."),
            mailed("a", (1, 3), SOLVED, "Vergunning voor acht tafels gestuurd, met tekening."),
        ),
    ),
    Storyline(
        key="container",
        team=Team.VERGUNNINGEN,
        subjects=("Container op de weg {straat}", "Steiger en container bij verbouwing {straat}"),
        priority=Priority.LOW,
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Wil twee weken een puincontainer op een parkeerplaats. Geen tekening nodig, wel "
                "reflecterende strepen. Toestemming komt uiterlijk {next} per mail.",
                seconds=(100, 260),
            ),
            mailed(
                "a",
                (1, 2),
                WAITING,
                "Toestemming gemaild. {Mw} meldt zelf wanneer de container weg is, uiterlijk {next}.",
            ),
            got_message(
                "a", (7, 10), SOLVED, "Bericht dat de container weg is. Toezicht: plek netjes achtergelaten."
            ),
        ),
    ),
    Storyline(
        key="geluidsoverlast",
        team=Team.VERGUNNINGEN,
        subjects=("Geluidsoverlast {bron} {straat}",),
        priority=Priority.HIGH,
        details=Details({"bron": ("sportschool", "café", "warmtepomp", "wasstraat")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Slaapt slecht door het lawaai van hiernaast ({bron}), vooral na elven. Gevraagd een week "
                "een logboek bij te houden. Ik bel {next} om het door te nemen.",
                seconds=(300, 840),
            ),
            rang(
                "a",
                (5, 6),
                PROMISE,
                "Logboek doorgenomen: vier avonden boven de norm, te oordelen naar de filmpjes. Geluidmeting "
                "aangevraagd, datum hoort {zij} {next}.",
            ),
            texted(
                "a",
                (2, 3),
                WAITING,
                "Sms: de omgevingsdienst meet twee avonden. Uitslag verwachten we {next}.",
            ),
            called(
                "b",
                (5, 8),
                HANDED,
                "Belde na weer een slechte nacht. Uitslag meting: 4 decibel te veel. Handhaving neemt het "
                "over; {a} vertelt {next} wat er gaat gebeuren.",
            ),
            rang(
                "a",
                (1, 2),
                PROMISE,
                "Eigenaar krijgt een last onder dwangsom en moet isoleren. Ik vraag {next} of het stiller "
                "is.",
            ),
            rang("a", (5, 7), SOLVED, "Het is stil. {Mw} slaapt weer en bedankt ons allemaal."),
        ),
    ),
    Storyline(
        key="laadpaal",
        team=Team.VERGUNNINGEN,
        subjects=("Aanvraag laadpaal {straat}",),
        priority=Priority.LOW,
        steps=(
            got_mail(
                "a",
                (0, 0),
                PROMISE,
                "Verzoek om een openbare laadpaal bij {straat}. Dichtstbijzijnde staat op 350 meter, dus "
                "het kan. Voorstel voor de plek komt {next}.",
            ),
            called(
                "a",
                (4, 7),
                WAITING,
                "Plek voor nummer 12 was niet handig vanwege een oude boom; twee huizen verder is goed. De "
                "netbeheerder moet nog ja zeggen. Ik laat {next} iets horen.",
            ),
            rang("a", (6, 9), PROMISE, "Netbeheerder is akkoord. Verkeersbesluit wordt {next} gepubliceerd."),
            mailed(
                "a", (3, 5), SOLVED, "Besluit gepubliceerd, plaatsing over ongeveer tien weken. Zo gemaild."
            ),
        ),
    ),
    Storyline(
        key="zienswijze",
        team=Team.VERGUNNINGEN,
        subjects=("Zienswijze bouwplan {plan}", "Vragen over bouwplan {plan}"),
        details=Details({"plan": ("Oude Zuivelfabriek", "Havenkwartier", "Molenweide", "voormalige Mavo")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Ongerust over de hoogte van bouwplan {plan}: verliest {zij} de zon in de tuin? "
                "Bezonningsstudie bestaat. Ik stuur die en bel {next} om erdoorheen te lopen.",
            ),
            rang(
                "a",
                (2, 4),
                PROMISE,
                "Studie besproken: in de winter twee uur minder zon. {Zij} wil een zienswijze indienen. "
                "Uitgelegd hoe, en tot wanneer. Projectleider kan {next} met {hem} praten.",
                seconds=(480, 1300),
            ),
            visited(
                "b",
                (3, 6),
                WAITING,
                "Gesprek met de projectleider op het gemeentehuis. De bovenste laag wordt misschien "
                "teruggelegd. {Zij} dient de zienswijze toch in; wij bevestigen {next}.",
                seconds=(1500, 2700),
            ),
            mailed(
                "a",
                (2, 5),
                SOLVED,
                "Ontvangst zienswijze bevestigd; antwoord komt met het besluit van de raad.",
            ),
        ),
    ),
)
