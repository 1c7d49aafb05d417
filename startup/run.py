"""How does a newcomer try the whole product? `make run`: with demo data, embedded parts and a telephone."""

import subprocess
import sys

from config import load as load_settings
from startup import commands, demo
from startup.environment import deployed, development_secrets, is_development, write_file
from startup.lock import only_one
from startup.parts import ROOT, RUNNING, SECRETS, VAR, Parts
from startup.ports import LOOPBACK, listen, require_free
from startup.problems import NotForProduction, in_plain_words, number
from startup.redis_server import redis_server
from startup.supervisor import Supervisor
from startup.terminal import Terminal
from startup.warden import Warden

DEMO = VAR / "demo"


def main() -> int:
    return in_plain_words(_run)


def _run(terminal: Terminal) -> None:
    env = deployed(ROOT)
    if not is_development(env):
        raise NotForProduction(f"ENV={env['ENV']}: `make run` fills the database with a demonstration")
    port, phonebox_port = number(env, "PORT", 8000), number(env, "PHONEBOX_PORT", 8001)
    url, phonebox_url = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{phonebox_port}"
    # The addresses are not the deployment's: the demonstration never speaks to a real carrier.
    env = development_secrets(SECRETS) | env | {"PUBLIC_URL": url, "TWILIO_API_URL": phonebox_url}
    load_settings(env)
    with (
        only_one(VAR / "lock", f"the demonstration in {ROOT}"),
        listen(port, LOOPBACK, "PORT", "pages and webhooks") as door,
        Supervisor(terminal) as supervisor,
    ):
        require_free(phonebox_port, LOOPBACK, "PHONEBOX_PORT", "the telephone")
        warden = Warden()
        if "REDIS_URL" not in env:
            redis, env["REDIS_URL"] = redis_server(VAR / "redis", warden, output=subprocess.PIPE)
            supervisor.start(redis)
        places = ("PUBLIC_URL", "TWILIO_API_URL", "REDIS_URL")
        write_file(
            RUNNING, {name: env[name] for name in places}, "Where the parts of the last `make run` are."
        )
        parts = Parts(env, warden)
        supervisor.run(parts.step("migrate", commands.flask("db", "upgrade")))
        database_url = load_settings(env).database_url
        if demo.is_wanted(DEMO, database_url):
            supervisor.run(parts.step("demo", [sys.executable, "-m", "startup.demo", str(DEMO)]))
        loaded = demo.loading(DEMO)
        ours = loaded if loaded and loaded.database_url == database_url else None
        if ours:
            # Something to see when database and Redis are stopped for a try.
            env.setdefault("FALLBACK_NUMBERS", demo.emergency_number(DEMO))
        supervisor.start(parts.worker(), parts.web(door), parts.phonebox(phonebox_port, url, DEMO))
        _welcome(terminal, url, phonebox_url, ours)
        supervisor.watch()


def _welcome(terminal: Terminal, url: str, phonebox_url: str, loaded: demo.Loading | None) -> None:
    terminal.say()
    terminal.say("Rechtdoor is running.")
    terminal.say(f"  The telephone, to call with:     {phonebox_url}")
    terminal.say(f"  The desk, where the call lands:  {url}/desk")
    terminal.say()
    if loaded:
        terminal.say(f"Sign in with the password {loaded.password} as")
        for user in demo.users(DEMO):
            terminal.say(f"  {user.email:<28} {user.name}, {user.role}")
    else:
        terminal.say(
            "The database has people in it already: sign in as one of them. No demonstration was loaded."
        )
    terminal.say()
    terminal.say("Ctrl-C stops everything; the data stays.")
    terminal.say()


if __name__ == "__main__":
    sys.exit(main())
