"""How does a test drive the simulator from Python?"""

import base64
import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote, urlencode

Json = dict[str, Any]
# Longer than any wait that was asked for, so that the simulator's own answer comes first.
MARGIN_SECONDS = 30.0
# How long one waits for what will happen, on a machine that may be busy with others.
PATIENCE_SECONDS = 30.0


class DrivingError(Exception):
    """The simulator could not do what was asked; `body` is its answer."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status}: {body.get('error', body)}")
        self.status = status
        self.body = body


class WaitedInVain(AssertionError):
    """What a test waited for did not happen in time; the message tells what did."""


class _Http:
    """JSON over HTTP to one simulator, past any proxy."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, seconds: float = 0
    ) -> tuple[int, Json]:
        """Return status and JSON; only a time-out of a wait (408) is no error."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base_url + path, data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=seconds + MARGIN_SECONDS) as response:
                return response.status, _decode(response.read())
        except urllib.error.HTTPError as error:
            with error:
                answer = _decode(error.read())
            if error.code == 408:
                return error.code, answer
            raise DrivingError(error.code, answer) from error

    def get(self, path: str, **query: Any) -> Json:
        """Return what is there."""
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)[1]


def _decode(body: bytes) -> Json:
    if not body:
        return {}
    decoded: Json = json.loads(body)
    return decoded


@dataclass
class PhoneCall:
    """A call, as whoever made it knows it."""

    _http: _Http
    sid: str

    @property
    def _path(self) -> str:
        return f"/phonebox/calls/{self.sid}"

    def state(self) -> Json:
        """Return all that is known of the call."""
        return self._http.get(self._path)

    def wait(self, condition: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """Wait for `ringing:client:anna`, `bridged`, `caption:…`, `prompt`, `queued`, `ended`, `settled`, ….
        `hears:600` waits for a tone on the line, `not_hears:600` for its end, `hears:0` for silence there:
        these as it is at that moment. So do `company:client:anna` (hears Anna) and `no_company`.

        Returns the call at that moment. Raises WaitedInVain after `seconds` real ones.
        """
        query = urlencode({"for": condition, "seconds": seconds})
        status, call = self._http.ask("GET", f"{self._path}/wait?{query}", seconds=seconds)
        if status == 408:
            raise WaitedInVain(f"not {condition} within {seconds} s: {_story(call)}")
        return call

    def say(self, text: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """Say something as soon as anybody or anything listens."""
        return self._http.ask("POST", f"{self._path}/say", {"text": text, "seconds": seconds}, seconds)[1]

    def press(self, digits: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """Press keys as soon as anybody or anything listens."""
        return self._http.ask("POST", f"{self._path}/press", {"digits": digits, "seconds": seconds}, seconds)[
            1
        ]

    def sound(self, hz: float | None = None, wav: bytes | None = None) -> None:
        """Let the person on this leg be a tone, or a WAV file (8000 Hz, mono, 16 bits) again and again.

        Neither is silence; either way the leg has sound from now on, so that `hears:…` can be waited for.
        """
        encoded = None if wav is None else base64.b64encode(wav).decode()
        self._http.ask("PUT", f"{self._path}/sound", {"hz": hz, "wav": encoded})

    def connect(self, sdp: str) -> str:
        """Give the person on this leg a browser's microphone and speaker; return the answer to its offer."""
        return str(self._http.ask("POST", f"{self._path}/media", {"sdp": sdp})[1]["sdp"])

    def measure(self, *frequencies: int) -> Json:
        """Return `decibels` of what is heard on this leg now, and which `shares` of it these tones have.

        `longest_silence` is in real seconds, since this was asked last.
        """
        query = urlencode([("hz", hz) for hz in frequencies])
        return self._http.ask("GET", f"{self._path}/sound?{query}")[1]

    def hang_up(self) -> Json:
        """Put the telephone down."""
        return self._http.ask("POST", f"{self._path}/hangup", {})[1]

    @property
    def status(self) -> str:
        """The call's status in Twilio's words."""
        return str(self.state()["status"])

    @property
    def rang(self) -> list[str]:
        """Who was rung, in order."""
        return list(self.state()["ringing"])

    @property
    def bridged_to(self) -> list[str]:
        """Whom the caller has talked to, in order."""
        return list(self.state()["bridged_to"])

    @property
    def said(self) -> list[str]:
        """What was spoken to the caller by a machine, in order."""
        return [caption["text"] for caption in self.state()["captions"] if caption["kind"] == "say"]

    @property
    def captions(self) -> list[tuple[str, str]]:
        """Everything that was heard: kind and text, in order."""
        return [(caption["kind"], caption["text"]) for caption in self.state()["captions"]]

    @property
    def company(self) -> list[str]:
        """Whom the person on this leg hears now."""
        return list(self.state()["company"])

    @property
    def heard(self) -> list[Json]:
        """What was heard, without a gap: `kind`, `at`, `seconds` (simulated ones), `who` of people."""
        return list(self.state()["heard"])

    @property
    def requests(self) -> list[Json]:
        """The webhooks about the call and the legs that it dialled, in order."""
        return list(self.state()["requests"])


