"""Who is in which conference, and what does each hear there?"""

from typing import Any

from aiohttp import web

from phonebox.driving.pictures import leg_summary
from phonebox.driving.reading import Part, Route
from phonebox.network.conferences import Conference, Participant


class Rooms(Part):
    """Conferences, from the side of those in them."""

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [("GET", "/conferences", self.conferences)]

    async def conferences(self, request: web.Request) -> web.Response:
        """List the rooms, newest first."""
        rooms = [_picture(room) for room in reversed(list(self._world.conferences))]
        return web.json_response({"conferences": rooms})


def _picture(room: Conference) -> dict[str, Any]:
    return {
        "sid": room.sid,
        "name": room.friendly_name,
        "status": room.status.value,
        "participants": [_participant(room, who) for who in room.everybody()],
    }


def _participant(room: Conference, who: Participant) -> dict[str, Any]:
    return leg_summary(who.leg) | {
        "party": who.leg.party,
        "label": who.label,
        "here": who in room.participants,
        "muted": who.muted,
        "hold": who.hold,
        "coaching": who.coaching or None,
        "ends": who.ends,
        "hears": [leg.party for leg in room.heard_by(who.leg)],
        "heard_by": [leg.party for leg in room.hearers(who.leg)],
    }
