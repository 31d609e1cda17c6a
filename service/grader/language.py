"""Which of our languages a text is in, by script."""

from __future__ import annotations

import re

from service.domain import Language

# Unified ideographs with extension A, compatibility forms, and the supplementary planes.
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_HAN = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"[A-Za-z]+")


def detect(text: str) -> Language:
    """Chinese if it carries the sentence, else English.

    A Chinese answer on deep learning is full of English terms, so a Han character is weighed as
    most of a word rather than as one letter among many.
    """
    han = len(_HAN.findall(text))
    words = len(_LATIN_WORD.findall(text))
    return Language.ZH if han > words else Language.EN
