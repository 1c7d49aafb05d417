"""Which telephone numbers can be shown, loaded and even dialled without ringing at a stranger's home?

The Netherlands sets no numbers apart for fiction, as other countries do. So these are valid by the rules that
`phonenumbers` knows, and yet nobody has them:

- Mobile: 06 89 xx xx xx. 068 is a mobile range, but no operator is known for 0689 in the number assignments
  that `phonenumbers.carrier` carries; a test asks it, and will fail on the day that the block is handed out.
- Landline and the municipality's own lines: 078 0xx xx xx. Inside an area one may leave out the area code,
  and a leading 0 would then open a long-distance number; so no subscriber's number can begin with a 0.
- Germany: 030 23125 000 to 999, which the Bundesnetzagentur keeps for films and books ("Drama Numbers",
  Amtsblatt 7/2021, Mitteilung 148/2021).
- Sweden: 070-174 06 05 to 99, kept for the same use by Post- och telestyrelsen since 2020.
"""

WITHHELD = "anonymous"


def mobile(number: int) -> str:
    """Return the Dutch mobile number that ends in these six digits, in E.164."""
    return f"+31689{number:06d}"


def landline(number: int) -> str:
    """Return the landline number in Waterrijk that ends in these six digits, in E.164."""
    return f"+31780{number:06d}"


def berlin(number: int) -> str:
    """Return the fictitious Berlin number that ends in these three digits, in E.164."""
    return f"+493023125{number:03d}"


def sweden(number: int) -> str:
    """Return the fictitious Swedish mobile number that ends in these two digits (05 to 99), in E.164."""
    return f"+467017406{number:02d}"


def national(e164: str) -> str:
    """Return a Dutch number as it is written at home: +31689010012 becomes 0689010012."""
    return "0" + e164.removeprefix("+31")


def with_exit_code(e164: str) -> str:
    """Return a number as some exchanges report it: +31689010012 becomes 0031689010012."""
    return "00" + e164.removeprefix("+")
