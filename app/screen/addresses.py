"""Where does a customer find the page beside their call?"""

_public_url = ""


def bind(public_url: str) -> None:
    """Say once, when a process starts, under which address customers reach us (PUBLIC_URL)."""
    global _public_url
    _public_url = public_url


def of_link(secret: str) -> str:
    """Return the address of a link, which opens the page once."""
    return f"{_public_url}/s/{secret}"
