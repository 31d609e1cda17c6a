"""Made from the OpenAPI document by tools/generate_client.py: edit that, not this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Unpack

from pointmark_client import types
from pointmark_client._core import Operation, Tagged
from pointmark_client._transport import AsyncSender, Sender

ANSWER_QUESTION = Operation[types.GivenAnswer](
    "POST", "/v1/session/questions/{id}/answers", keyed=True
)
APPEAL_ATTEMPT = Operation[types.MadeAppeal]("POST", "/v1/attempts/{id}/appeal", keyed=True)
ARCHIVE_QUESTION = Operation[None]("DELETE", "/v1/questions/{id}")
CANCEL_BATCH = Operation[types.BatchOut]("POST", "/v1/batches/{id}/cancel")
CANCEL_REGRADE = Operation[types.RegradeOut]("POST", "/v1/regrades/{id}/cancel")
CANCEL_SESSION = Operation[types.SessionOut]("POST", "/v1/sessions/{id}/cancel")
CLAIM_NEXT_REVIEW = Operation[types.Sheet | None]("POST", "/v1/review-queue/claim")
CLAIM_REVIEW = Operation[types.Sheet]("POST", "/v1/attempts/{id}/claim")
COMMIT_REGRADE = Operation[types.RegradeOut]("POST", "/v1/regrades/{id}/commit", keyed=True)
CREATE_BATCH = Operation[types.BatchOut]("POST", "/v1/batches", keyed=True)
CREATE_KEY = Operation[types.MadeKey]("POST", "/v1/keys", keyed=True)
CREATE_QUESTION = Operation[Tagged[types.AuthorQuestion]](
    "POST", "/v1/questions", keyed=True, tagged=True
)
CREATE_REGRADE = Operation[types.RegradeOut]("POST", "/v1/questions/{id}/regrades", keyed=True)
CREATE_SESSION = Operation[types.MadeSession]("POST", "/v1/sessions", keyed=True)
CREATE_SESSION_TOKEN = Operation[types.MadeToken]("POST", "/v1/sessions/{id}/tokens")
CREATE_WEBHOOK = Operation[types.MadeEndpoint]("POST", "/v1/webhooks", keyed=True)
DELETE_WEBHOOK = Operation[None]("DELETE", "/v1/webhooks/{id}")
ERASE_CANDIDATE = Operation[types.Erasure]("DELETE", "/v1/candidates/{external_id}")
EXPORT_CANDIDATE = Operation[types.CandidateOut]("GET", "/v1/candidates/{external_id}")
EXPORT_QUESTIONS = Operation[bytes]("GET", "/v1/question-export", binary=True)
FINISH_SITTING = Operation[types.Sitting]("POST", "/v1/session/finish")
GET_AGREEMENT = Operation[types.AgreementOut]("GET", "/v1/agreement")
GET_ATTEMPT = Operation[types.AttemptOut]("GET", "/v1/attempts/{id}")
GET_BATCH = Operation[types.BatchOut]("GET", "/v1/batches/{id}")
GET_BATCH_RESULTS = Operation[bytes]("GET", "/v1/batches/{id}/results", binary=True)
GET_QUESTION = Operation[Tagged[types.CandidateQuestion]]("GET", "/v1/questions/{id}", tagged=True)
GET_QUESTION_AS_AUTHOR = Operation[Tagged[types.AuthorQuestion]](
    "GET", "/v1/questions/{id}", fixed={"view": "author"}, tagged=True
)
GET_QUESTION_STATISTICS = Operation[types.StatisticsOut]("GET", "/v1/questions/{id}/statistics")
GET_QUESTION_VERSION = Operation[Tagged[types.AuthorQuestion]](
    "GET", "/v1/questions/{id}/versions/{number}", tagged=True
)
GET_REGRADE = Operation[types.RegradeOut]("GET", "/v1/regrades/{id}")
GET_SESSION = Operation[types.SessionOut]("GET", "/v1/sessions/{id}")
GET_SESSION_REPORT = Operation[types.ReportOut]("GET", "/v1/sessions/{id}/report")
GET_SITTING = Operation[types.Sitting]("GET", "/v1/session")
GET_SUGGESTED_POINTS = Operation[types.SuggestedPoints](
    "GET", "/v1/questions/{id}/suggested-points"
)
GET_WEBHOOK = Operation[types.EndpointOut]("GET", "/v1/webhooks/{id}")
GRADE = Operation[types.Graded]("POST", "/v1/grade")
IMPORT_QUESTIONS = Operation[types.ImportOut]("POST", "/v1/question-imports", keyed=True)
LIST_ANSWER_GROUPS = Operation[types.AnswerGroups]("GET", "/v1/questions/{id}/answer-groups")
LIST_ATTEMPTS = Operation[types.AttemptPage]("GET", "/v1/attempts")
LIST_AUDIT_LOG = Operation[types.AuditPage]("GET", "/v1/audit-log")
LIST_BATCHES = Operation[types.BatchPage]("GET", "/v1/batches")
LIST_DELIVERIES = Operation[types.DeliveryPage]("GET", "/v1/webhooks/{id}/deliveries")
LIST_KEYS = Operation[types.KeyList]("GET", "/v1/keys")
LIST_QUESTION_VERSIONS = Operation[types.Versions]("GET", "/v1/questions/{id}/versions")
LIST_QUESTIONS = Operation[types.QuestionPage]("GET", "/v1/questions")
LIST_QUESTIONS_AS_AUTHOR = Operation[types.QuestionPage](
    "GET", "/v1/questions", fixed={"view": "author"}
)
LIST_REGRADES = Operation[types.RegradePage]("GET", "/v1/questions/{id}/regrades")
LIST_REVIEW_QUEUE = Operation[types.QueuePage]("GET", "/v1/review-queue")
LIST_SESSIONS = Operation[types.SessionPage]("GET", "/v1/sessions")
LIST_WEBHOOKS = Operation[types.EndpointPage]("GET", "/v1/webhooks")
LIVE = Operation[types.Health]("GET", "/livez")
PING_WEBHOOK = Operation[types.DeliveryOut]("POST", "/v1/webhooks/{id}/ping", keyed=True)
PREVIEW_IMPORT = Operation[types.PreviewOut]("POST", "/v1/question-imports/preview")
PUBLISH_QUESTION = Operation[Tagged[types.AuthorQuestion]](
    "POST", "/v1/questions/{id}/publish", keyed=True, tagged=True
)
RANDOM_QUESTION = Operation[Tagged[types.CandidateQuestion]](
    "GET", "/v1/questions/random", tagged=True
)
READY = Operation[types.Health]("GET", "/readyz")
RELEASE_REVIEW = Operation[None]("DELETE", "/v1/attempts/{id}/claim")
REPLAY_DELIVERY = Operation[types.DeliveryOut](
    "POST", "/v1/webhooks/{id}/deliveries/{delivery_id}/replay", keyed=True
)
REVIEW_ATTEMPT = Operation[types.MadeReview]("POST", "/v1/attempts/{id}/reviews", keyed=True)
REVIEW_GROUP = Operation[types.GroupReview]("POST", "/v1/questions/{id}/group-reviews", keyed=True)
REVOKE_KEY = Operation[None]("DELETE", "/v1/keys/{id}")
ROTATE_WEBHOOK_SECRET = Operation[types.MadeEndpoint](
    "POST", "/v1/webhooks/{id}/rotate-secret", keyed=True
)
SAVE_QUESTION = Operation[Tagged[types.AuthorQuestion]]("PUT", "/v1/questions/{id}", tagged=True)
SAVE_WEBHOOK = Operation[types.EndpointOut]("PUT", "/v1/webhooks/{id}")
START_SITTING = Operation[types.Sitting]("POST", "/v1/session/start")
SUBMIT_ATTEMPT = Operation[types.MadeAttempt]("POST", "/v1/questions/{id}/attempts", keyed=True)


class PlatformMethods(Sender):
    """What a platform can call."""

    def appeal_attempt(
        self, attempt: str, /, *, idempotency_key: str | None = None, **body: Unpack[types.AppealIn]
    ) -> types.MadeAppeal:
        """Appeal against a mark, for the candidate.

        The attempt goes to the review queue, or back to it. An attempt is appealed against once.

        Needs the scope `attempts:write`.
        """
        return self._do(APPEAL_ATTEMPT, attempt, idempotency_key=idempotency_key, body=body)

    def archive_question(self, question: str, /, *, if_match: str | None = None) -> None:
        """Archive a question.

        It is served to nobody any more; its attempts stay, and so does its slug.

        Needs the scope `questions:write`.
        """
        return self._do(ARCHIVE_QUESTION, question, if_match=if_match)

    def cancel_batch(self, batch: str, /) -> types.BatchOut:
        """Cancel a batch.

        What is graded stays; items that wait end with the error `cancelled`. Cancelling it again
        changes nothing.

        Needs the scope `attempts:write`.
        """
        return self._do(CANCEL_BATCH, batch)

    def cancel_regrade(self, regrade: str, /) -> types.RegradeOut:
        """Cancel a regrade.

        Grades that were kept stay. Cancelling it again changes nothing.

        Needs the scope `questions:write`.
        """
        return self._do(CANCEL_REGRADE, regrade)

    def cancel_session(self, session: str, /) -> types.SessionOut:
        """Cancel a session.

        No answer is taken any more; those that were taken stay. Cancelling it again changes
        nothing.

        Needs the scope `attempts:write`.
        """
        return self._do(CANCEL_SESSION, session)

    def claim_next_review(self, /, **body: Unpack[types.ClaimNextIn]) -> types.Sheet | None:
        """Claim the next attempt that waits.

        Whoever holds one that fits gets it again, so a call that is repeated takes no second one.
        204: none is left.

        Needs the scope `review`.
        """
        return self._do(CLAIM_NEXT_REVIEW, body=body)

    def claim_review(self, attempt: str, /, **body: Unpack[types.ClaimIn]) -> types.Sheet:
        """Claim an attempt that waits.

        Nobody else can claim or review it until the lease ends. Claiming it again renews the
        lease.

        Needs the scope `review`.
        """
        return self._do(CLAIM_REVIEW, attempt, body=body)

    def commit_regrade(
        self, regrade: str, /, *, idempotency_key: str | None = None
    ) -> types.RegradeOut:
        """Keep the new grades that a dry run told of.

        Each attempt gets one more grade; earlier ones stay, and reviews still win. It fails, and
        keeps nothing, if another version was published or the grader changed since the dry run.

        Needs the scope `questions:write`.
        """
        return self._do(COMMIT_REGRADE, regrade, idempotency_key=idempotency_key)

    def create_batch(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.BatchIn]
    ) -> types.BatchOut:
        """Hand in up to 10,000 answers.

        Workers grade them in the background; each becomes an attempt, or an error of its own. The
        body may also be `application/jsonl`, an item a line.

        Needs the scope `attempts:write`.
        """
        return self._do(CREATE_BATCH, idempotency_key=idempotency_key, body=body)

    def create_key(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.KeyIn]
    ) -> types.MadeKey:
        """Create an API key.

        `token` is shown in this response and never again: only its SHA-256 is stored. A replayed
        response has null there; if the first response was lost, revoke the key and make another.

        Needs the scope `admin`.
        """
        return self._do(CREATE_KEY, idempotency_key=idempotency_key, body=body)

    def create_question(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.QuestionIn]
    ) -> Tagged[types.AuthorQuestion]:
        """Create a question.

        As a draft, which nobody but authors sees until it is published.

        Needs the scope `questions:write`.
        """
        return self._do(CREATE_QUESTION, idempotency_key=idempotency_key, body=body)

    def create_regrade(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.RegradeIn],
    ) -> types.RegradeOut:
        """Find out what marking a question's answers again would change.

        A worker marks every stored answer by the published version and the grader of today, and
        keeps what it found, not the grades. `commitRegrade` then keeps the grades.

        Needs the scope `questions:write`.
        """
        return self._do(CREATE_REGRADE, question, idempotency_key=idempotency_key, body=body)

    def create_session(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.SessionIn]
    ) -> types.MadeSession:
        """Make a session for a candidate.

        Its questions are fixed now, in their published versions. `access.token` is for the
        candidate: it opens this session and nothing else, for four hours; `createSessionToken`
        makes another.

        Needs the scope `attempts:write`.
        """
        return self._do(CREATE_SESSION, idempotency_key=idempotency_key, body=body)

    def create_session_token(self, session: str, /) -> types.MadeToken:
        """Make another token for the candidate of a session.

        Needs the scope `attempts:write`.
        """
        return self._do(CREATE_SESSION_TOKEN, session)

    def create_webhook(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.EndpointIn]
    ) -> types.MadeEndpoint:
        """Make an endpoint that webhooks are sent to.

        `secret` is shown in this response and never again. A replayed response has null there; if
        the first response was lost, rotate the secret.

        Needs the scope `admin`.
        """
        return self._do(CREATE_WEBHOOK, idempotency_key=idempotency_key, body=body)

    def delete_webhook(self, webhook: str, /) -> None:
        """Delete an endpoint, with its messages and their log.

        Needs the scope `admin`.
        """
        return self._do(DELETE_WEBHOOK, webhook)

    def erase_candidate(self, candidate: str, /) -> types.Erasure:
        """Erase a candidate.

        Their answers, vectors, metadata and feedback, appeals and the reasons of reviews are
        erased for good; scores stay, of nobody. The response is the receipt: `candidate` names in
        the audit log what is left.

        Needs the scope `admin`.
        """
        return self._do(ERASE_CANDIDATE, candidate)

    def export_candidate(self, candidate: str, /) -> types.CandidateOut:
        """Export everything that is held on a candidate.

        Answers, grades, reviews, appeals, sessions and metadata, for the candidate to have.
        Vectors are left out: they are computed from the answers.

        Needs the scope `admin`.
        """
        return self._do(EXPORT_CANDIDATE, candidate)

    def export_questions(self, /, **query: Unpack[types.ExportQuestionsQuery]) -> bytes:
        """Export questions.

        With their rubrics, oldest first, as authors see them: drafts where there are any, or with
        `status=published` what is served. A page is a whole file; `Link` leads to the next.

        Needs the scope `questions:write`.
        """
        return self._do(EXPORT_QUESTIONS, query=query)

    def get_agreement(self, /, **query: Unpack[types.GetAgreementQuery]) -> types.AgreementOut:
        """Compare grader and reviewers.

        By question and point, the worst question first. What came to a person because of a doubt
        makes the grader look worse than it is: `sampled=true` counts only attempts drawn by
        chance. Who knows the grade tends to agree with it: `blind=true` counts only reviews
        without that knowledge.

        Needs the scope `review`.
        """
        return self._do(GET_AGREEMENT, query=query)

    def get_attempt(self, attempt: str, /) -> types.AttemptOut:
        """Get an attempt with all its grades.

        Needs the scope `attempts:read`.
        """
        return self._do(GET_ATTEMPT, attempt)

    def get_batch(self, batch: str, /) -> types.BatchOut:
        """Get a batch with its progress.

        Needs the scope `attempts:read`.
        """
        return self._do(GET_BATCH, batch)

    def get_batch_results(
        self, batch: str, /, **query: Unpack[types.GetBatchResultsQuery]
    ) -> bytes:
        """Get what became of the items so far, as JSON lines.

        In the order in which they were sent; those that wait are left out. `after` is the index
        of the last one that was had before.

        Needs the scope `attempts:read`.
        """
        return self._do(GET_BATCH_RESULTS, batch, query=query)

    def get_question(
        self,
        question: str,
        /,
        *,
        if_none_match: str | None = None,
        **query: Unpack[types.GetQuestionQuery],
    ) -> Tagged[types.CandidateQuestion]:
        """Get a question.

        By id or slug, as everywhere. `view=author` shows the rubric, of the draft if there is
        one, and needs the scope `questions:write`; `status` asks for the draft or the published
        version.

        Needs the scope `questions:read`.
        """
        return self._do(GET_QUESTION, question, if_none_match=if_none_match, query=query)

    def get_question_as_author(
        self,
        question: str,
        /,
        *,
        if_none_match: str | None = None,
        **query: Unpack[types.GetQuestionQuery],
    ) -> Tagged[types.AuthorQuestion]:
        """Get a question.

        By id or slug, as everywhere. `view=author` shows the rubric, of the draft if there is
        one, and needs the scope `questions:write`; `status` asks for the draft or the published
        version.

        Shows what authors see.
        """
        return self._do(GET_QUESTION_AS_AUTHOR, question, if_none_match=if_none_match, query=query)

    def get_question_statistics(
        self, question: str, /, **query: Unpack[types.GetQuestionStatisticsQuery]
    ) -> types.StatisticsOut:
        """Show how candidates do on a question.

        On the version that is served, or on `version`; attempts count by their last grade. Scores
        are a person's where one gave a mark; verdicts of points are the grader's, beside how many
        of them reviewers overruled.

        Needs the scope `questions:write`.
        """
        return self._do(GET_QUESTION_STATISTICS, question, query=query)

    def get_question_version(
        self, question: str, number: int, /, *, if_none_match: str | None = None
    ) -> Tagged[types.AuthorQuestion]:
        """Get one version of a question.

        Needs the scope `questions:write`.
        """
        return self._do(GET_QUESTION_VERSION, question, number, if_none_match=if_none_match)

    def get_regrade(self, regrade: str, /) -> types.RegradeOut:
        """Get a regrade with what it found so far.

        Needs the scope `questions:write`.
        """
        return self._do(GET_REGRADE, regrade)

    def get_session(self, session: str, /) -> types.SessionOut:
        """Get a session.

        Needs the scope `attempts:read`.
        """
        return self._do(GET_SESSION, session)

    def get_session_report(self, session: str, /) -> types.ReportOut:
        """Report what came of a session.

        Of each question the last answer counts, by the last review if a person gave one. Scores
        are means over questions, those without an answer counted as 0; it can be asked for at any
        time. With `Accept: text/html` it is a page to show or print, with the answers and their
        points.

        Needs the scope `attempts:read`.
        """
        return self._do(GET_SESSION_REPORT, session)

    def get_suggested_points(
        self, question: str, /, **query: Unpack[types.GetSuggestedPointsQuery]
    ) -> types.SuggestedPoints:
        """Show what good candidates write and no point covers.

        Of the better half by score of the newest 2,000 candidates' answers in one language, the
        sentences that neither earned credit nor were held against the candidate, in groups that
        at least three candidates and 5% of the good ones wrote.

        Needs the scope `questions:write`.
        """
        return self._do(GET_SUGGESTED_POINTS, question, query=query)

    def get_webhook(self, webhook: str, /) -> types.EndpointOut:
        """Get an endpoint.

        Needs the scope `admin`.
        """
        return self._do(GET_WEBHOOK, webhook)

    def grade(self, /, **body: Unpack[types.GradeIn]) -> types.Graded:
        """Grade an answer without storing anything.

        Against points given here, or against model answers (`references`), each of which is cut
        into points; the answer is then marked against the one that it meets best.

        Needs the scope `attempts:write`.
        """
        return self._do(GRADE, body=body)

    def import_questions(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.ImportIn]
    ) -> types.ImportOut:
        """Import questions.

        Every question of the file as a draft, or nothing: where an item has faults, the whole
        file is refused, unless `skip_invalid` passes over such items.

        Needs the scope `questions:write`.
        """
        return self._do(IMPORT_QUESTIONS, idempotency_key=idempotency_key, body=body)

    def list_answer_groups(
        self, question: str, /, **query: Unpack[types.ListAnswerGroupsQuery]
    ) -> types.AnswerGroups:
        """Group similar answers that wait.

        Of the oldest 500 that wait for a review: answers with the same verdicts whose vectors
        have at least the cosine `similarity` with that of the group's first.

        Needs the scope `review`.
        """
        return self._do(LIST_ANSWER_GROUPS, question, query=query)

    def list_attempts(self, /, **query: Unpack[types.ListAttemptsQuery]) -> types.AttemptPage:
        """List attempts.

        Newest first, of one question or one candidate if asked for.

        Needs the scope `attempts:read`.
        """
        return self._do(LIST_ATTEMPTS, query=query)

    def iter_attempts(
        self, /, **query: Unpack[types.ListAttemptsQuery]
    ) -> Iterator[types.AttemptOut]:
        """Go through all pages of `list_attempts`; `limit` is how many a page has."""
        return self._all(self.list_attempts, query=query)

    def list_audit_log(self, /, **query: Unpack[types.ListAuditLogQuery]) -> types.AuditPage:
        """List who did what, newest first.

        Changes of questions and keys, reviews, regrades, batches, exports and erasures. No line
        names a candidate, and none can be changed.

        Needs the scope `admin`.
        """
        return self._do(LIST_AUDIT_LOG, query=query)

    def iter_audit_log(
        self, /, **query: Unpack[types.ListAuditLogQuery]
    ) -> Iterator[types.AuditEntryOut]:
        """Go through all pages of `list_audit_log`; `limit` is how many a page has."""
        return self._all(self.list_audit_log, query=query)

    def list_batches(self, /, **query: Unpack[types.ListBatchesQuery]) -> types.BatchPage:
        """List batches, newest first.

        Needs the scope `attempts:read`.
        """
        return self._do(LIST_BATCHES, query=query)

    def iter_batches(self, /, **query: Unpack[types.ListBatchesQuery]) -> Iterator[types.BatchOut]:
        """Go through all pages of `list_batches`; `limit` is how many a page has."""
        return self._all(self.list_batches, query=query)

    def list_deliveries(
        self, webhook: str, /, **query: Unpack[types.ListDeliveriesQuery]
    ) -> types.DeliveryPage:
        """List the messages to an endpoint with every try, newest first.

        Needs the scope `admin`.
        """
        return self._do(LIST_DELIVERIES, webhook, query=query)

    def iter_deliveries(
        self, webhook: str, /, **query: Unpack[types.ListDeliveriesQuery]
    ) -> Iterator[types.DeliveryOut]:
        """Go through all pages of `list_deliveries`; `limit` is how many a page has."""
        return self._all(self.list_deliveries, webhook, query=query)

    def list_keys(self) -> types.KeyList:
        """List API keys.

        All of them on one page, revoked ones too.

        Needs the scope `admin`.
        """
        return self._do(LIST_KEYS)

    def list_question_versions(self, question: str, /) -> types.Versions:
        """List the versions of a question.

        All of them, oldest first, with their rubrics.

        Needs the scope `questions:write`.
        """
        return self._do(LIST_QUESTION_VERSIONS, question)

    def list_questions(self, /, **query: Unpack[types.ListQuestionsQuery]) -> types.QuestionPage:
        """List questions.

        Oldest first. `view=author` shows the rubrics too, of drafts where there are any, and
        needs the scope `questions:write`; `status` then narrows the list to drafts or to what is
        published.

        Needs the scope `questions:read`.
        """
        return self._do(LIST_QUESTIONS, query=query)

    def iter_questions(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> Iterator[types.CandidateQuestion]:
        """Go through all pages of `list_questions`; `limit` is how many a page has."""
        return self._all(self.list_questions, query=query)

    def list_questions_as_author(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> types.QuestionPage:
        """List questions.

        Oldest first. `view=author` shows the rubrics too, of drafts where there are any, and
        needs the scope `questions:write`; `status` then narrows the list to drafts or to what is
        published.

        Shows what authors see.
        """
        return self._do(LIST_QUESTIONS_AS_AUTHOR, query=query)

    def iter_questions_as_author(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> Iterator[types.AuthorQuestion]:
        """Go through all pages of `list_questions_as_author`; `limit` is how many a page has."""
        return self._all(self.list_questions_as_author, query=query)

    def list_regrades(
        self, question: str, /, **query: Unpack[types.ListRegradesQuery]
    ) -> types.RegradePage:
        """List the regrades of a question, newest first.

        Needs the scope `questions:write`.
        """
        return self._do(LIST_REGRADES, question, query=query)

    def iter_regrades(
        self, question: str, /, **query: Unpack[types.ListRegradesQuery]
    ) -> Iterator[types.RegradeOut]:
        """Go through all pages of `list_regrades`; `limit` is how many a page has."""
        return self._all(self.list_regrades, question, query=query)

    def list_review_queue(self, /, **query: Unpack[types.ListReviewQueueQuery]) -> types.QueuePage:
        """List what waits for a person.

        Attempts whose grade has a doubt, appeals, and a random sample. `blind=false` shows the
        doubt.

        Needs the scope `review`.
        """
        return self._do(LIST_REVIEW_QUEUE, query=query)

    def iter_review_queue(
        self, /, **query: Unpack[types.ListReviewQueueQuery]
    ) -> Iterator[types.WaitingOut]:
        """Go through all pages of `list_review_queue`; `limit` is how many a page has."""
        return self._all(self.list_review_queue, query=query)

    def list_sessions(self, /, **query: Unpack[types.ListSessionsQuery]) -> types.SessionPage:
        """List sessions by their last change.

        `next_cursor` is there on the last page too: kept and sent again later, it gives the
        sessions that were made, started, finished, cancelled or ran out of time since.

        Needs the scope `attempts:read`.
        """
        return self._do(LIST_SESSIONS, query=query)

    def iter_sessions(
        self, /, **query: Unpack[types.ListSessionsQuery]
    ) -> Iterator[types.SessionOut]:
        """Go through all pages of `list_sessions`; `limit` is how many a page has."""
        return self._all(self.list_sessions, query=query)

    def list_webhooks(self, /, **query: Unpack[types.ListWebhooksQuery]) -> types.EndpointPage:
        """List endpoints, newest first.

        Needs the scope `admin`.
        """
        return self._do(LIST_WEBHOOKS, query=query)

    def iter_webhooks(
        self, /, **query: Unpack[types.ListWebhooksQuery]
    ) -> Iterator[types.EndpointOut]:
        """Go through all pages of `list_webhooks`; `limit` is how many a page has."""
        return self._all(self.list_webhooks, query=query)

    def live(self) -> types.Health:
        """Tell that the process answers.

        Looks at nothing else, so that a database that is away never gets healthy processes
        killed.
        """
        return self._do(LIVE)

    def ping_webhook(
        self, webhook: str, /, *, idempotency_key: str | None = None
    ) -> types.DeliveryOut:
        """Send an endpoint the event `ping`, whatever its filter says.

        Needs the scope `admin`.
        """
        return self._do(PING_WEBHOOK, webhook, idempotency_key=idempotency_key)

    def preview_import(self, /, **body: Unpack[types.PreviewIn]) -> types.PreviewOut:
        """Preview an import.

        What each item of a file becomes, what is lost or changed on the way, and what keeps it
        from being accepted. Nothing is stored.

        Needs the scope `questions:write`.
        """
        return self._do(PREVIEW_IMPORT, body=body)

    def publish_question(
        self, question: str, /, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> Tagged[types.AuthorQuestion]:
        """Publish a question's draft.

        From then on candidates get this version, and it never changes. With `If-Match` only the
        draft that was read is published.

        Needs the scope `questions:write`.
        """
        return self._do(
            PUBLISH_QUESTION, question, if_match=if_match, idempotency_key=idempotency_key
        )

    def random_question(
        self, /, **query: Unpack[types.RandomQuestionQuery]
    ) -> Tagged[types.CandidateQuestion]:
        """Get a random question.

        One published question that fits the filters, each with the same chance.

        Needs the scope `questions:read`.
        """
        return self._do(RANDOM_QUESTION, query=query)

    def ready(self) -> types.Health:
        """Tell whether the service can do its work.

        The database answers and is migrated, and every worker process has its encoder.
        """
        return self._do(READY)

    def release_review(self, attempt: str, /, **query: Unpack[types.ReleaseReviewQuery]) -> None:
        """Give a claimed attempt back.

        It goes to other reviewers; this one is not offered it as the next one again.

        Needs the scope `review`.
        """
        return self._do(RELEASE_REVIEW, attempt, query=query)

    def replay_delivery(
        self, webhook: str, deliverie: str, /, *, idempotency_key: str | None = None
    ) -> types.DeliveryOut:
        """Send a message again, now, whatever became of it.

        The same message under the same `webhook-id`; if it fails, the schedule begins anew.

        Needs the scope `admin`.
        """
        return self._do(REPLAY_DELIVERY, webhook, deliverie, idempotency_key=idempotency_key)

    def review_attempt(
        self, attempt: str, /, *, idempotency_key: str | None = None, **body: Unpack[types.ReviewIn]
    ) -> types.MadeReview:
        """Review an attempt.

        The review is its result from now on, whatever grades follow; grades and earlier reviews
        are kept. Without a score, the verdicts make it: covered counts 1, partial a half, and
        points that are not named what the grader gave them. Any attempt can be reviewed, in the
        queue or not.

        Needs the scope `review`.
        """
        return self._do(REVIEW_ATTEMPT, attempt, idempotency_key=idempotency_key, body=body)

    def review_group(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.GroupReviewIn],
    ) -> types.GroupReview:
        """Give one review to several answers.

        Each attempt gets a review of its own, marked `grouped`, and a line in the audit log; if
        one of them cannot be reviewed, none is.

        Needs the scope `review`.
        """
        return self._do(REVIEW_GROUP, question, idempotency_key=idempotency_key, body=body)

    def revoke_key(self, key: str, /) -> None:
        """Revoke an API key.

        It stops working at once. Revoking it again changes nothing.

        Needs the scope `admin`.
        """
        return self._do(REVOKE_KEY, key)

    def rotate_webhook_secret(
        self, webhook: str, /, *, idempotency_key: str | None = None
    ) -> types.MadeEndpoint:
        """Give an endpoint another secret.

        For 24 hours messages are signed with the one before, too. `secret` is shown as by
        `createWebhook`.

        Needs the scope `admin`.
        """
        return self._do(ROTATE_WEBHOOK_SECRET, webhook, idempotency_key=idempotency_key)

    def save_question(
        self, question: str, /, *, if_match: str, **body: Unpack[types.QuestionIn]
    ) -> Tagged[types.AuthorQuestion]:
        """Save a question's draft.

        Replaces the draft, or begins the next version after a published one. `If-Match` takes the
        ETag of what was changed; `*` overwrites whatever is there.

        Needs the scope `questions:write`.
        """
        return self._do(SAVE_QUESTION, question, if_match=if_match, body=body)

    def save_webhook(
        self, webhook: str, /, **body: Unpack[types.ChangedEndpointIn]
    ) -> types.EndpointOut:
        """Change an endpoint: all of it, as given.

        Messages that wait go to the new URL. With `enabled` true it begins with a clean slate;
        with false it gets nothing, and messages that wait are given up when their time comes.

        Needs the scope `admin`.
        """
        return self._do(SAVE_WEBHOOK, webhook, body=body)

    def submit_attempt(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.AttemptIn],
    ) -> types.MadeAttempt:
        """Submit an answer.

        It is graded and stored in one call. A blank answer is an attempt like any other: its
        score is 0 and its flag `blank`.

        Needs the scope `attempts:write`.
        """
        return self._do(SUBMIT_ATTEMPT, question, idempotency_key=idempotency_key, body=body)


class CandidateMethods(Sender):
    """What a candidate can call."""

    def answer_question(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.SessionAnswerIn],
    ) -> types.GivenAnswer:
        """Answer a question of the session.

        What counts is when the answer came, not how long grading it takes. Send an `Idempotency-
        Key`: after a lost connection the same request is answered as the first time and costs no
        attempt.
        """
        return self._do(ANSWER_QUESTION, question, idempotency_key=idempotency_key, body=body)

    def finish_sitting(self) -> types.Sitting:
        """Finish the session.

        No answer is taken any more. Finishing it again changes nothing.
        """
        return self._do(FINISH_SITTING)

    def get_sitting(self) -> types.Sitting:
        """Get the session of this token.

        Prompts are there once it was started; grades where the rules show them.
        """
        return self._do(GET_SITTING)

    def start_sitting(self) -> types.Sitting:
        """Start the session.

        The time runs from now on. Starting it again changes nothing.
        """
        return self._do(START_SITTING)


class AsyncPlatformMethods(AsyncSender):
    """What a platform can call."""

    async def appeal_attempt(
        self, attempt: str, /, *, idempotency_key: str | None = None, **body: Unpack[types.AppealIn]
    ) -> types.MadeAppeal:
        """Appeal against a mark, for the candidate."""
        return await self._do(APPEAL_ATTEMPT, attempt, idempotency_key=idempotency_key, body=body)

    async def archive_question(self, question: str, /, *, if_match: str | None = None) -> None:
        """Archive a question."""
        return await self._do(ARCHIVE_QUESTION, question, if_match=if_match)

    async def cancel_batch(self, batch: str, /) -> types.BatchOut:
        """Cancel a batch."""
        return await self._do(CANCEL_BATCH, batch)

    async def cancel_regrade(self, regrade: str, /) -> types.RegradeOut:
        """Cancel a regrade."""
        return await self._do(CANCEL_REGRADE, regrade)

    async def cancel_session(self, session: str, /) -> types.SessionOut:
        """Cancel a session."""
        return await self._do(CANCEL_SESSION, session)

    async def claim_next_review(self, /, **body: Unpack[types.ClaimNextIn]) -> types.Sheet | None:
        """Claim the next attempt that waits."""
        return await self._do(CLAIM_NEXT_REVIEW, body=body)

    async def claim_review(self, attempt: str, /, **body: Unpack[types.ClaimIn]) -> types.Sheet:
        """Claim an attempt that waits."""
        return await self._do(CLAIM_REVIEW, attempt, body=body)

    async def commit_regrade(
        self, regrade: str, /, *, idempotency_key: str | None = None
    ) -> types.RegradeOut:
        """Keep the new grades that a dry run told of."""
        return await self._do(COMMIT_REGRADE, regrade, idempotency_key=idempotency_key)

    async def create_batch(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.BatchIn]
    ) -> types.BatchOut:
        """Hand in up to 10,000 answers."""
        return await self._do(CREATE_BATCH, idempotency_key=idempotency_key, body=body)

    async def create_key(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.KeyIn]
    ) -> types.MadeKey:
        """Create an API key."""
        return await self._do(CREATE_KEY, idempotency_key=idempotency_key, body=body)

    async def create_question(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.QuestionIn]
    ) -> Tagged[types.AuthorQuestion]:
        """Create a question."""
        return await self._do(CREATE_QUESTION, idempotency_key=idempotency_key, body=body)

    async def create_regrade(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.RegradeIn],
    ) -> types.RegradeOut:
        """Find out what marking a question's answers again would change."""
        return await self._do(CREATE_REGRADE, question, idempotency_key=idempotency_key, body=body)

    async def create_session(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.SessionIn]
    ) -> types.MadeSession:
        """Make a session for a candidate."""
        return await self._do(CREATE_SESSION, idempotency_key=idempotency_key, body=body)

    async def create_session_token(self, session: str, /) -> types.MadeToken:
        """Make another token for the candidate of a session."""
        return await self._do(CREATE_SESSION_TOKEN, session)

    async def create_webhook(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.EndpointIn]
    ) -> types.MadeEndpoint:
        """Make an endpoint that webhooks are sent to."""
        return await self._do(CREATE_WEBHOOK, idempotency_key=idempotency_key, body=body)

    async def delete_webhook(self, webhook: str, /) -> None:
        """Delete an endpoint, with its messages and their log."""
        return await self._do(DELETE_WEBHOOK, webhook)

    async def erase_candidate(self, candidate: str, /) -> types.Erasure:
        """Erase a candidate."""
        return await self._do(ERASE_CANDIDATE, candidate)

    async def export_candidate(self, candidate: str, /) -> types.CandidateOut:
        """Export everything that is held on a candidate."""
        return await self._do(EXPORT_CANDIDATE, candidate)

    async def export_questions(self, /, **query: Unpack[types.ExportQuestionsQuery]) -> bytes:
        """Export questions."""
        return await self._do(EXPORT_QUESTIONS, query=query)

    async def get_agreement(
        self, /, **query: Unpack[types.GetAgreementQuery]
    ) -> types.AgreementOut:
        """Compare grader and reviewers."""
        return await self._do(GET_AGREEMENT, query=query)

    async def get_attempt(self, attempt: str, /) -> types.AttemptOut:
        """Get an attempt with all its grades."""
        return await self._do(GET_ATTEMPT, attempt)

    async def get_batch(self, batch: str, /) -> types.BatchOut:
        """Get a batch with its progress."""
        return await self._do(GET_BATCH, batch)

    async def get_batch_results(
        self, batch: str, /, **query: Unpack[types.GetBatchResultsQuery]
    ) -> bytes:
        """Get what became of the items so far, as JSON lines."""
        return await self._do(GET_BATCH_RESULTS, batch, query=query)

    async def get_question(
        self,
        question: str,
        /,
        *,
        if_none_match: str | None = None,
        **query: Unpack[types.GetQuestionQuery],
    ) -> Tagged[types.CandidateQuestion]:
        """Get a question."""
        return await self._do(GET_QUESTION, question, if_none_match=if_none_match, query=query)

    async def get_question_as_author(
        self,
        question: str,
        /,
        *,
        if_none_match: str | None = None,
        **query: Unpack[types.GetQuestionQuery],
    ) -> Tagged[types.AuthorQuestion]:
        """Get a question."""
        return await self._do(
            GET_QUESTION_AS_AUTHOR, question, if_none_match=if_none_match, query=query
        )

    async def get_question_statistics(
        self, question: str, /, **query: Unpack[types.GetQuestionStatisticsQuery]
    ) -> types.StatisticsOut:
        """Show how candidates do on a question."""
        return await self._do(GET_QUESTION_STATISTICS, question, query=query)

    async def get_question_version(
        self, question: str, number: int, /, *, if_none_match: str | None = None
    ) -> Tagged[types.AuthorQuestion]:
        """Get one version of a question."""
        return await self._do(GET_QUESTION_VERSION, question, number, if_none_match=if_none_match)

    async def get_regrade(self, regrade: str, /) -> types.RegradeOut:
        """Get a regrade with what it found so far."""
        return await self._do(GET_REGRADE, regrade)

    async def get_session(self, session: str, /) -> types.SessionOut:
        """Get a session."""
        return await self._do(GET_SESSION, session)

    async def get_session_report(self, session: str, /) -> types.ReportOut:
        """Report what came of a session."""
        return await self._do(GET_SESSION_REPORT, session)

    async def get_suggested_points(
        self, question: str, /, **query: Unpack[types.GetSuggestedPointsQuery]
    ) -> types.SuggestedPoints:
        """Show what good candidates write and no point covers."""
        return await self._do(GET_SUGGESTED_POINTS, question, query=query)

    async def get_webhook(self, webhook: str, /) -> types.EndpointOut:
        """Get an endpoint."""
        return await self._do(GET_WEBHOOK, webhook)

    async def grade(self, /, **body: Unpack[types.GradeIn]) -> types.Graded:
        """Grade an answer without storing anything."""
        return await self._do(GRADE, body=body)

    async def import_questions(
        self, /, *, idempotency_key: str | None = None, **body: Unpack[types.ImportIn]
    ) -> types.ImportOut:
        """Import questions."""
        return await self._do(IMPORT_QUESTIONS, idempotency_key=idempotency_key, body=body)

    async def list_answer_groups(
        self, question: str, /, **query: Unpack[types.ListAnswerGroupsQuery]
    ) -> types.AnswerGroups:
        """Group similar answers that wait."""
        return await self._do(LIST_ANSWER_GROUPS, question, query=query)

    async def list_attempts(self, /, **query: Unpack[types.ListAttemptsQuery]) -> types.AttemptPage:
        """List attempts."""
        return await self._do(LIST_ATTEMPTS, query=query)

    def iter_attempts(
        self, /, **query: Unpack[types.ListAttemptsQuery]
    ) -> AsyncIterator[types.AttemptOut]:
        """Go through all pages of `list_attempts`; `limit` is how many a page has."""
        return self._all(self.list_attempts, query=query)

    async def list_audit_log(self, /, **query: Unpack[types.ListAuditLogQuery]) -> types.AuditPage:
        """List who did what, newest first."""
        return await self._do(LIST_AUDIT_LOG, query=query)

    def iter_audit_log(
        self, /, **query: Unpack[types.ListAuditLogQuery]
    ) -> AsyncIterator[types.AuditEntryOut]:
        """Go through all pages of `list_audit_log`; `limit` is how many a page has."""
        return self._all(self.list_audit_log, query=query)

    async def list_batches(self, /, **query: Unpack[types.ListBatchesQuery]) -> types.BatchPage:
        """List batches, newest first."""
        return await self._do(LIST_BATCHES, query=query)

    def iter_batches(
        self, /, **query: Unpack[types.ListBatchesQuery]
    ) -> AsyncIterator[types.BatchOut]:
        """Go through all pages of `list_batches`; `limit` is how many a page has."""
        return self._all(self.list_batches, query=query)

    async def list_deliveries(
        self, webhook: str, /, **query: Unpack[types.ListDeliveriesQuery]
    ) -> types.DeliveryPage:
        """List the messages to an endpoint with every try, newest first."""
        return await self._do(LIST_DELIVERIES, webhook, query=query)

    def iter_deliveries(
        self, webhook: str, /, **query: Unpack[types.ListDeliveriesQuery]
    ) -> AsyncIterator[types.DeliveryOut]:
        """Go through all pages of `list_deliveries`; `limit` is how many a page has."""
        return self._all(self.list_deliveries, webhook, query=query)

    async def list_keys(self) -> types.KeyList:
        """List API keys."""
        return await self._do(LIST_KEYS)

    async def list_question_versions(self, question: str, /) -> types.Versions:
        """List the versions of a question."""
        return await self._do(LIST_QUESTION_VERSIONS, question)

    async def list_questions(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> types.QuestionPage:
        """List questions."""
        return await self._do(LIST_QUESTIONS, query=query)

    def iter_questions(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> AsyncIterator[types.CandidateQuestion]:
        """Go through all pages of `list_questions`; `limit` is how many a page has."""
        return self._all(self.list_questions, query=query)

    async def list_questions_as_author(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> types.QuestionPage:
        """List questions."""
        return await self._do(LIST_QUESTIONS_AS_AUTHOR, query=query)

    def iter_questions_as_author(
        self, /, **query: Unpack[types.ListQuestionsQuery]
    ) -> AsyncIterator[types.AuthorQuestion]:
        """Go through all pages of `list_questions_as_author`; `limit` is how many a page has."""
        return self._all(self.list_questions_as_author, query=query)

    async def list_regrades(
        self, question: str, /, **query: Unpack[types.ListRegradesQuery]
    ) -> types.RegradePage:
        """List the regrades of a question, newest first."""
        return await self._do(LIST_REGRADES, question, query=query)

    def iter_regrades(
        self, question: str, /, **query: Unpack[types.ListRegradesQuery]
    ) -> AsyncIterator[types.RegradeOut]:
        """Go through all pages of `list_regrades`; `limit` is how many a page has."""
        return self._all(self.list_regrades, question, query=query)

    async def list_review_queue(
        self, /, **query: Unpack[types.ListReviewQueueQuery]
    ) -> types.QueuePage:
        """List what waits for a person."""
        return await self._do(LIST_REVIEW_QUEUE, query=query)

    def iter_review_queue(
        self, /, **query: Unpack[types.ListReviewQueueQuery]
    ) -> AsyncIterator[types.WaitingOut]:
        """Go through all pages of `list_review_queue`; `limit` is how many a page has."""
        return self._all(self.list_review_queue, query=query)

    async def list_sessions(self, /, **query: Unpack[types.ListSessionsQuery]) -> types.SessionPage:
        """List sessions by their last change."""
        return await self._do(LIST_SESSIONS, query=query)

    def iter_sessions(
        self, /, **query: Unpack[types.ListSessionsQuery]
    ) -> AsyncIterator[types.SessionOut]:
        """Go through all pages of `list_sessions`; `limit` is how many a page has."""
        return self._all(self.list_sessions, query=query)

    async def list_webhooks(
        self, /, **query: Unpack[types.ListWebhooksQuery]
    ) -> types.EndpointPage:
        """List endpoints, newest first."""
        return await self._do(LIST_WEBHOOKS, query=query)

    def iter_webhooks(
        self, /, **query: Unpack[types.ListWebhooksQuery]
    ) -> AsyncIterator[types.EndpointOut]:
        """Go through all pages of `list_webhooks`; `limit` is how many a page has."""
        return self._all(self.list_webhooks, query=query)

    async def live(self) -> types.Health:
        """Tell that the process answers."""
        return await self._do(LIVE)

    async def ping_webhook(
        self, webhook: str, /, *, idempotency_key: str | None = None
    ) -> types.DeliveryOut:
        """Send an endpoint the event `ping`, whatever its filter says."""
        return await self._do(PING_WEBHOOK, webhook, idempotency_key=idempotency_key)

    async def preview_import(self, /, **body: Unpack[types.PreviewIn]) -> types.PreviewOut:
        """Preview an import."""
        return await self._do(PREVIEW_IMPORT, body=body)

    async def publish_question(
        self, question: str, /, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> Tagged[types.AuthorQuestion]:
        """Publish a question's draft."""
        return await self._do(
            PUBLISH_QUESTION, question, if_match=if_match, idempotency_key=idempotency_key
        )

    async def random_question(
        self, /, **query: Unpack[types.RandomQuestionQuery]
    ) -> Tagged[types.CandidateQuestion]:
        """Get a random question."""
        return await self._do(RANDOM_QUESTION, query=query)

    async def ready(self) -> types.Health:
        """Tell whether the service can do its work."""
        return await self._do(READY)

    async def release_review(
        self, attempt: str, /, **query: Unpack[types.ReleaseReviewQuery]
    ) -> None:
        """Give a claimed attempt back."""
        return await self._do(RELEASE_REVIEW, attempt, query=query)

    async def replay_delivery(
        self, webhook: str, deliverie: str, /, *, idempotency_key: str | None = None
    ) -> types.DeliveryOut:
        """Send a message again, now, whatever became of it."""
        return await self._do(REPLAY_DELIVERY, webhook, deliverie, idempotency_key=idempotency_key)

    async def review_attempt(
        self, attempt: str, /, *, idempotency_key: str | None = None, **body: Unpack[types.ReviewIn]
    ) -> types.MadeReview:
        """Review an attempt."""
        return await self._do(REVIEW_ATTEMPT, attempt, idempotency_key=idempotency_key, body=body)

    async def review_group(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.GroupReviewIn],
    ) -> types.GroupReview:
        """Give one review to several answers."""
        return await self._do(REVIEW_GROUP, question, idempotency_key=idempotency_key, body=body)

    async def revoke_key(self, key: str, /) -> None:
        """Revoke an API key."""
        return await self._do(REVOKE_KEY, key)

    async def rotate_webhook_secret(
        self, webhook: str, /, *, idempotency_key: str | None = None
    ) -> types.MadeEndpoint:
        """Give an endpoint another secret."""
        return await self._do(ROTATE_WEBHOOK_SECRET, webhook, idempotency_key=idempotency_key)

    async def save_question(
        self, question: str, /, *, if_match: str, **body: Unpack[types.QuestionIn]
    ) -> Tagged[types.AuthorQuestion]:
        """Save a question's draft."""
        return await self._do(SAVE_QUESTION, question, if_match=if_match, body=body)

    async def save_webhook(
        self, webhook: str, /, **body: Unpack[types.ChangedEndpointIn]
    ) -> types.EndpointOut:
        """Change an endpoint: all of it, as given."""
        return await self._do(SAVE_WEBHOOK, webhook, body=body)

    async def submit_attempt(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.AttemptIn],
    ) -> types.MadeAttempt:
        """Submit an answer."""
        return await self._do(SUBMIT_ATTEMPT, question, idempotency_key=idempotency_key, body=body)


class AsyncCandidateMethods(AsyncSender):
    """What a candidate can call."""

    async def answer_question(
        self,
        question: str,
        /,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[types.SessionAnswerIn],
    ) -> types.GivenAnswer:
        """Answer a question of the session."""
        return await self._do(ANSWER_QUESTION, question, idempotency_key=idempotency_key, body=body)

    async def finish_sitting(self) -> types.Sitting:
        """Finish the session."""
        return await self._do(FINISH_SITTING)

    async def get_sitting(self) -> types.Sitting:
        """Get the session of this token."""
        return await self._do(GET_SITTING)

    async def start_sitting(self) -> types.Sitting:
        """Start the session."""
        return await self._do(START_SITTING)
