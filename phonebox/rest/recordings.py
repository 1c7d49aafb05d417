"""What can be asked about recordings?"""

from aiohttp import web

from phonebox.network.recordings import Recording
from phonebox.rest import pictures
from phonebox.rest.forms import Form, Resource, Route, not_found


class Recordings(Resource):
    """Recordings, as words and as sound."""

    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""
        return [
            ("GET", "/Recordings.json", self.list_recordings),
            ("GET", "/Recordings/{sid}.json", self.fetch_recording),
            ("DELETE", "/Recordings/{sid}.json", self.delete_recording),
            ("GET", "/Calls/{call}/Recordings.json", self.list_recordings),
        ]

    def _recording(self, request: web.Request, sid: str) -> Recording:
        recording = self._world.recordings.find(sid)
        if recording is None:
            raise not_found(request)
        return recording

    async def list_recordings(self, request: web.Request, form: Form) -> web.Response:
        """List recordings, all or those of one call."""
        account = self._account
        call_sid = request.match_info.get("call") or form.get("CallSid")
        recordings = [
            pictures.recording(recording, account)
            for recording in self._world.recordings
            if not call_sid or recording.call_sid == call_sid
        ]
        return self._page(request, form, "recordings", recordings)

    async def fetch_recording(self, request: web.Request, form: Form) -> web.Response:
        """Return what is known of a recording."""
        recording = self._recording(request, request.match_info["sid"])
        return web.json_response(pictures.recording(recording, self._account))

    async def sound(self, request: web.Request, form: Form) -> web.Response:
        """Return a recording's sound as WAV (also without an ending) or MP3, or its words with `.txt`."""
        sid, _, ending = request.match_info["sid"].partition(".")
        recording = self._recording(request, sid)
        if ending == "txt":
            return web.Response(text=recording.transcript)
        if ending == "mp3":
            return web.Response(body=recording.mp3(), content_type="audio/mpeg")
        if ending not in ("", "wav"):
            raise not_found(request)
        return web.Response(body=recording.wav(), content_type="audio/x-wav")

    async def delete_recording(self, request: web.Request, form: Form) -> web.Response:
        """Delete a recording."""
        if not self._world.recordings.delete(request.match_info["sid"]):
            raise not_found(request)
        return web.Response(status=204)
