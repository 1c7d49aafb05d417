"""How is the simulator started?"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from phonebox.network.world import World
from phonebox.server import make_app
from phonebox.settings import (
    DEVELOPMENT_ACCOUNT_SID,
    DEVELOPMENT_API_KEY,
    DEVELOPMENT_API_SECRET,
    DEVELOPMENT_AUTH_TOKEN,
    Settings,
    SharedKey,
)


def read_arguments(arguments: Sequence[str]) -> tuple[Settings, str, int]:
    """Return the settings, and the host and port to listen on (0: any free one)."""
    parser = argparse.ArgumentParser(prog="phonebox", description="A telephone company to develop against.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine only)")
    parser.add_argument("--port", type=int, default=8001, help="0 takes any free one (default 8001)")
    parser.add_argument(
        "--signal-port",
        type=int,
        default=0,
        help="where softphones connect, over TLS (default: any free one)",
    )
    parser.add_argument("--mail-port", type=int, default=0, help="where mails are taken (default: any)")
    parser.add_argument("--app-url", default="http://127.0.0.1:8000", help="where the application answers")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster than life (default 1)")
    parser.add_argument(
        "--patience",
        type=float,
        help="how much faster than life the time goes that people have to answer, speak or press "
        "(default: as --speed)",
    )
    parser.add_argument("--account-sid", default=DEVELOPMENT_ACCOUNT_SID)
    parser.add_argument("--auth-token", default=DEVELOPMENT_AUTH_TOKEN)
    parser.add_argument("--api-key", default=DEVELOPMENT_API_KEY)
    parser.add_argument("--api-secret", default=DEVELOPMENT_API_SECRET)
    parser.add_argument("--shared-key", metavar="SID:SECRET", help="sign webhooks with SHA-256 and this key")
    parser.add_argument("--phonebook", type=Path, help='JSON file of callers: [{"number", "label"}]')
    parser.add_argument("--lines", type=Path, help='JSON file of own numbers: [{"number", "name"}]')
    parser.add_argument("--telephones", type=Path, help='JSON file of whose phones: [{"number", "name"}]')
    parser.add_argument("--state-file", type=Path, help="keeps numbers and telephones over a restart")
    given = parser.parse_args(arguments)
    if given.speed <= 0:
        parser.error("--speed: a number above 0; 1 is as fast as life")
    if given.patience is not None and given.patience <= 0:
        parser.error("--patience: a number above 0; 1 is as long as in life")
    for name in ("phonebook", "lines", "telephones"):
        path = getattr(given, name)
        if path is not None and not path.is_file():
            parser.error(f"--{name}: there is no file {path}")
    sid, _, secret = (given.shared_key or "").partition(":")
    settings = Settings(
        app_url=given.app_url.rstrip("/"),
        account_sid=given.account_sid,
        auth_token=given.auth_token,
        api_keys={given.api_key: given.api_secret},
        shared_key=SharedKey(sid, secret) if secret else None,
        speed=given.speed,
        patience=given.patience,
        phonebook=given.phonebook,
        lines=given.lines,
        telephones=given.telephones,
        state_file=given.state_file,
        signal_port=given.signal_port,
        mail_port=given.mail_port,
    )
    return settings, given.host, given.port


async def listen_for_softphones(world: World, host: str) -> web.AppRunner | None:
    """Let softphones connect; None when this machine lacks the parts."""
    if world.switchboard.missing():
        return None
    from phonebox.certificate import tls_context

    kept = world.settings.state_file
    context = tls_context(kept.with_suffix(".pem") if kept else None)
    runner = web.AppRunner(world.switchboard.app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, host, world.settings.signal_port, ssl_context=context).start()
    world.switchboard.address = f"{host}:{runner.addresses[0][1]}"
    return runner


def say_where(world: World) -> None:
    """Print where phonebox listens, on the first line, and where softphones connect."""
    print(f"phonebox listens on {world.base_url}", flush=True)
    print(f"mails are taken at smtp://{world.post.address}", flush=True)
    if missing := world.switchboard.missing():
        print(f"softphones can't connect: {' and '.join(missing)} not installed", flush=True)
    else:
        print(f"softphones connect to wss://{world.switchboard.address}/signal", flush=True)


async def serve(settings: Settings, host: str, port: int) -> None:
    """Listen until the process is asked to stop; the first line on stdout says where."""
    app, world = make_app(settings)
    # Streams and long polls end at once when the process is asked to stop.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    listening_on = runner.addresses[0][1]
    world.base_url = f"http://{host}:{listening_on}"
    softphones = await listen_for_softphones(world, host)
    await world.post.listen(host, settings.mail_port)
    say_where(world)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()
    await world.post.close()
    await runner.cleanup()
    if softphones is not None:
        await softphones.cleanup()


def main() -> None:
    """Start; a port that is taken is said in one line."""
    settings, host, port = read_arguments(sys.argv[1:])
    try:
        asyncio.run(serve(settings, host, port))
    except OSError as error:
        ports = " or ".join(str(one) for one in (port, settings.signal_port, settings.mail_port) if one)
        sys.exit(
            f"phonebox can't listen on {host}:{ports}: {error.strerror}; "
            "choose another with --port, --signal-port or --mail-port"
        )


if __name__ == "__main__":
    main()
