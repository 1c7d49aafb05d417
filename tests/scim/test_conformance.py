"""Does a client that isn't ours find SCIM here? The checks of scim2-tester, all of them, over HTTP."""

from dataclasses import replace

import httpx2
import pytest
from flask import Flask

import config
from app.api import auth
from app.clock import utcnow
from app.db import transaction
from app.records.agents import Role
from app.records.tokens import Scope
from tests.desk import office


@pytest.fixture
def settings(settings: config.Settings, free_port: int) -> config.Settings:
    return replace(settings, public_url=f"http://127.0.0.1:{free_port}")


def test_every_check_of_scim2_tester_passes(flask_app: Flask, free_port: int) -> None:
    # Seconds go by until they stand: only the process that runs this waits for them.
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import Status, check_server

    with transaction() as session:
        # It makes up roles: the only administrator's can't be taken away.
        office.user(session, None, Role.ADMIN)
        token = auth.create(session, "tester", Scope.DIRECTORY, None, utcnow())

    with office.serving(flask_app, free_port) as url:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=f"{url}/scim/v2", headers=headers, timeout=30) as connection:
            results = check_server(SyncSCIMClient(connection))

    # What a check of theirs may say without our being at fault.
    fine = (Status.SUCCESS, Status.SKIPPED, Status.ACCEPTABLE, Status.COMPLIANT)
    assert len(results) > 50
    failed = [(one.title, one.resource_type, one.reason) for one in results if one.status not in fine]
    assert failed == []
