"""Which errors are ours?"""


class ApplicationError(Exception):
    """The root of every error that this application raises on purpose."""


class InvalidField(ApplicationError):
    """A person gave something that can't be used; names the field and how to mend it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotNow(ApplicationError):
    """What was asked can't be done as things stand; `code` says why: a text `hand_over.…` or `helping.…`."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


class InvalidTransition(ApplicationError):
    """News that may not follow what is already known; recorded, not applied."""


class CarrierError(ApplicationError):
    """The carrier refused, or did not answer in time; `code` is its own, None when it was silent.

    `retry_after` is how many seconds it wants to be left alone, where it said so.
    """

    def __init__(self, code: int | None, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(f"carrier error {code}")
        self.code = code
        self.status = status
        self.retry_after = retry_after


class TablesAreNewer(ApplicationError):
    """The database stands at a step of which this program has no file."""


class StoreUnavailable(ApplicationError):
    """The database did not answer within its budget."""


class UnknownCall(ApplicationError):
    """The carrier speaks of a call, or of a step of it, that was never written down."""
