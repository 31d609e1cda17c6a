"""The catalogue of texts: whole in both languages, and nothing in it that nobody uses."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

from service.domain import Feedback, FlagCode, Language, SessionState, Verdict, WaitReason
from service.exchange import QueueOrder, QueueState
from service.seeding import read_question
from service.texts import TEXTS, topic_name

BUILT = {
    *(f"flag.{code}" for code in FlagCode),
    *(f"verdict.{verdict}" for verdict in Verdict),
    *(f"report.state.{state}" for state in SessionState),
    *(
        f"{about}.{part}"
        for about in ("missing", "bad", "away", "large")
        for part in ("title", "text")
    ),
    *(f"sitting.feedback.{rule}" for rule in Feedback),
    *(f"sitting.state.{state}" for state in ("finished", "expired", "cancelled")),
    *(
        f"stop.{about}.{part}"
        for about in (
            *("nobody", "over", "early", "used_up", "missing", "refused", "away", "large"),
        )
        for part in ("title", "text")
    ),
    *(f"review.reason.{reason}" for reason in WaitReason),
    *(f"review.state.{state}" for state in QueueState),
    *(f"review.order.{order}" for order in QueueOrder),
    *(f"review.{unit}" for unit in ("minutes", "hours", "days")),
    *(
        f"review.{about}.{part}"
        for about in ("missing", "bad", "away", "large")
        for part in ("title", "text")
    ),
}
"""Keys that are put together where they are used."""


def used(root: Path) -> Iterator[str]:
    for folder in ("service/pages", "service/api"):
        for path in (root / folder).rglob("*"):
            if path.suffix in (".html", ".py"):
                words = path.read_text("utf-8")
                yield from re.findall(r'\b(?:t|text|_say)\(\s*"([a-z_.]+)"\s*[,)]', words)


def test_every_text_is_there_in_both_languages() -> None:
    for key, texts in TEXTS.items():
        assert set(texts) == {"en", "zh"}, key
        assert all(each.strip() for each in texts.values()), key
        places = [
            {name for _, name, _, _ in string.Formatter().parse(each) if name}
            for each in texts.values()
        ]
        assert places[0] == places[1], key


def test_chinese_texts_are_chinese() -> None:
    same = {key for key, texts in TEXTS.items() if texts["en"] == texts["zh"]}

    assert same == {"site"}


def test_every_key_is_used_and_every_used_key_is_there(root: Path) -> None:
    assert set(used(root)) | BUILT == set(TEXTS)


def test_every_topic_of_the_bank_has_a_chinese_name(root: Path) -> None:
    topics = {read_question(path).topic for path in (root / "seed").glob("*.yaml")}

    assert topics
    for topic in topics:
        assert topic_name(topic, Language.ZH) != topic.replace("-", " "), topic
    assert topic_name("neural-networks", Language.EN) == "neural networks"
    assert topic_name("our-own", Language.ZH) == "our own"
