"""The worker: takes jobs from the database and does them, until told to stop.

Any number of workers, on any machines, share one queue. What a job does is a use case; here stands
when it is tried again, and who notices that a worker died. A job is done at least once: each use
case makes sure itself that a second time changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from random import SystemRandom
from typing import TYPE_CHECKING

import psycopg
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job

from service import batches, regrading, retention, sessions, webhooks
from service.assembly import limits_of, load_grader
from service.config import Settings
from service.content import Limits
from service.exchange import JobKind, JobQueue, Outgoing, Reply
from service.outgoing import Sender
from service.store import Store, driver_address
from service.usecases import QuestionCache

if TYPE_CHECKING:
    from service.grader import Grader

STALLED_S = 30.0
"""A worker that was silent for so long is taken for dead, and its jobs go to others."""
GRACE_S = 10.0
"""What jobs at work have to end in, or to hand back what is left, when the worker is stopped."""
MOST_TRIES = 8
_AT_ONCE = {JobQueue.GRADING: 1, JobQueue.CHORES: 4, JobQueue.WEBHOOKS: 8}
"""Jobs of each queue. Grading keeps a processor busy; the rest mostly waits for others, and what
waits for slow endpoints has a queue of its own, so that nothing else waits for them."""
_JOBS = sum(_AT_ONCE.values())
_LONGEST_WAIT_S = 15.0

log = logging.getLogger("pointmark.worker")


@dataclass(kw_only=True)
class Workshop:
    """What jobs work with."""

    settings: Settings
    store: Store
    limits: Limits
    sender: Sender
    cache: QuestionCache = field(default_factory=QuestionCache)
    random: SystemRandom = field(default_factory=SystemRandom)
    load: Callable[[Settings], Grader] = load_grader
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _grader: Grader | None = None

    def grader(self) -> Grader:
        """The grader, loaded by the first job that needs it."""
        with self._lock:
            if self._grader is None:
                self._grader = self.load(self.settings)
            return self._grader

    def post(self, message: Outgoing, at: datetime) -> Reply:
        """Send a message, signed with this time."""
        return self.sender.post(message.url, webhooks.headers_of(message, at), message.body)


class TryAgain(BaseRetryStrategy):
    """Again after 2, 4, 8 … seconds; at once where a stopping worker handed the job back."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When, or None for not again."""
        if isinstance(exception, JobAborted):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts + 1 >= MOST_TRIES:
            return None
        return RetryDecision(retry_in={"seconds": 2 ** (job.attempts + 1)})


def make_app(workshop: Workshop, connector: PsycopgConnector, stalled_s: float = STALLED_S) -> App:
    """Every kind of job, with what it does."""
    app = App(connector=connector)

    @app.task(name=JobKind.GRADE_BATCH.value, pass_context=True, retry=TryAgain())
    def grade_batch(context: JobContext, *, batch: str, first: int, last: int) -> None:
        def give_up(detail: str) -> None:
            batches.give_up(workshop.store, batch, detail)

        with _giving_up(context, give_up):
            done = batches.grade_items(
                workshop.store,
                workshop.grader(),
                workshop.cache,
                batch,
                first,
                last,
                stop=context.should_abort,
                limits=workshop.limits,
                sample=workshop.settings.review_sample,
            )
        if not done:
            raise JobAborted

    @app.task(name=JobKind.REGRADE.value, pass_context=True, retry=TryAgain())
    def regrade(context: JobContext, *, regrade: str) -> None:
        def give_up(detail: str) -> None:
            regrading.give_up(workshop.store, regrade, detail)

        with _giving_up(context, give_up):
            grader = workshop.grader()
            done = regrading.work(
                workshop.store, grader, workshop.cache, regrade, stop=context.should_abort
            )
        if not done:
            raise JobAborted

    @app.periodic(cron="17 * * * *")
    @app.task(
        name=JobKind.RETAIN.value,
        queue=JobQueue.CHORES,
        lock=JobKind.RETAIN.value,
        queueing_lock=JobKind.RETAIN.value,
        pass_context=True,
        retry=TryAgain(),
    )
    def retain(context: JobContext, timestamp: int) -> None:
        days = workshop.settings.retention_days
        erased = retention.erase_idle(workshop.store, days, stop=context.should_abort)
        if erased:
            log.info("candidates erased after their time", extra={"candidates": erased})

    @app.task(name=JobKind.DELIVER_WEBHOOK.value, retry=TryAgain())
    def deliver_webhook(*, delivery: str, number: int) -> None:
        webhooks.deliver(
            workshop.store, workshop.post, delivery, number, chance=workshop.random.random
        )

    @app.periodic(cron="* * * * *")
    @app.task(
        name="sessions.tell_expiries", queue=JobQueue.CHORES, queueing_lock="sessions.tell_expiries"
    )
    def tell_expiries(timestamp: int) -> None:
        """Tell of sessions that ran out of time, without anybody asking."""
        sessions.tell_expiries(workshop.store)

    @app.periodic(cron="17 3 * * *")
    @app.task(
        name="webhooks.forget_old", queue=JobQueue.CHORES, queueing_lock="webhooks.forget_old"
    )
    def forget_old_webhooks(timestamp: int) -> None:
        """Drop old lines of the log of deliveries."""
        webhooks.forget_old(workshop.store)

    @app.periodic(cron=_every(stalled_s))
    @app.task(name="jobs.rescue", queue=JobQueue.CHORES, queueing_lock="jobs.rescue")
    async def rescue(timestamp: int) -> None:
        """Give the jobs of dead workers to living ones."""
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=stalled_s):
            log.warning("a worker is gone; its job is done again", extra={"job": job.id})
            await app.job_manager.retry_job(job)
        await app.job_manager.prune_stalled_workers(stalled_s)

    return app


