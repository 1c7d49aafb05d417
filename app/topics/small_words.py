"""Which words are in every call, whatever it is about?"""


def _all(text: str) -> frozenset[str]:
    return frozenset(text.split())


DUTCH = _all(
    """
    aan af al als alle alleen allemaal alles ander andere anders behalve beide ben bent bij bijna
    bijvoorbeeld binnen boven buiten daar daarom daarna daarvan daarover dan dat de deze die dit doe doen
    doet dus door echt een eens eerst eerste eigenlijk elk elke en enige er erg ergens even ga gaan gaat
    ge geen gedaan geweest gewoon geworden had hadden heb hebben hebt heeft heel hele hem hen het hier
    hierover hij hoe hoeveel hun iedere iedereen iemand iets ik in is ja jaar je jij jou jouw jullie kan
    kon konden kun kunt kunnen laat laatste lang liever maar mag me meer men met mij mijn mijne moest moet
    moeten mocht mogen na naar nee niemand niet niets nog nogal nooit nou nu of om omdat onder ons onze
    ook op opnieuw over paar pas per precies samen sinds soms steeds straks te tegen ten ter terwijl toch
    toe toen tot tussen uit uw van vanaf vandaag vanwege veel verder via volgende voor vooral vorige waar
    waarom waarop waarvoor wanneer want was wat we weer weet weg wel welk welke werd weten wie wij wil
    wilde wilden willen word worden wordt zal ze zei zelf zich zij zijn zo zoals zou zouden zonder zulke
    zullen morgen gisteren week weken maand maanden dag dagen net geleden ma mn zn dr t s d n m ie eentje
    eigen helaas hoor zeg zegt zeggen gezegd komt komen kom kwam gekomen
    """
)
ENGLISH = _all(
    """
    a about after again all also am an and any anyone anything are as at be because been before being but
    by can cant could did do does doing done dont down each else ever every few for from further get
    getting go going gone got had has have having he her here hers him his how i id if ill im in into is
    isnt it its ive just know let like ll lot made make many may me might mine more most much must my need
    never new no nor not now of off on once one only or other our out over own please put really said same
    say see she should since so some somebody someone something still such sure take tell than that thats
    the their them then there these they thing things think this those through to today too tomorrow under
    until up us very want was way we week well went were what when where whether which while who whose why
    will with within without wont would yes yesterday yet you your
    """
)
HESITATIONS = _all("eh ehm uh uhm hm hmm euh euhm ah oh oke okay okee tja zeg nou um erm er ja")
NUMBERS = _all(
    """
    nul twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien
    zeventien achttien negentien twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd
    duizend zero two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty
    hundred thousand
    """
)
OF_EVERY_CALL = _all(
    """
    goedemorgen goedemiddag goedenavond goedendag goeiemorgen goeiemiddag hallo dag hoi mevrouw meneer
    heer bel belt belde bellen gebeld opbellen telefoon telefonisch vraag vragen vraagje graag dank
    bedankt dankjewel helpen help hulp medewerker medewerkster informatie info inlichtingen gemeente
    gemeentehuis stadhuis probleem probleempje kwestie zaak zaken ding dingen spreek spreken gesproken
    praten doorverbinden verbinden doorverbonden contact afdeling persoon iemand mens mensen wou zoek
    zoeken benieuwd regelen geregeld hello hi hey good morning afternoon evening call calling called
    question questions ask thanks thank help municipality council city town hall office problem issue
    speak talk someone department information
    """
)
# Whose matter it is tells as little as that somebody calls.
OF_A_FAMILY = _all(
    """
    zoon zoontje dochter dochtertje man vrouw moeder vader broer zus opa oma vriend vriendin partner tante oom
    ex schoonmoeder schoonvader kleinkind kleinzoon kleindochter neef nicht echtgenoot echtgenote son daughter
    husband wife mother father brother sister friend
    """
)
