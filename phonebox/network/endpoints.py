"""Which telephones exist, and what do they do when they ring?"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from phonebox.addresses import AddressKind, kind_of
from phonebox.network.calls import CallStatus, Exchange, HungUpBy, Input, Leg, Pressed, Spoken

VOICEMAIL_ANSWERS_AFTER = 15.0
VOICEMAIL_LISTENS = 60.0
# Third-party report: of one identity the ten most recently registered devices are rung.
MOST_DEVICES = 10
# Somebody who is asked for a key or a word hesitates this long.
HESITATES = 1.0


class Behaviour(StrEnum):
    """What a telephone does by itself when it rings."""

    MANUAL = "manual"  # rings until somebody answers or declines it
    ANSWER = "answer"
    DECLINE = "decline"
    BUSY = "busy"
    NO_ANSWER = "no_answer"  # rings, and nobody is there to touch it
    VOICEMAIL = "voicemail"  # a machine answers, speaks, and presses nothing
    FAIL = "fail"  # the network can't reach it


class Ring:
    """A telephone that is ringing for a leg; the first outcome stands."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.outcome: asyncio.Future[CallStatus] = asyncio.get_running_loop().create_future()

    @property
    def open(self) -> bool:
        """Whether it is still ringing."""
        return not self.outcome.done() and not self.leg.ended

    def settle(self, status: CallStatus) -> bool:
        """Answer (`in-progress`) or refuse; False when the ring was over already."""
        if not self.open:
            return False
        self.outcome.set_result(status)
        return True


class Device(Protocol):
    """Something that can ring at an endpoint: the scripted telephone here, or a softphone.

    A device calls `ring.settle` when it is answered or refused and `leg.hang_up` when it is put down; it
    carries its own media.
    """

    def ring(self, ring: Ring) -> None:
        """Begin to ring."""

    def stop(self, leg: Leg) -> None:
        """The ring or the talk is over."""


@dataclass
class Endpoint:
    """One telephone: a registered client, an ordinary phone, or a SIP device."""

    address: str
    kind: AddressKind
    registered: bool
    behaviour: Behaviour = Behaviour.MANUAL
    answer_after: float | None = None
    presses: str = ""
    says: str = ""
    greeting: str = "Dit is de voicemail. Spreek uw bericht in na de toon."
    call_waiting: bool = False
    devices: list[Device] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)

    @property
    def reachable(self) -> bool:
        """Ordinary phones always exist; clients and SIP devices only when they are registered.

        `registered` is what a person or a test declared; a softphone in a browser is there as long as it is.
        """
        return self.kind is AddressKind.PHONE or self.registered or bool(self.devices)

    @property
    def ringers(self) -> list[Device]:
        """What rings besides the script: the newest softphones, unless the telephone acts by itself."""
        return self.devices[-MOST_DEVICES:] if self.behaviour is Behaviour.MANUAL else []

    @property
    def by_hand(self) -> bool:
        """Whether somebody is there whom a ring can reach: a client in a talk lets it go unheard."""
        engaged = self.kind is AddressKind.CLIENT and bool(self.active)
        return self.behaviour not in (Behaviour.NO_ANSWER, Behaviour.VOICEMAIL) and not engaged

    @property
    def ringing(self) -> list[Ring]:
        """The rings that can be answered now, oldest first."""
        return [ring for ring in self.rings if ring.open]

    @property
    def active(self) -> list[Leg]:
        """The legs that this telephone has picked up and not put down."""
        return [leg for leg in self.legs if leg.answered and not leg.ended]


