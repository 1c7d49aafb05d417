"""What does TwiML do to a call until it is over, and which verbs may it use?"""

import contextlib
import logging

from phonebox.network.calls import CallStatus, Fetch, HungUpBy, Leg, LegEnded, LegRedirected, Source
from phonebox.network.world import World
from phonebox.verbs import dialing, prompts, queues, simple
from phonebox.verbs.interpreter import DocumentFailed, HungUp, Interpreter, Left, Purpose, Verb, Verbs

log = logging.getLogger("phonebox")

APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."

# https://www.twilio.com/docs/voice/twiml/conference, waitUrl: nothing that asks or ends anything.
_IN_A_ROOM: dict[str, Verb] = {
    "Say": simple.say,
    "Play": simple.play,
    "Pause": simple.pause,
    "Redirect": simple.redirect,
}
_EVERYWHERE: dict[str, Verb] = _IN_A_ROOM | {
    "Hangup": simple.hang_up,
    "Gather": prompts.gather,
}
VERBS: Verbs = {
    Purpose.WHISPER: _EVERYWHERE | {"Record": prompts.record},
    Purpose.WAITING: _EVERYWHERE | {"Leave": simple.leave},
    Purpose.ROOM: _IN_A_ROOM,
    Purpose.CALL: _EVERYWHERE
    | {
        "Record": prompts.record,
        "Reject": simple.reject,
        "Leave": simple.leave,
        "Dial": dialing.dial,
        "Enqueue": queues.enqueue,
    },
}


async def run_call(world: World, leg: Leg, source: Source) -> None:
    """Execute TwiML on a leg until it is over, whatever the REST API has it do instead."""
    try:
        while True:
            try:
                await Interpreter(world, leg, VERBS).run(source)
                leg.end(CallStatus.NO_ANSWER, HungUpBy.APP)
                return
            except LegRedirected as redirected:
                source = redirected.source
    except LegEnded:
        return
    except HungUp as hung_up:
        leg.end(hung_up.unanswered, HungUpBy.APP)
    except Left:
        leg.end(CallStatus.NO_ANSWER, HungUpBy.APP)
    except DocumentFailed:
        leg.answer()
        leg.hears("error", APPLICATION_ERROR, language="en-US")
        leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
    except Exception:
        log.exception("a call could not be simulated", extra={"call_sid": leg.sid})
        leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
    finally:
        leg.interpreted = False
        world.changes.notify()


async def announce(world: World, leg: Leg, fetch: Fetch) -> bool:
    """Let the person on a leg hear a document while the call goes on; say whether it could be had."""
    with contextlib.suppress(LegEnded, LegRedirected):
        try:
            await Interpreter(world, leg, VERBS, Purpose.ROOM).run(fetch)
        except DocumentFailed:
            return False
    return True
