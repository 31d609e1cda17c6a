"""The routes, a module for each resource. Each reads: parse, authorise, call, present."""

from apiflask import APIBlueprint

from service.api.routes.attempts import attempts
from service.api.routes.audit import audit
from service.api.routes.batches import batches
from service.api.routes.health import health
from service.api.routes.interchange import files
from service.api.routes.keys import keys
from service.api.routes.pages import pages
from service.api.routes.questions import questions
from service.api.routes.regrades import regrades
from service.api.routes.reviews import reviews
from service.api.routes.sessions import sessions
from service.api.routes.webhooks import webhooks

BLUEPRINTS: tuple[APIBlueprint, ...] = (
    *(questions, files, attempts, batches, sessions, reviews, regrades, webhooks, keys, audit),
    *(health, pages),
)
