"""What do people ask of Burgerzaken, and how does it go?"""

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
        key="verhuizing",
        team=Team.BURGERZAKEN,
        subjects=(
            "Verhuizing doorgeven: inwoning bij {bij}",
            "Verhuizing: toestemming hoofdbewoner ontbreekt",
        ),
        theme="wonen",
        details=Details(
            {
                "nieuw": ("Kerkedijk 4", "Zwanebloem 27", "Schippershof 9"),
                "bij": ("een zus", "een vriendin", "familie", "een oud-collega"),
            }
        ),
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "{Mw} gaf een verhuizing door naar {nieuw}, als inwonende. Toestemming van de hoofdbewoner "
                "zat er niet bij. {Zij} vraagt de hoofdbewoner het formulier te tekenen. Ik bel {next} als "
                "het er niet is.",
                "Verhuizing naar {nieuw} doorgegeven, inwoning. Uitgelegd dat de hoofdbewoner moet tekenen "
                "en een kopie van het legitimatiebewijs meestuurt. Afgesproken dat ik {next} kijk of alles "
                "binnen is.",
            ),
            got_mail(
                "a",
                (2, 5),
                PROMISE,
                "Formulier van de hoofdbewoner ontvangen, maar zonder kopie van het paspoort. Teruggemaild "
                "wat er mist, en dat ik {next} bel om het af te ronden.",
                "Toestemming is binnen, handtekening goed. Kopie legitimatie ontbreekt nog. {Zij} stuurt "
                "die na; ik bel {next} hoe dan ook.",
            ),
            rang(
                "a",
                (1, 4),
                PROMISE,
                "Kopie is er. Verhuizing verwerkt met de datum van aangifte. {Zij} wil een bevestiging voor "
                "de huurtoeslag; die stuur ik uiterlijk {next}.",
            ),
            mailed(
                "a",
                (1, 2),
                SOLVED,
                "Bevestiging van inschrijving op {nieuw} gestuurd. Belastingdienst en zorgverzekeraar "
                "krijgen het vanzelf door, dat staat erbij.",
            ),
        ),
    ),
    Storyline(
        key="paspoort_spoed",
        team=Team.BURGERZAKEN,
        theme="paspoort",
        subjects=("Paspoort met spoed voor reis naar {land}",),
        priority=Priority.HIGH,
        details=Details({"land": ("Marokko", "Suriname", "Turkije", "Canada", "Indonesië")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "{Mw} vliegt binnenkort naar {land} en ontdekte dat het paspoort is verlopen. Spoedaanvraag "
                "uitgelegd, toeslag genoemd. Afspraak aan de balie gemaakt op {next}, pasfoto meenemen.",
            ),
            visited(
                "b",
                (1, 2),
                PROMISE,
                "Spoedaanvraag gedaan, pasfoto goedgekeurd. Ligt volgens planning {next} klaar. {Zij} "
                "krijgt bericht zodra het paspoort binnen is.",
                "Aanvraag in orde, wel een nieuwe pasfoto laten maken: te veel schaduw. Paspoort is er "
                "{next}; sms beloofd.",
                seconds=(600, 1200),
            ),
            texted(
                "b", (1, 2), PROMISE, "Sms gestuurd: paspoort ligt klaar bij balie 3. Ophalen kan t/m {next}."
            ),
            visited(
                "a",
                (1, 2),
                SOLVED,
                "Paspoort opgehaald, oude ingenomen. Goede reis gewenst.",
                seconds=(240, 480),
            ),
        ),
    ),
    Storyline(
        key="paspoort_vermist",
        team=Team.BURGERZAKEN,
        theme="paspoort",
        subjects=("Vermissing paspoort", "Paspoort kwijt na {waar}"),
        details=Details({"waar": ("vakantie", "verhuizing", "een inbraak", "een dag strand")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Paspoort kwijt na {waar}. Document meteen als vermist gemeld zodat er geen misbruik van "
                "gemaakt kan worden. {Zij} komt {next} langs voor de verklaring en een nieuwe aanvraag.",
            ),
            visited(
                "a",
                (1, 5),
                PROMISE,
                "Verklaring van vermissing getekend, nieuwe aanvraag gedaan. Na vijf werkdagen klaar; "
                "afgesproken dat ik {next} bericht stuur.",
            ),
            texted(
                "a", (5, 6), SOLVED, "Bericht gestuurd dat het nieuwe paspoort klaarligt. Geen vragen meer."
            ),
        ),
    ),
    Storyline(
        key="rijbewijs",
        team=Team.BURGERZAKEN,
        subjects=("Rijbewijs verlengen: keuring", "Rijbewijs: wachten op het CBR"),
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "{Mw} wil het rijbewijs verlengen. Eerst is een gezondheidsverklaring van het CBR nodig. "
                "Uitgelegd hoe {zij} die aanvraagt, papieren versie opgestuurd. Ik vraag {next} na hoe het "
                "staat.",
            ),
            rang(
                "a",
                (6, 9),
                WAITING,
                "Nagevraagd: keuring bij de huisarts is geweest, het CBR beoordeelt nog. {Zij} maakt zich "
                "zorgen over de einddatum. Toegezegd dat ik {next} weer bel en dat de aanvraag hier maar "
                "tien minuten kost.",
            ),
            called(
                "b",
                (4, 7),
                PROMISE,
                "Belde zelf: de verklaring van geschiktheid is geregistreerd. Afspraak voor de aanvraag "
                "gemaakt op {next}. {a} was in gesprek; ik heb het overgenomen.",
            ),
            visited("b", (1, 3), SOLVED, "Aanvraag gedaan. Volgende werkdag op te halen, dat weet {zij}."),
        ),
    ),
    Storyline(
        key="huwelijk",
        team=Team.BURGERZAKEN,
        subjects=("Huwelijk in {plek}", "Melding voorgenomen huwelijk, {plek}"),
        details=Details(
            {"plek": ("het oude gemaal", "de Dorpskerk", "het gemeentehuis", "de theeschenkerij")}
        ),
        steps=(
            got_mail(
                "a",
                (0, 0),
                PROMISE,
                "Vraag of trouwen in {plek} kan op een zaterdag. Gemaild welke data vrij zijn en dat melden "
                "minstens twee weken van tevoren moet. Ik bel {next} om een datum vast te leggen.",
            ),
            rang(
                "a",
                (2, 4),
                WAITING,
                "Datum gekozen en voorlopig vastgelegd. {Zij} zoekt nog vier getuigen uit en mailt de "
                "kopieën van de legitimatiebewijzen. Optie vervalt als ik {next} niets heb.",
            ),
            got_mail(
                "a",
                (3, 6),
                PROMISE,
                "Kopieën van de getuigen ontvangen, één is onleesbaar. Gevraagd om een betere. De "
                "trouwambtenaar belt {hem} voor het kennismakingsgesprek; ik meld {next} wie het wordt.",
            ),
            rang(
                "b",
                (1, 4),
                PROMISE,
                "Voor {a} gebeld: trouwambtenaar is mevrouw Eggink, kennismaking in overleg. {Zij} vroeg of "
                "er muziek mag zijn in {plek}. Ik zoek dat uit en mail het {next}.",
            ),
            mailed(
                "b",
                (1, 2),
                SOLVED,
                "Gemaild: muziek mag, versterkt tot 22.00 uur. Melding huwelijk is compleet.",
            ),
        ),
    ),
    Storyline(
        key="geboorteakte",
        team=Team.BURGERZAKEN,
        subjects=("Internationaal afschrift geboorteakte", "Afschrift geboorteakte voor {doel}"),
        priority=Priority.LOW,
        details=Details(
            {"doel": ("het consulaat", "een huwelijk in het buitenland", "een studie in het buitenland")}
        ),
        steps=(
            got_mail(
                "a",
                (0, 0),
                WAITING,
                "Vraagt een internationaal afschrift van de geboorteakte voor {doel}. Akte staat hier. "
                "Betaallink gestuurd; ik kijk {next} of er betaald is.",
            ),
            called(
                "a",
                (2, 4),
                PROMISE,
                "Betaling is binnen. {Mw} vraagt of er een apostille op moet; dat doet de rechtbank, niet "
                "wij. Akte gaat {next} aangetekend op de post.",
                "Betaald, maar het adres klopte niet meer. Nieuw postadres genoteerd. Versturen staat "
                "gepland voor {next}.",
            ),
            mailed("a", (1, 2), SOLVED, "Afschrift aangetekend verstuurd, volgcode gemaild."),
        ),
    ),
    Storyline(
        key="naturalisatie",
        team=Team.BURGERZAKEN,
        theme="nieuw in Nederland",
        for_whom="nieuwkomer",
        subjects=("Verzoek om naturalisatie", "Nederlander worden: documenten"),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Oriënterend gesprek over naturalisatie. Vijf jaar verblijf is rond, inburgering gehaald. "
                "Afspraak op {next}; diploma, geboorteakte en verblijfspas meenemen.",
                seconds=(300, 720),
            ),
            visited(
                "a",
                (4, 8),
                WAITING,
                "Dossier doorgenomen. Geboorteakte is niet gelegaliseerd. {Zij} regelt dat via de ambassade "
                "en laat het weten. Ik bel {next} om te horen of het lukt.",
                seconds=(1200, 2400),
            ),
            rang(
                "a",
                (7, 10),
                WAITING,
                "Legalisatie duurt langer, afspraak bij de ambassade staat. {Zij} vroeg of de termijn dan "
                "verloopt: nee, we zijn nog niet begonnen. Volgend contact {next}.",
            ),
            visited(
                "b",
                (5, 8),
                PROMISE,
                "Gelegaliseerde akte is er. Verzoek ingediend en leges betaald. IND beslist binnen een jaar; "
                "ontvangstbevestiging sturen wij uiterlijk {next}.",
                seconds=(900, 1800),
            ),
            mailed("b", (1, 3), SOLVED, "Ontvangstbevestiging gestuurd. Verder ligt het bij de IND."),
        ),
    ),
    Storyline(
        key="vestiging",
        team=Team.BURGERZAKEN,
        theme="nieuw in Nederland",
        for_whom="nieuwkomer",
        subjects=("Vestiging vanuit het buitenland", "Eerste inschrijving en BSN"),
        details=Details(
            {"werk": ("het nieuwe werk", "de bank", "de zorgverzekering", "de huurovereenkomst")}
        ),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Net aangekomen, woont op {straat}. Heeft snel een BSN nodig voor {werk}. Afspraak voor "
                "eerste inschrijving op {next}, met paspoort, huurcontract en geboorteakte.",
            ),
            visited(
                "a",
                (2, 5),
                WAITING,
                "Inschrijving gedaan, identiteit vastgesteld. De verhuurder moet nog bevestigen dat "
                "inschrijven op {straat} mag. Ik heb de verhuurder gemaild en geef {next} bericht.",
                seconds=(900, 1700),
            ),
            called(
                "a",
                (2, 4),
                PROMISE,
                "Belt over het BSN. De verhuurder heeft bevestigd; alleen de controle door een collega nog. "
                "Beloofd dat {zij} uiterlijk {next} het nummer heeft.",
                "Vroeg hoe lang het nog duurt, want {werk} wacht. Bevestiging van de verhuurder is binnen. "
                "Ik zorg dat het {next} klaar is.",
            ),
            mailed(
                "a",
                (1, 2),
                SOLVED,
                "Brief met het BSN klaargezet en gemaild dat die is verstuurd. DigiD uitgelegd.",
            ),
        ),
    ),
    Storyline(
        key="adresonderzoek",
        team=Team.BURGERZAKEN,
        subjects=("Post voor onbekenden op eigen adres", "Adresonderzoek {straat}"),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Krijgt al maanden post van een deurwaarder voor iemand die er niet woont. Er blijkt nog "
                "iemand ingeschreven op {straat}. Adresonderzoek gestart; ik meld {next} wat eruit komt.",
            ),
            rang(
                "a",
                (5, 8),
                WAITING,
                "De ingeschrevene heeft niet gereageerd op onze brief. Toezicht gaat langs op het adres. "
                "{Mw} weet ervan en is overdag thuis. Terugkoppeling {next}.",
            ),
            called(
                "b",
                (2, 6),
                PROMISE,
                "Toezichthouder is geweest, vertelde {mw}. Er stond weer een deurwaarder op de stoep; {zij} "
                "is er klaar mee. Toegezegd dat {a} of ik {next} belt met de uitkomst.",
            ),
            rang(
                "a",
                (1, 3),
                SOLVED,
                "Inschrijving van de vorige bewoner is beëindigd. Brief voor de deurwaarder gemaild, die "
                "kan {zij} tonen. Opgelucht.",
            ),
        ),
    ),
    Storyline(
        key="vog",
        team=Team.BURGERZAKEN,
        subjects=("VOG voor {werk}",),
        priority=Priority.LOW,
        details=Details(
            {"werk": ("vrijwilligerswerk", "de kinderopvang", "het taxibedrijf", "de voetbalclub")}
        ),
        steps=(
            visited(
                "a",
                (0, 0),
                PROMISE,
                "Aanvraag VOG voor {werk} ingenomen op papier, {zij} heeft geen DigiD. Doorgestuurd naar "
                "Justis. Ik controleer {next} of het verzoek goed is aangekomen.",
            ),
            mailed(
                "a", (3, 6), SOLVED, "Justis heeft de aanvraag in behandeling; VOG komt per post. Gemaild."
            ),
        ),
    ),
    Storyline(
        key="woz",
        team=Team.BURGERZAKEN,
        not_for=frozenset({"student", "nieuwkomer"}),
        subjects=("Bezwaar WOZ-waarde {straat}",),
        details=Details(
            {"grond": ("het lekkende dak", "een verouderde keuken", "de nieuwe rondweg achter het huis")}
        ),
        steps=(
            called(
                "a",
                (0, 0),
                WAITING,
                "Vindt de WOZ-waarde van {straat} te hoog, vooral door {grond}. Uitgelegd dat bezwaar "
                "binnen zes weken moet. {Zij} stuurt foto's; ik kijk {next} of ze er zijn.",
            ),
            got_mail(
                "a",
                (2, 5),
                HANDED,
                "Foto's van {grond} ontvangen, bezwaar geregistreerd en het taxatieverslag gestuurd. "
                "Overgedragen aan {b}, die de waarde {next} met {hem} doorneemt.",
            ),
            rang(
                "b",
                (3, 7),
                PROMISE,
                "Taxatieverslag samen doorgelopen. Twee van de drie vergelijkingshuizen zijn beter "
                "onderhouden. Ik laat de taxateur er nog eens naar kijken en bel {next} met de uitkomst.",
                seconds=(420, 1100),
            ),
            rang(
                "b",
                (4, 8),
                SOLVED,
                "Waarde is verlaagd. {Mw} trekt het bezwaar niet in maar krijgt gelijk: uitspraak gaat op "
                "de post, het verschil wordt verrekend.",
            ),
        ),
    ),
    Storyline(
        key="afvalpas",
        team=Team.BURGERZAKEN,
        subjects=("Afvalpas werkt niet", "Afvalpas: container {straat} gaat niet open"),
        priority=Priority.LOW,
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "De ondergrondse container bij {straat} gaat niet open met de pas. Pas op afstand gereset. "
                "Als het {next} nog niet werkt, stuur ik een nieuwe.",
            ),
            got_message(
                "a",
                (1, 3),
                PROMISE,
                "Sms van {mw}: nog steeds rood lampje. Nieuwe pas aangevraagd, is er {next}. Tot die tijd "
                "mag afval naar de milieustraat.",
            ),
            called(
                "b", (4, 6), SOLVED, "Nieuwe pas ontvangen en hij werkt. Oude geblokkeerd.", seconds=(60, 160)
            ),
        ),
    ),
    Storyline(
        key="briefadres",
        team=Team.BURGERZAKEN,
        theme="wonen",
        subjects=("Aanvraag briefadres", "Briefadres na scheiding"),
        priority=Priority.HIGH,
        roles=Details({"c": Team.WERK_EN_INKOMEN}),
        steps=(
            visited(
                "a",
                (0, 0),
                PROMISE,
                "Kan na de scheiding nergens staan ingeschreven en slaapt op wisselende adressen. Aanvraag "
                "briefadres ingenomen. Spoed, want de zorgtoeslag stopt. Beslissing uiterlijk {next}.",
            ),
            called(
                "c",
                (1, 2),
                PROMISE,
                "Vroeg bij ons naar een voorschot. Dat kan pas met een adres. Met {a} afgestemd: briefadres "
                "krijgt voorrang. {a} belt {next}.",
            ),
            rang(
                "a",
                (1, 2),
                PROMISE,
                "Briefadres is toegekend voor drie maanden, post komt op het gemeentehuis. {Zij} komt "
                "{next} tekenen.",
            ),
            visited(
                "a", (1, 3), SOLVED, "Getekend. Uitgelegd dat {zij} elke week de post ophaalt aan balie 1."
            ),
        ),
    ),
    Storyline(
        key="overlijden",
        team=Team.BURGERZAKEN,
        subjects=("Grafrechten na overlijden van {wie}",),
        details=Details({"wie": ("moeder", "vader", "een tante")}),
        steps=(
            called(
                "a",
                (0, 0),
                PROMISE,
                "Vraagt wie de grafrechten krijgt na het overlijden van {wie}. Rustig de tijd genomen. Ik "
                "zoek de oude akte op in het archief en bel {next} terug.",
                seconds=(300, 780),
            ),
            rang(
                "a",
                (2, 4),
                WAITING,
                "Grafrecht loopt nog elf jaar en kan op {haar} naam. Formulier gestuurd; een broer moet "
                "meetekenen. Ik vraag {next} of dat gelukt is.",
            ),
            got_mail(
                "a", (5, 9), SOLVED, "Getekend formulier ontvangen, grafrecht overgeschreven en bevestigd."
            ),
        ),
    ),
)
