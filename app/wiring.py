"""How is the application put together? Wiring only."""

from flask import Flask

from app import catalogue, cli, operations, web
from app.admin import (
    audit,
    calls,
    file_pages,
    front,
    leavers,
    line_pages,
    list_pages,
    people_pages,
    privacy,
    promise_figures,
    protections,
    replays,
    rule_proof,
    screen_choices,
    simulator,
    topic_pages,
)
from app.admin import promises as admin_promises
from app.admin import rules as admin_rules
from app.api import views as api
from app.binding import bind
from app.desk import (
    beside_views,
    callers_page,
    hand_over_views,
    helping_views,
    message_views,
    promise_views,
    refusals,
    screen_views,
    views,
    whose_views,
)
from app.door import oidc_views, once
from app.messages import webhooks as message_webhooks
from app.scim import views as scim
from app.screen import customer_views
from app.voice import callback_webhooks, ring_test_webhooks, room_webhooks, webhooks
from config import Settings, load


def put_together(settings: Settings | None = None) -> Flask:
    """Return the application, bound to its database. Raises ConfigurationError when a setting is wrong."""
    settings = settings or load()
    app = web.Pages(__name__)
    app.config["SETTINGS"] = settings
    app.secret_key = settings.secret_key
    app.config["SECRET_KEY_FALLBACKS"] = list(settings.old_secret_keys)
    web.prepare(app)
    bind(settings)
    catalogue.read_all()
    operations.register(app)
    webhooks.register(app)
    callback_webhooks.register(app)
    ring_test_webhooks.register(app)
    room_webhooks.register(app)
    callers_page.register(app)
    customer_views.register(app)
    message_webhooks.register(app)
    web.register(app)
    refusals.register(app)
    views.register(app)
    whose_views.register(app)
    hand_over_views.register(app)
    helping_views.register(app)
    protections.register(app)
    beside_views.register(app)
    screen_views.register(app)
    promise_views.register(app)
    message_views.register(app)
    app.register_blueprint(oidc_views.bp)
    app.register_blueprint(once.bp)
    front.register(app)
    admin_promises.register(app)
    promise_figures.register(app)
    simulator.register(app)
    replays.register(app)
    leavers.register(app)
    calls.register(app)
    audit.register(app)
    privacy.register(app)
    line_pages.register(app)
    topic_pages.register(app)
    list_pages.register(app)
    screen_choices.register(app)
    file_pages.register(app)
    people_pages.register(app)
    admin_rules.register(app)
    rule_proof.register(app)
    api.register(app)
    app.register_blueprint(scim.bp)
    cli.register(app)
    return app
