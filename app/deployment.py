"""What of the settings does a call depend on?"""

from dataclasses import dataclass, field

from config import Settings


@dataclass(frozen=True)
class Defaults:
    """What stands in for a line that nobody described."""

    language: str
    country: str
    timezone: str = "Europe/Amsterdam"


@dataclass(frozen=True)
class Deployment:
    """What of the settings a call depends on."""

    public_url: str
    defaults: Defaults
    # Signs the links in our messages; without it they hold none.
    link_key: str = field(default="", repr=False)
    organisation: str = ""  # who writes our messages; empty: they don't say

    @classmethod
    def of(cls, settings: Settings) -> "Deployment":
        defaults = Defaults(settings.default_language, settings.default_country)
        return cls(settings.public_url, defaults, settings.secret_key, settings.organisation)
