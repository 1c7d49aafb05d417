"""What is there in the simulated telephone network, and how do its parts find each other?"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from phonebox.debugger import Debugger
from phonebox.events import EventLog
from phonebox.faults import Faults
from phonebox.network import kept
from phonebox.network.application import Application
from phonebox.network.calls import Direction, Leg, Source
from phonebox.network.conferences import Conferences
from phonebox.network.endpoints import Endpoints
from phonebox.network.messages import Messages
from phonebox.network.mixing import Mixer
from phonebox.network.numbers import OwnNumbers
from phonebox.network.post import PostOffice
from phonebox.network.queues import Queues
from phonebox.network.recordings import Recordings
from phonebox.network.softphones import Switchboard
from phonebox.settings import Settings, read_list
from phonebox.sids import new_sid
from phonebox.tasks import Tasks
from phonebox.timing import Changes, Clock
from phonebox.webhooks import Webhooks

Execute = Callable[["World", Leg, Source], Coroutine[Any, Any, None]]


class World:
    """Everything that the simulator knows. Each part is handed what it needs and owns nothing global.

    The network carries calls and knows no verb: `execute` is what TwiML does to a leg, until that is over.
    """

    def __init__(self, settings: Settings, execute: Execute) -> None:
        self.settings = settings
        self.base_url = "http://127.0.0.1:8001"
        self.clock = Clock(settings.speed, settings.patience)
        self.changes = Changes()
        self.tasks = Tasks()
        self.events = EventLog(self.changes)
        self.debugger = Debugger(self.events)
        self.faults = Faults()
        self.webhooks = Webhooks(lambda: self.settings, self.faults, self.events)
        self.application = Application(
            settings.account_sid, self.webhooks, self.debugger, self.tasks, self.changes
        )
        self.legs: dict[str, Leg] = {}
        self.numbers = OwnNumbers(settings.app_url)
        self.endpoints = Endpoints(self)
        self.mixer = Mixer(self)
        self.switchboard = Switchboard(settings, self.endpoints, self.mixer, self.events)
        self.queues = Queues(self.changes)
        self.conferences = Conferences(self.application, self.events)
        self.recordings = Recordings()
        self.messages = Messages(self.events)
        self.post = PostOffice(self.events)
        self._execute = execute

    # -- what its legs and telephones need (calls.Exchange)

    def happened(self, leg: Leg, kind: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who watches the call."""
        self.events.add(kind, {"call_sid": leg.sid, "parent": leg.parent and leg.parent.sid, **data})

    def progressed(self, leg: Leg, event: str) -> None:
        """Send the status callback that was asked for, without anybody waiting for it."""
        self.application.progressed(leg, event)

    def run(self, leg: Leg, source: Source) -> None:
        """Begin to execute TwiML on a leg."""
        leg.interpreted = True
        self.tasks.spawn(self._execute(self, leg, source))

    # -- lines and numbers

    def new_leg(
        self,
        from_: str,
        to: str,
        direction: Direction,
        *,
        parent: Leg | None = None,
        sid: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Leg:
        """Take a new line into use."""
        leg = Leg(
            self,
            sid=sid or new_sid("CA"),
            from_=from_,
            to=to,
            direction=direction,
            parent=parent,
            details=details,
        )
        self.legs[leg.sid] = leg
        self.events.add(
            "call",
            {
                "call_sid": leg.sid,
                "parent": parent and parent.sid,
                "from": from_,
                "to": to,
                "direction": direction.value,
                "status": leg.status.value,
            },
        )
        return leg

    def own_lines(self) -> None:
        """Own the numbers in the file of lines."""
        for line in read_list(self.settings.lines):
            self.numbers.own(str(line["number"]), str(line.get("name", line["number"])))

    def numbers_changed(self) -> None:
        """Keep the numbers' and telephones' settings, where they are to be kept."""
        if self.settings.state_file is not None:
            kept.save(self.settings.state_file, self.settings.app_url, self.numbers, self.endpoints)

    # -- the end

    async def reset(self) -> None:
        """Forget every call, telephone, message and fault; the numbers' settings too."""
        # What is on its way arrives, so that none of it turns up in what comes next; nothing new is sent.
        self.webhooks.silent = True
        await self.tasks.stop()
        self.webhooks.silent = False
        await self.switchboard.forget()
        self.mixer.forget()
        self.legs.clear()
        self.endpoints.forget()
        self.queues.forget()
        self.conferences.forget()
        self.recordings.forget()
        self.messages.forget()
        self.post.forget()
        self.faults.rules.clear()
        self.debugger.entries.clear()
        self.webhooks.forget()
        self.numbers.forget()
        self.own_lines()
        self.events.add("reset", {})

    async def close(self) -> None:
        """Stop everything."""
        await self.reset()
        await self.switchboard.close()
        await self.webhooks.close()
