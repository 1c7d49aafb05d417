"""What do the applications of one test after the other share? Their routes: hundreds, the same for each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import Map, RuleFactory

from app import wiring
from config import Settings


class Known:
    """The routes of the first application, until a test gives one application more than that."""

    def __init__(self) -> None:
        self._routes: Map | None = None
        self._views: dict[str, Callable[..., Any]] = {}

    def learn(self, app: Flask) -> None:
        self._routes, self._views = app.url_map, {**app.view_functions}
        add = app.url_map.add

        def add_for_one_test(rulefactory: RuleFactory) -> None:
            self._routes = None
            add(rulefactory)

        # Of this one map; mypy holds a method for the class's alone.
        app.url_map.add = add_for_one_test  # type: ignore[method-assign]

    def put_together(self, whole: Callable[[Settings | None], Flask], settings: Settings | None) -> Flask:
        """Put an application together; what its blueprints serve is known, after the first."""
        if (routes := self._routes) is None:
            app = whole(settings)
            self.learn(app)
            return app
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(BlueprintSetupState, "add_url_rule", lambda *_, **__: None)
            patched.setattr(Map, "add", lambda *_: None)
            app = whole(settings)
        # What isn't a blueprint's, as its own files, each application has told itself.
        app.view_functions = {**self._views, **app.view_functions}
        app.url_map = routes
        return app


@contextmanager
def sharing() -> Iterator[None]:
    """Let whoever makes applications register the routes of blueprints once: half of what each costs.

    Which routes there are depends on no setting.
    """
    known, whole = Known(), wiring.put_together
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wiring, "put_together", lambda settings=None: known.put_together(whole, settings))
        yield
