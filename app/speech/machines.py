"""Did a machine say this? A sign for whoever answers, and no more: a machine is a caller like any other."""

import re

LONGEST = 2000
# What recorded voices and menus of others say, and hardly anybody else.
_SAID = re.compile(
    r"\b(?:automatisch (?:bericht|systeem|gesprek)|automated (?:message|call|system)|recorded message"
    r"|opgenomen bericht|kies (?:een|twee|drie|vier|\d)\b|toets (?:een|twee|drie|nul|\d)\b"
    r"|druk op (?:een|de|\d)"
    r"|press (?:one|two|zero|\d|any)|voor .{1,40} (?:kies|toets)|menu|keuzemenu|u wordt doorverbonden"
    r"|een ogenblik geduld|moment geduld alstublieft|blijf aan de lijn|please (?:hold|stay on the line)"
    r"|na de (?:toon|pieptoon|piep)|after the (?:tone|beep)|spreek uw (?:bericht|boodschap)|leave a message"
    r"|dit gesprek (?:kan|wordt) (?:worden )?opgenomen|this call (?:may|will) be recorded"
    r"|namens onze (?:klant|client)|on behalf of our (?:customer|client))",
    re.IGNORECASE,
)


def sounds_recorded(text: str) -> bool:
    """Tell whether a text reads like a recorded voice."""
    return _SAID.search(text[:LONGEST]) is not None
