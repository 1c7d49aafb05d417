"""Which link shows a caller their promise? Signed, so that nobody can make one up."""

from itsdangerous import BadSignature, URLSafeSerializer


def to_promise(public_url: str, key: str, promise_id: int) -> str:
    """Return the address of the caller's page of a promise."""
    return f"{public_url}/c/{_signer(key).dumps(promise_id)}"


def promise_of(key: str, signed: str) -> int | None:
    """Return whose page it is; None for a link that we never gave."""
    try:
        found = _signer(key).loads(signed)
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def _signer(key: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt="the caller's page")