@contextlib.contextmanager
def _giving_up(context: JobContext, give_up: Callable[[str], None]) -> Iterator[None]:
    """At the last try, say that there will be no other, so that nobody waits for ever."""
    try:
        yield
    except Exception as fault:
        if context.job.attempts + 1 >= MOST_TRIES:
            give_up(f"Given up after {MOST_TRIES} tries ({type(fault).__name__}).")
        raise


def _every(seconds: float) -> str:
    """A cron line for about every so many seconds, at most every minute."""
    return "* * * * *" if seconds >= 60 else f"* * * * * */{max(1, round(seconds))}"


def run(settings: Settings, url: str, *, stalled_s: float = STALLED_S) -> None:
    """Work until SIGTERM or SIGINT; a database that goes away is waited for."""
    workshop = Workshop(
        settings=settings,
        store=Store(url),
        limits=limits_of(settings),
        sender=Sender(private=settings.webhook_private_addresses),
    )
    try:
        asyncio.run(_run(workshop, url, stalled_s))
    finally:
        workshop.store.close()


async def _run(workshop: Workshop, url: str, stalled_s: float) -> None:
    stop = asyncio.Event()
    # The usual one has few threads on a machine with few processors.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_JOBS))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    wait = 0.5
    while not stop.is_set():
        connector = PsycopgConnector(
            conninfo=driver_address(url), min_size=1, max_size=4, timeout=_LONGEST_WAIT_S
        )
        try:
            async with make_app(workshop, connector, stalled_s).open_async() as app:
                log.info("working")
                wait = 0.5
                await _work(app, stop, stalled_s)
        except (ConnectorException, psycopg.Error) as fault:
            log.warning("the database does not answer: %s", fault)
        if not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
    log.info("stopped")


async def _work(app: App, stop: asyncio.Event, stalled_s: float) -> None:
    """Take jobs until told to stop, or until the database is gone."""
    workers = [
        asyncio.create_task(
            app.run_worker_async(
                queues=[queue],
                concurrency=concurrency,
                install_signal_handlers=False,
                update_heartbeat_interval=stalled_s / 3,
                stalled_worker_timeout=stalled_s,
                shutdown_graceful_timeout=GRACE_S,
                delete_jobs="successful",
            )
        )
        for queue, concurrency in _AT_ONCE.items()
    ]
    stopped = asyncio.create_task(stop.wait())
    try:
        # A worker that ends by itself lost its connection.
        await asyncio.wait([*workers, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*workers, stopped):
            task.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        stopped.cancel()
    for fault in ended:
        if isinstance(fault, Exception):
            raise fault
