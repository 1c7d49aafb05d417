"""Do the files for production say what the product needs?"""

import os
import re
import subprocess
from pathlib import Path

import pytest

import config
from phonebox.twilio_spec.twiml import problems_in_twiml
from startup import commands
from startup.environment import read_file
from tests.parts import ROOT

DEPLOY = ROOT / "deploy"


def _options(words: list[str], port: str, host: str) -> list[str]:
    """The words after the interpreter, with port and host as a file for production names them."""
    return [{"8000": port, "127.0.0.1": host}.get(word, word) for word in words[1:]]


def test_a_unit_and_a_container_start_the_web_process_as_we_do() -> None:
    ours = commands.web("127.0.0.1", 8000)
    unit = (DEPLOY / "systemd" / "rechtdoor-web@.service").read_text()
    image = (DEPLOY / "Dockerfile").read_text()

    assert f".venv/bin/python {' '.join(_options(ours, '%i', '127.0.0.1'))}\n" in unit
    quoted = ", ".join(f'"{word}"' for word in ["python", *_options(ours, "8000", "0.0.0.0")])
    assert f"CMD [{quoted}]" in image


def test_a_unit_and_a_container_start_the_worker_as_we_do() -> None:
    words = commands.worker()[1:]

    assert (
        f".venv/bin/python {' '.join(words)}\n"
        in (DEPLOY / "systemd" / "rechtdoor-worker@.service").read_text()
    )
    assert f"command: [python, {', '.join(words)}]" in (DEPLOY / "compose.yaml").read_text()


def test_a_unit_and_a_container_start_the_last_resort_as_we_do() -> None:
    ours = commands.fallback("127.0.0.1", 8002)
    unit = (DEPLOY / "systemd" / "rechtdoor-fallback.service").read_text()
    compose = re.sub(r'[\[\]",]', "", (DEPLOY / "compose.yaml").read_text())

    assert f".venv/bin/python {' '.join(ours[1:])}\n" in unit
    assert f"python {' '.join(_options(ours, '8002', '0.0.0.0'))}\n" in compose


IMAGES = ("PYTHON", "POSTGRES", "VALKEY", "CADDY")


def test_no_image_is_run_or_built_on_without_its_digest() -> None:
    image, compose = ((DEPLOY / name).read_text() for name in ("Dockerfile", "compose.yaml"))

    named = re.findall(r"^(?:FROM|\s+image:) (\S+:.*)$", f"{image}\n{compose}", re.MULTILINE)

    assert len(named) == len(IMAGES)
    assert all(re.search(r"@\$\{[A-Z]+_DIGEST(?::\?run deploy/pin-images)?\}$", one) for one in named)
    assert "pip install --require-hashes --only-binary :all: -r requirements.txt" in image


@pytest.mark.parametrize(
    ("told", "is_one"), [(f"Digest:    sha256:{'5' * 64}", True), ("", False), ("Digest: latest", False)]
)
def test_digests_are_what_the_registry_tells_today_and_else_nothing_is_written(
    tmp_path: Path, told: str, is_one: bool
) -> None:
    for name in ("pin-images", "Dockerfile", "compose.yaml"):
        (tmp_path / name).write_bytes((DEPLOY / name).read_bytes())
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f"#!/bin/sh\necho \"Name: docker.io/$4\"\necho '{told}'\n")
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"

    done = subprocess.run(["sh", "pin-images"], cwd=tmp_path, env={"PATH": path}, check=False)

    assert (done.returncode == 0) is is_one
    if is_one:
        lines = (tmp_path / "images.env").read_text().splitlines()
        assert sorted(lines[1::2]) == sorted(f"{name}_DIGEST=sha256:{'5' * 64}" for name in IMAGES)
    assert (tmp_path / "images.env").exists() is is_one


@pytest.mark.parametrize(
    ("name", "weak", "advice"),
    [
        ("SECRET_KEY", "x", "too short.*secrets.token_urlsafe"),
        ("TWILIO_AUTH_TOKEN", "t", "too short"),
        ("TWILIO_AUTH_TOKEN", f"{'t' * 32},t", "too short"),
        ("TWILIO_AUTH_TOKEN", ",,", "one token, or two with a comma"),
        ("TWILIO_API_SECRET", "k", "too short"),
        ("TWILIO_API_URL", "http://api.twilio.com", "https://"),
    ],
)
def test_production_does_not_start_with_what_can_be_guessed_or_read_on_the_way(
    name: str, weak: str, advice: str
) -> None:
    strong = {
        "ENV": "production",
        "PUBLIC_URL": "https://bellen.example.nl",
        "SECRET_KEY": "s" * 64,
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": "t" * 32,
        "TWILIO_API_KEY": "SK" + "1" * 32,
        "TWILIO_API_SECRET": "k" * 32,
    }
    config.load(strong)

    with pytest.raises(config.ConfigurationError, match=f"^{name}: .*{advice}"):
        config.load(strong | {name: weak})


@pytest.mark.parametrize("address", ["localhost:6379", "http://redis.example.nl"])
def test_an_address_that_can_be_no_redis_stops_the_start(address: str) -> None:
    with pytest.raises(config.ConfigurationError, match=r"^REDIS_URL: must begin with"):
        config.load({"ENV": "test", "REDIS_URL": address})


def test_the_example_of_settings_is_complete_once_its_gaps_are_filled() -> None:
    example = read_file(DEPLOY / "rechtdoor.env.example")
    filled = {
        "SECRET_KEY": "s" * 64,
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": "t" * 32,
        "TWILIO_API_KEY": "SK" + "1" * 32,
        "TWILIO_API_SECRET": "k" * 32,
        "ORGANISATION": "Gemeente Waterrijk",
        "FALLBACK_NUMBERS": "+31203691234",
    }

    assert {name for name, value in example.items() if not value} == set(filled)
    assert config.load(example | filled).is_production
    with pytest.raises(config.ConfigurationError, match="SECRET_KEY"):
        config.load(example)


def test_every_setting_stands_in_the_operators_table() -> None:
    table = (ROOT / "docs" / "operations.md").read_text()
    for name in re.findall(r'"([A-Z][A-Z_]{3,})"', (ROOT / "config" / "__init__.py").read_text()):
        if name != "CHECK_SIGNATURES":  # not for an operator: production refuses it
            assert f"`{name}`" in table, f"{name} is missing in docs/operations.md"


@pytest.mark.parametrize("file", sorted(DEPLOY.glob("machine-dead*.xml")), ids=lambda file: Path(file).name)
def test_what_the_carrier_holds_for_the_worst_day_is_valid(file: Path) -> None:
    assert problems_in_twiml(file.read_text("utf-8")) == []
