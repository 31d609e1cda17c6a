"""Where the parts meet."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from apiflask import APIFlask

from service import __version__, usecases
from service.api import observing, openapi, problems
from service.api.context import EXTENSION, Parts
from service.api.loading import LoadingGrader, Roll
from service.api.metrics import Metrics
from service.api.routes import BLUEPRINTS
from service.assembly import MakeGrader, limits_of, load_grader
from service.config import Settings, served_database
from service.errors import PointmarkError
from service.exchange import QuestionFilter
from service.pages import ASSETS, BLUEPRINT, CLOSED, REVIEW, SITTING
from service.store import Store

if TYPE_CHECKING:
    from service.grader import Grader

PREPARED_AHEAD = 100
"""Questions; the rest are embedded when first answered."""

log = logging.getLogger("pointmark")


def create_app(
    settings: Settings, store: Store | None = None, grader: Grader | None = None
) -> APIFlask:
    """The service as a WSGI application.

    Opens no connection and loads no model. Without `grader` the application answers everything
    but grading, and is not ready, until `start_loading` has done its work.

    Raises:
        ConfigurationError: no database is named.
    """
    app = APIFlask(
        "service",
        title="Pointmark",
        version=__version__,
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # A path is what it is: `//` in a candidate's id is not ours to merge.
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = Parts(
        settings=settings,
        store=store or Store(served_database(settings), pool_size=settings.threads),
        grader=LoadingGrader(grader),
        metrics=Metrics(),
        limits=limits_of(settings),
    )
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_blueprint(BLUEPRINT if settings.has_practice else CLOSED)
    for pages in (ASSETS, SITTING, REVIEW):
        app.register_blueprint(pages)
    openapi.configure(app, settings)
    problems.register(app)
    observing.register(app)
    return app


def start_loading(
    app: APIFlask,
    *,
    failed: Callable[[Exception], None],
    roll: Roll | None = None,
    make_grader: MakeGrader | None = None,
) -> None:
    """Load the grader of `app` in the background; `failed` is called if that cannot be done."""
    parts: Parts = app.extensions[EXTENSION]
    parts.roll = roll

    def loaded() -> None:
        if roll is not None:
            roll.sign()
        prepare_questions(parts)

    parts.grader.start(
        lambda: load_grader(parts.settings, make_grader), loaded=loaded, failed=failed
    )


def prepare_questions(parts: Parts) -> None:
    """Make the published questions ready before anybody answers them.

    It takes a second for each that nobody embedded before, so the processes of a first start share
    the work: each goes its own way through the list, and finds what others have kept.
    """
    try:
        page = usecases.list_questions(parts.store, QuestionFilter(), limit=PREPARED_AHEAD)
        for version in random.sample(page.items, len(page.items)):
            usecases.ready_question(
                parts.store, parts.grader.get(), parts.cache, version.question_id
            )
    except PointmarkError as fault:
        # Not needed for being ready: whoever asks first waits a little longer.
        log.warning("questions were not prepared ahead: %s", fault)
