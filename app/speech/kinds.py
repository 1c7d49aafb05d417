"""What may a spoken number be?"""

from enum import StrEnum


class Kind(StrEnum):
    PHONE = "phone"
    CASE = "case"
    POSTCODE = "postcode"
    DATE = "date"
    OTHER = "other"
