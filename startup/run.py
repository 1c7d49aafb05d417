"""How does a newcomer try the whole product? `make run`: with demo data, embedded parts and a telephone."""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from config import load as load_settings
from startup import commands, demo
from startup.environment import deployed, development_secrets, is_development, write_file
from startup.fresh import put_back
from startup.lock import only_one
from startup.parts import ROOT, RUNNING, SECRETS, VAR, Parts
from startup.ports import LOOPBACK, free_near, listen, require_free
from startup.problems import NotForProduction, in_plain_words, number
from startup.redis_server import redis_server
from startup.supervisor import Supervisor
from startup.terminal import Terminal
from startup.warden import Warden

DEMO = VAR / "demo"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="begin the demonstration anew; its data is gone")
    wanted = parser.parse_args()
    return in_plain_words(lambda terminal: _run(terminal, fresh=wanted.fresh))


def _run(terminal: Terminal, *, fresh: bool) -> None:
    env = deployed(ROOT)
    if not is_development(env):
        raise NotForProduction(f"ENV={env['ENV']}: `make run` fills the database with a demonstration")
    port, phonebox_port = number(env, "PORT", 8000), number(env, "PHONEBOX_PORT", 8001)
    signal_port = number(env, "SIGNAL_PORT", free_near(phonebox_port + 1, LOOPBACK, never=port))
    mail_port = number(env, "MAIL_PORT", free_near(max(phonebox_port, signal_port) + 1, LOOPBACK, never=port))
    url, phonebox_url = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{phonebox_port}"
    # The addresses are not the deployment's: the demonstration never speaks to a real carrier.
    ours = {
        "PUBLIC_URL": url,
        "TWILIO_API_URL": phonebox_url,
        "SOFTPHONE_SIGNAL": f"{LOOPBACK}:{signal_port}",
    }
    env = development_secrets(SECRETS) | env | ours
    if "SMTP_URL" not in env:
        # Shown on the telephone's page: nothing leaves this machine.
        ours |= {
            "SMTP_URL": f"smtp://{LOOPBACK}:{mail_port}",
            "MAIL_FROM": "Rechtdoor <rechtdoor@example.nl>",
        }
        env |= ours
    load_settings(env)
    with (
        only_one(VAR / "lock", f"the demonstration in {ROOT}"),
        listen(port, LOOPBACK, "PORT", "pages and webhooks") as door,
        Supervisor(terminal) as supervisor,
    ):
        require_free(phonebox_port, LOOPBACK, "PHONEBOX_PORT", "the telephone")
        require_free(signal_port, LOOPBACK, "SIGNAL_PORT", "the telephones of the desks")
        if fresh:
            _begin_anew(terminal, env)
        warden = Warden()
        if "REDIS_URL" not in env:
            redis, env["REDIS_URL"] = redis_server(VAR / "redis", warden, output=subprocess.PIPE)
            supervisor.start(redis)
        places = {name: env[name] for name in (*ours, "REDIS_URL")}
        write_file(RUNNING, places, "Where the parts of the last `make run` are.")
        parts = Parts(env, warden)
        supervisor.run(parts.step("migrate", commands.flask("db", "upgrade")))
        database_url = load_settings(env).database_url
        if demo.is_wanted(DEMO, database_url):
            supervisor.run(parts.step("demo", [sys.executable, "-m", "startup.demo", str(DEMO)]))
        loaded = demo.loading(DEMO)
        demonstration = loaded if loaded and loaded.database_url == database_url else None
        if demonstration:
            # Something to see when database and Redis are stopped for a try.
            env.setdefault("FALLBACK_NUMBERS", demo.emergency_number(DEMO))
            env.setdefault("ORGANISATION", demo.organisation())
        supervisor.start(parts.worker(), parts.web(door), parts.phonebox(phonebox_port, url, DEMO))
        _welcome(terminal, url, phonebox_url, env["SOFTPHONE_SIGNAL"], demonstration)
        supervisor.watch()


def _begin_anew(terminal: Terminal, env: Mapping[str, str]) -> None:
    settings = load_settings(env)
    own_redis = None if "REDIS_URL" in env else VAR / "redis"
    gone = put_back(ROOT, DEMO, settings.database_url, Path(settings.spool_dir), own_redis=own_redis)
    for path in gone:
        terminal.say(f"Thrown away: {path.relative_to(ROOT)}")
    terminal.say("The demonstration begins anew." if gone else "There was no demonstration yet.")


def _welcome(
    terminal: Terminal, url: str, phonebox_url: str, signal: str, loaded: demo.Loading | None
) -> None:
    terminal.say()
    terminal.say("Rechtdoor is running.")
    terminal.say(f"  The telephone, to call with:     {phonebox_url}")
    terminal.say(f"  The desk, where the call lands:  {url}/desk")
    terminal.say()
    terminal.say("To pick up at the desk itself, let your browser trust its telephone once: open")
    terminal.say(f"  https://{signal}/  and accept the certificate, which is this machine's own.")
    terminal.say("Without a microphone, answer on the agents' telephones beside the one to call with.")
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
    terminal.say(
        "Ctrl-C stops everything; the data stays. `make run ARGS=--fresh` begins the demonstration anew."
    )
    terminal.say()


if __name__ == "__main__":
    sys.exit(main())