class Endpoints:
    """All telephones, by address; ordinary phones come into being when they are first named."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._endpoints: dict[str, Endpoint] = {}

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def find(self, address: str) -> Endpoint | None:
        """Return the telephone with this address; None when the address can't be a telephone's."""
        if address in self._endpoints:
            return self._endpoints[address]
        kind = kind_of(address)
        if kind is None:
            return None
        endpoint = self._endpoints[address] = Endpoint(address, kind, kind is AddressKind.PHONE)
        return endpoint

    def forget(self) -> None:
        """Go back to the beginning: every telephone manual, no client but connected softphones."""
        self._endpoints = {
            each.address: Endpoint(each.address, each.kind, registered=False, devices=each.devices)
            for each in self
            if each.devices
        }

    async def ring(self, leg: Leg, ring_seconds: float) -> CallStatus:
        """Ring whoever `leg` calls: `in-progress` when picked up, else why not; the leg is not changed.

        Raises LegEnded when the leg was ended meanwhile. `ring_seconds` are simulated ones.
        """
        endpoint = self.find(leg.to)
        if endpoint is None or (endpoint.behaviour is Behaviour.FAIL and endpoint.reachable):
            return CallStatus.FAILED
        if not endpoint.reachable:
            # Twilio ends the leg to a client without a registration at once.
            return CallStatus.NO_ANSWER
        if endpoint.behaviour is Behaviour.BUSY or self._is_engaged(endpoint):
            return CallStatus.BUSY
        ring = Ring(leg)
        leg.by_hand = endpoint.by_hand
        endpoint.rings.append(ring)
        endpoint.legs.append(leg)
        leg.progress(CallStatus.RINGING)
        (leg.parent or leg).rings(endpoint.address)
        ringers = endpoint.ringers
        for device in (_Scripted(self._exchange, endpoint), *ringers):
            device.ring(ring)
        try:
            return await leg.attend(self._outcome(ring, ring_seconds))
        finally:
            self._stopped(endpoint, ring, ringers)

    async def _outcome(self, ring: Ring, ring_seconds: float) -> CallStatus:
        waiting = asyncio.ensure_future(ring.leg.sleep_for_a_hand(ring_seconds))
        either: set[asyncio.Future[Any]] = {ring.outcome, waiting}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return ring.outcome.result() if ring.outcome.done() else CallStatus.NO_ANSWER

    def _stopped(self, endpoint: Endpoint, ring: Ring, ringers: list[Device]) -> None:
        if not ring.outcome.done():
            ring.outcome.set_result(CallStatus.NO_ANSWER)
        endpoint.rings.remove(ring)
        for device in ringers:
            device.stop(ring.leg)
        self._exchange.happened(ring.leg, "ring_over", {"address": endpoint.address})

    @staticmethod
    def _is_engaged(endpoint: Endpoint) -> bool:
        """A phone in a talk gives the busy tone; a client in a talk lets the new ring go unheard."""
        return endpoint.kind is not AddressKind.CLIENT and bool(endpoint.active) and not endpoint.call_waiting


class _Scripted:
    """Does what the endpoint's behaviour says, and leaves a manual one to whoever presses the buttons."""

    def __init__(self, exchange: Exchange, endpoint: Endpoint) -> None:
        self._exchange = exchange
        self._endpoint = endpoint

    def ring(self, ring: Ring) -> None:
        """Answer or decline by itself after a while, where the behaviour says so."""
        endpoint = self._endpoint
        # The Voice SDK ignores an invite while it is in a call: the caller rings until the time-out.
        engaged = endpoint.kind is AddressKind.CLIENT and bool(endpoint.active)
        if endpoint.behaviour in (Behaviour.MANUAL, Behaviour.NO_ANSWER) or engaged:
            return
        self._exchange.tasks.spawn(self._react(ring))

    def stop(self, leg: Leg) -> None:
        """Nothing to put away: what it does by itself ends with the leg."""

    async def _react(self, ring: Ring) -> None:
        endpoint = self._endpoint
        machine = endpoint.behaviour is Behaviour.VOICEMAIL
        after = endpoint.answer_after
        if after is None:
            after = VOICEMAIL_ANSWERS_AFTER if machine else 0.0
        await self._exchange.clock.sleep(after)
        if endpoint.behaviour is Behaviour.DECLINE:
            ring.settle(CallStatus.BUSY)
        elif ring.settle(CallStatus.IN_PROGRESS):
            ring.leg.answered_by = "machine_start" if machine else "human"
            await (self._play_greeting(ring.leg) if machine else self._handle(ring.leg))

    async def _play_greeting(self, leg: Leg) -> None:
        """Speak to whoever is there, then listen until the caller is bored."""
        speaking = len(self._endpoint.greeting) / 15
        await self._exchange.clock.sleep(speaking)
        leg.take(Spoken(self._endpoint.greeting))
        await self._exchange.clock.sleep(VOICEMAIL_LISTENS)
        leg.end(CallStatus.COMPLETED, HungUpBy.CALLEE)

    async def _handle(self, leg: Leg) -> None:
        """Press the keys that this telephone presses once it is asked to, and say what it says."""
        endpoint = self._endpoint
        if endpoint.presses:
            await self._put_in(leg, Pressed(endpoint.presses))
        if endpoint.says:
            await self._put_in(leg, Spoken(endpoint.says))

    async def _put_in(self, leg: Leg, heard: Input) -> None:
        await self._exchange.changes.until(lambda: leg.ended or leg.is_heard(heard))
        await self._exchange.clock.sleep(HESITATES)
        leg.take(heard)