def _story(call: Json) -> str:
    heard = [f"{caption['kind']} {caption['text']}".strip() for caption in call["captions"]]
    return (
        f"status {call['status']}, rang {call['ringing']}, heard {heard}, "
        f"debugger {[entry['message'] for entry in call['debugger']]}"
    )


@dataclass
class Telephone:
    """A telephone that can ring: a client, an ordinary phone, or SIP."""

    _http: _Http
    address: str

    @property
    def _path(self) -> str:
        return f"/phonebox/endpoints/{quote(self.address, safe='')}"

    def register(self, behaviour: str = "manual", **more: Any) -> "Telephone":
        """Let it exist and behave; see `docs/phonebox.md` for behaviours and further settings."""
        self._http.ask("PUT", self._path, {"registered": True, "behaviour": behaviour, **more})
        return self

    def unregister(self) -> None:
        """Take it off the network (an ordinary phone stays)."""
        self._http.ask("PUT", self._path, {"registered": False})

    def state(self) -> Json:
        """Return what rings on it and who talks on it."""
        return self._http.get(self._path)

    def wait(self, condition: str = "ringing", seconds: float = PATIENCE_SECONDS) -> Json:
        """Wait for `ringing`, `talking`, `bridged`, `idle`, `registered`, `prompt`, `caption:…`, ….

        Raises WaitedInVain after `seconds` real ones.
        """
        query = urlencode({"for": condition, "seconds": seconds})
        status, state = self._http.ask("GET", f"{self._path}/wait?{query}", seconds=seconds)
        if status == 408:
            raise WaitedInVain(f"{self.address} not {condition} within {seconds} s: {state}")
        return state

    def answer(self, seconds: float = PATIENCE_SECONDS) -> Json:
        """Pick up, as soon as it rings."""
        return self._http.ask("POST", f"{self._path}/answer", {"seconds": seconds}, seconds)[1]

    def decline(self, seconds: float = PATIENCE_SECONDS) -> Json:
        """Push the call away, as soon as it rings."""
        return self._http.ask("POST", f"{self._path}/decline", {"seconds": seconds}, seconds)[1]

    def hang_up(self) -> Json:
        """Put it down."""
        return self._http.ask("POST", f"{self._path}/hangup", {})[1]

    def press(self, digits: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """Press keys as soon as anybody or anything listens."""
        return self._http.ask("POST", f"{self._path}/press", {"digits": digits, "seconds": seconds}, seconds)[
            1
        ]

    def say(self, text: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """Say something as soon as anybody or anything listens."""
        return self._http.ask("POST", f"{self._path}/say", {"text": text, "seconds": seconds}, seconds)[1]


class Phonebox:
    """A simulator that runs somewhere on this machine."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = _Http(self.base_url)

    def call_in(self, from_: str, to: str, **more: Any) -> PhoneCall:
        """Let somebody phone a number of the account; `more` as in `POST /phonebox/calls`."""
        _, answer = self._http.ask("POST", "/phonebox/calls", {"from": from_, "to": to, **more})
        return PhoneCall(self._http, str(answer["sid"]))

    def call(self, sid: str) -> PhoneCall:
        """Return a call, or a leg of one, by its SID."""
        return PhoneCall(self._http, sid)

    def calls(self) -> list[PhoneCall]:
        """Return all calls, newest first."""
        return [self.call(call["sid"]) for call in self._http.get("/phonebox/calls")["calls"]]

    def conferences(self) -> list[Json]:
        """Return the rooms, newest first, with who is in them and what each hears."""
        return list(self._http.get("/phonebox/conferences")["conferences"])

    def endpoint(self, address: str) -> Telephone:
        """Return the telephone with this address (`client:anna`, `+31612345678`)."""
        return Telephone(self._http, address)

    def write(self, from_: str, to: str, body: str) -> Json:
        """Let somebody send a text message to a number of the account."""
        return self._http.ask("POST", "/phonebox/messages", {"from": from_, "to": to, "body": body})[1]

    def inbox(self, number: str) -> list[Json]:
        """Return the messages that were sent to a number, oldest first."""
        return list(self._http.get("/phonebox/messages", to=number)["messages"])

    def wait_for_message(self, to: str, containing: str = "", seconds: float = PATIENCE_SECONDS) -> Json:
        """Return the first message to a number that contains a text, waiting for it."""
        query = urlencode({"to": to, "containing": containing, "seconds": seconds})
        status, answer = self._http.ask("GET", f"/phonebox/messages/wait?{query}", seconds=seconds)
        if status == 408:
            raise WaitedInVain(f"no message with {containing!r} within {seconds} s")
        first: Json = answer["messages"][0]
        return first

    def wait_for_mail(self, to: str, containing: str = "", seconds: float = PATIENCE_SECONDS) -> Json:
        """Return the first mail to somebody that contains a text, waiting for it."""
        query = urlencode({"to": to, "containing": containing, "seconds": seconds})
        status, answer = self._http.ask("GET", f"/phonebox/mails/wait?{query}", seconds=seconds)
        if status == 408:
            raise WaitedInVain(f"no mail with {containing!r} within {seconds} s")
        first: Json = answer["mails"][0]
        return first

    def mails(self, to: str = "") -> list[Json]:
        """Return the mails to somebody, or all, oldest first."""
        return list(self._http.get("/phonebox/mails", to=to)["mails"])

    @property
    def smtp(self) -> str:
        """Where mails are taken: `SMTP_URL`."""
        return f"smtp://{self._http.get('/phonebox/mails')['address']}"

    def refuse_mail(self, code: int | None) -> None:
        """Refuse all mail with a code of SMTP; None takes it again."""
        self._http.ask("PUT", "/phonebox/mails/refused", {"code": code})

    def undeliverable(self, *numbers: str, code: int = 30005) -> None:
        """Let no message be delivered to these numbers, for the reason that this error tells."""
        self._http.ask("PUT", "/phonebox/messages/undeliverable", {"numbers": numbers, "code": code})

    def silent(self, *numbers: str, code: int = 21606) -> None:
        """Let these numbers of the account send no messages, as lines that only speak; none: all may."""
        self._http.ask("PUT", "/phonebox/messages/silent", {"numbers": numbers, "code": code})

    def requests(self, containing: str = "") -> list[Json]:
        """Return the webhooks whose URL contains a text, in order."""
        return list(self._http.get("/phonebox/requests", containing=containing)["requests"])

    def wait_for_requests(
        self, containing: str, count: int = 1, seconds: float = PATIENCE_SECONDS
    ) -> list[Json]:
        """Return the webhooks whose URL contains a text, once so many were answered or given up."""
        query = urlencode({"containing": containing, "count": count, "seconds": seconds})
        status, answer = self._http.ask("GET", f"/phonebox/requests/wait?{query}", seconds=seconds)
        if status == 408:
            raise WaitedInVain(f"not {count} requests with {containing!r} within {seconds} s")
        return list(answer["requests"])

    def debugger(self) -> list[Json]:
        """Return the debugger's complaints, oldest first."""
        return list(self._http.get("/phonebox/debugger")["entries"])

    def fault(self, pattern: str, fault: str, seconds: float = 1.0, times: int | None = None) -> None:
        """Let something go wrong with the webhooks whose URL matches."""
        body = {"pattern": pattern, "fault": fault, "seconds": seconds, "times": times}
        self._http.ask("PUT", "/phonebox/faults", body)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._http.ask("DELETE", "/phonebox/faults")

    def change(self, **settings: Any) -> Json:
        """Change `speed`, `patience`, `auth_token`, `shared_key` or a switch: see `docs/phonebox.md`."""
        return self._http.ask("PUT", "/phonebox/settings", settings)[1]

    @property
    def signal(self) -> str:
        """Where softphones connect: the Device option `chunderw`."""
        address = self._http.get("/phonebox/settings")["signal"]
        if address is None:
            raise DrivingError(503, {"error": "softphones can't connect: aiortc is not installed"})
        return str(address)

    def reset(self) -> None:
        """Forget everything that happened."""
        self._http.ask("POST", "/phonebox/reset")


@contextlib.contextmanager
def running(
    app_url: str, *, speed: float = 1.0, more: Sequence[str] = (), log: IO[str] | None = None
) -> Iterator[Phonebox]:
    """Run a simulator of one's own on a free port, as a process, and stop it at the end.

    What goes wrong in it is written to `log`, a real file; without one to where our own goes.
    """
    command = [sys.executable, "-m", "phonebox", "--port", "0", "--app-url", app_url, "--speed", str(speed)]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            first_line = process.stdout.readline() if process.stdout else ""
            if "http://" not in first_line:
                raise RuntimeError(f"phonebox did not start: {first_line!r}")
            yield Phonebox(first_line.split()[-1])
        finally:
            process.terminate()
            try:
                process.wait(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
