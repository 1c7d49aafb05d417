"""How long may somebody knock? Our own limits on a request's head, with or without a proxy before us.

uvicorn waits for a request's head for ever, and takes one of any length; it knows no setting for either.
`--http app.doors:Patient` names this to it.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0  # the carrier sends its own in one piece; a poor mobile line within a second or two
MOST_HEAD_BYTES = 64 * 1024  # browsers and proxies stop at 8 to 32 KiB


class Patient(HttpToolsProtocol):
    """A connection on which the head of each request must come in time, and be of a sensible length."""

    _until: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_headed = False  # what came last held a head's end

    # Narrower than asyncio has it, as uvicorn's own protocol is.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        is_between = self.cycle is None or self.cycle.response_complete
        self._is_headed = False
        super().data_received(data)
        # Most heads come whole, and need no clock.
        if is_between and self._until is None and not self._is_headed:
            self._await_head()
        if self._until is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._close()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._until = self.loop.call_later(HEAD_SECONDS, self._close)

    def _head_is_here(self) -> None:
        self._is_headed = True
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def _close(self) -> None:
        self._head_is_here()
        if not self.transport.is_closing():
            self.transport.close()
