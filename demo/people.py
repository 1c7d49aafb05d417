"""Who lives in Waterrijk and may ring?

The first fourteen have a part to play (see `cast.py`); what the others ring about is drawn by lot. People who
share a landline are a household. The postcodes 3390 to 3399 stand for the villages of the municipality.
"""

from dataclasses import dataclass
from enum import StrEnum

from demo.telephones import berlin, landline, mobile, sweden


class Address(StrEnum):
    """How an agent speaks of somebody, in Dutch."""

    MEVROUW = "mevrouw"
    MENEER = "meneer"


@dataclass(frozen=True)
class Person:
    """A customer. `phones` in E.164, the likeliest to be called from first."""

    key: str
    name: str
    address: Address
    phones: tuple[str, ...]
    postcode: str
    tags: tuple[str, ...] = ()
    language: str = "nl"

    @property
    def home(self) -> str:
        """The street and house number that go with the postcode; a household has one home."""
        area, letters = self.postcode.split()
        first, second = (ord(letter) - ord("A") for letter in letters)
        return f"{_STREETS[area]} {(first * 26 + second) % 89 + 1}"


_STREETS = {
    "3390": "Havenkade",
    "3391": "Lisdoddestraat",
    "3392": "Gemaalweg",
    "3393": "Dijkgraafstraat",
    "3394": "Veerpad",
    "3395": "Molentocht",
    "3396": "Waterlelie",
    "3397": "Polderlaan",
    "3398": "Rietgors",
}

_V, _M = Address.MEVROUW, Address.MENEER

PEOPLE = (
    Person("K-1001", "Jannie de Boer", _V, (mobile(10001),), "3391 AB"),
    Person("K-1002", "Pieter van Dijk", _M, (landline(210015), mobile(10002)), "3392 CD"),
    Person("K-1003", "Marloes van Dijk", _V, (landline(210015), mobile(10003)), "3392 CD"),
    Person("K-1004", "Samir Bouzid", _M, (mobile(10004),), "3393 EK", ("ondernemer",)),
    Person("K-1005", "Ineke Jansen", _V, (mobile(10005), landline(210022)), "3391 AG"),
    Person("K-1006", "Karel Visser", _M, (landline(210031),), "3394 HL", ("slechthorend",)),
    Person("K-1007", "Emily Carter", _V, (mobile(10007),), "3392 DA", ("nieuwkomer",), "en"),
    Person("K-1008", "Saskia Mulder", _V, (mobile(10012),), "3395 BM"),
    Person("K-1009", "Thomas Krüger", _M, (berlin(17),), "3390 AA", (), "en"),
    Person("K-1010", "Rachid Bensalem", _M, (mobile(10010),), "3393 EN"),
    Person("K-1011", "Olga Petrenko", _V, (mobile(10011),), "3396 VT", ("nieuwkomer",)),
    Person("K-1012", "Gerrit Hofstra", _M, (landline(210044), mobile(10013)), "3397 XW", ("mantelzorger",)),
    Person("K-1013", "Lucia Martina", _V, (mobile(10014),), "3392 DC"),
    Person("K-1014", "Bas Kuipers", _M, (mobile(10015),), "3398 PP", ("student",)),
    Person("K-1015", "Aaltje Dijkstra", _V, (landline(210051),), "3391 AH", ("slechthorend",)),
    Person("K-1016", "Mohamed Aziz Haddad", _M, (mobile(10016),), "3393 EP"),
    Person("K-1017", "Wei Chen", _V, (mobile(10017),), "3392 CG", ("ondernemer",)),
    Person("K-1018", "Henk Postma", _M, (landline(210053), mobile(10018)), "3394 HN"),
    Person("K-1019", "Truus Postma-Veenstra", _V, (landline(210053),), "3394 HN", ("mantelzorger",)),
    Person("K-1020", "Shanti Baldewsingh", _V, (mobile(10020),), "3395 BR"),
    Person("K-1021", "Kees van der Meulen", _M, (mobile(10021),), "3396 VX"),
    Person("K-1022", "Zeynep Yıldız", _V, (mobile(10022),), "3393 ES"),
    Person("K-1023", "Emre Yıldız", _M, (mobile(10023), mobile(10022)), "3393 ES", ("ondernemer",)),
    Person("K-1024", "Nicole Vermeulen", _V, (mobile(10024),), "3397 XA"),
    Person("K-1025", "Jeroen Brouwer", _M, (mobile(10025), landline(210060)), "3391 BC"),
    Person("K-1026", "Agnieszka Kowalska", _V, (mobile(10026),), "3398 PR", ("nieuwkomer",)),
    Person("K-1027", "Piotr Kowalski", _M, (mobile(10027),), "3398 PR", ("nieuwkomer",)),
    Person("K-1028", "Fenna Wiersma", _V, (mobile(10028),), "3392 CJ", ("student",)),
    Person("K-1029", "Ruben Pinas", _M, (mobile(10029),), "3395 BV"),
    Person("K-1030", "Tigist Haile", _V, (mobile(10030),), "3396 WA", ("nieuwkomer",)),
    Person("K-1031", "Hans Schouten", _M, (landline(210066),), "3390 AC"),
    Person("K-1032", "Willy Schouten-de Groot", _V, (landline(210066), mobile(10032)), "3390 AC"),
    Person("K-1033", "Nguyễn Thị Lan", _V, (mobile(10033),), "3392 CL", ("ondernemer",)),
    Person("K-1034", "Maarten Blok", _M, (mobile(10034),), "3394 HR", ("VIP",)),
    Person("K-1035", "Esra Demir", _V, (mobile(10035), mobile(10036)), "3393 ET"),
    Person(
        "K-1036", "Jan-Willem Scholten", _M, (mobile(10037), landline(210072)), "3397 XC", ("ondernemer",)
    ),
    Person("K-1037", "Gerda van Leeuwen", _V, (landline(210074),), "3391 BD", ("VIP",)),
    Person("K-1038", "Omar Al-Khatib", _M, (mobile(10038),), "3396 WB", ("nieuwkomer",)),
    Person("K-1039", "Rania Al-Khatib", _V, (mobile(10038), mobile(10039)), "3396 WB", ("nieuwkomer",)),
    Person("K-1040", "Sjoerd Bakema", _M, (mobile(10040),), "3398 PV"),
    Person("K-1041", "Chantal Dubois", _V, (mobile(10041),), "3395 CA", ("VIP",)),
    Person("K-1042", "Ahmet Kaya", _M, (mobile(10042),), "3393 EV", ("ondernemer",)),
    Person("K-1043", "Marijke Smit", _V, (landline(210081), mobile(10043)), "3390 AD", ("vrijwilliger",)),
    Person("K-1044", "Dirk-Jan Vos", _M, (mobile(10044),), "3394 HT"),
    Person("K-1045", "Precious Owusu", _V, (mobile(10045),), "3392 CN"),
    Person("K-1046", "Bernard Tromp", _M, (landline(210083),), "3397 XE", ("slechthorend",)),
    Person("K-1047", "Noa Levi", _V, (mobile(10047),), "3391 BG", ("student",)),
    Person("K-1048", "Liam O'Connor", _M, (mobile(10048),), "3392 CP", ("nieuwkomer",), "en"),
    Person("K-1049", "Tineke Hoogendoorn", _V, (mobile(10049), landline(210088)), "3395 CB"),
    Person("K-1050", "Ismail Ben Youssef", _M, (mobile(10050),), "3393 EX"),
    Person("K-1051", "Karin Lindqvist", _V, (sweden(42),), "3390 AE", (), "en"),
    Person("K-1052", "Wouter Kramer", _M, (mobile(10052),), "3398 PX", ("vrijwilliger",)),
    Person("K-1053", "Elif Arslan", _V, (mobile(10053),), "3396 WD"),
    Person("K-1054", "Theo Jacobs", _M, (landline(210091),), "3394 HV", ("mantelzorger",)),
    Person("K-1055", "Siti Nurhaliza Pattiasina", _V, (mobile(10055),), "3395 CD"),
    Person("K-1056", "Stefan Ionescu", _M, (mobile(10056),), "3397 XG", ("ondernemer",)),
    Person("K-1057", "Corrie van den Berg", _V, (landline(210095), mobile(10057)), "3391 BH"),
    Person("K-1058", "Priscilla Ramos", _V, (mobile(10058),), "3392 CR"),
    Person("K-1059", "Auke Zijlstra", _M, (mobile(10059),), "3398 PZ"),
    Person("K-1060", "Hatice Polat", _V, (mobile(10060),), "3396 WE"),
)


def person(key: str) -> Person:
    """Return the customer with this key. Raises KeyError when there is none."""
    return _BY_KEY[key]


_BY_KEY = {each.key: each for each in PEOPLE}
