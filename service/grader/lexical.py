"""What the words themselves say, where sentence vectors are weak: terms, polarity, numbers.

Embeddings put "must be linear" beside "must be non-linear". Counting negations on both sides does
not understand the sentences either, but it sees exactly that difference.
"""

from __future__ import annotations

import itertools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:\.\d+)?|[\u3400-\u9fff\uf900-\ufaff]+")

_LEXICON = tomllib.loads((Path(__file__).parent / "lexicon.toml").read_text("utf-8"))


def _any_of(key: str) -> re.Pattern[str]:
    """Every expression of both languages under this key."""
    return re.compile("|".join(_LEXICON["en"][key] + _LEXICON["zh"][key]))


def _opposites(pairs: Iterable[str]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in pairs:
        left, right = pair.split()
        found.setdefault(left, set()).add(right)
        found.setdefault(right, set()).add(left)
    return {word: frozenset(others) for word, others in found.items()}


_STOP = frozenset(_LEXICON["en"]["stop"].split())
_ZH_STOP = frozenset(_LEXICON["zh"]["stop"])
_FILLER = frozenset(_LEXICON["en"]["filler"].split())
_ZH_FILLER = re.compile("|".join(_LEXICON["zh"]["filler"]))
_AUXILIARY = frozenset(_LEXICON["en"]["auxiliary"].split())
_NEGATION = _any_of("negations")
_NOT_NEGATION = _any_of("not_negations")
_OPPOSITE = _opposites(_LEXICON["en"]["opposites"] + _LEXICON["zh"]["opposites"])
_OPPOSABLE = re.compile(
    "|".join(
        rf"\b{word}\b" if word.isascii() else word
        for word in sorted(_OPPOSITE, key=len, reverse=True)
    )
)

_CLAUSE = re.compile(
    r"[,，;；。.!?！？:：]\s*|\bbut\b|\bhowever\b|\balthough\b|\bwhile\b|但是?|然而|虽然|而是"
)


# The share of the smaller clause's terms from which two clauses are about the same thing.
OPPOSED_OVERLAP = 1 / 3


@dataclass(frozen=True)
class Clause:
    """A clause of a text."""

    text: str
    terms: frozenset[str]
    words: frozenset[str]
    """Stems of all words and Han characters, function words included, less what negates."""
    negations: int
    """How many negating words it holds; "not only" and its like do not count."""
    opposable: frozenset[str]
    """Its words that have an opposite, the longest reading of each."""

    @classmethod
    def of(cls, text: str) -> Clause:
        """The clause of a case-folded text. Reading it once is what makes comparing quick."""
        return cls(
            text=text,
            terms=terms(text),
            words=_words(text),
            negations=negations(text),
            opposable=frozenset(_OPPOSABLE.findall(text)),
        )

    def denies(self, other: Clause) -> bool:
        """Whether the one denies the other, if they are about the same thing.

        It does where an odd number of negations and of swapped opposites stands between the two.
        """
        swapped = sum(
            1
            for word in self.opposable - other.opposable
            if any(w in other.opposable and w not in self.opposable for w in _OPPOSITE[word])
        )
        return (self.negations + other.negations + swapped) % 2 == 1


@dataclass(frozen=True)
class Profile:
    """What one text looks like to the lexical signals."""

    terms: frozenset[str]
    """Stems of content words; pairs of neighbouring Han characters."""
    numbers: frozenset[str]
    clauses: tuple[Clause, ...]


def _stem(word: str) -> str:
    """Word without its commonest endings; crude on purpose, both sides get the same treatment."""
    word = word.removesuffix("'s")
    for ending in (
        "ations",
        "ation",
        "ities",
        "ity",
        "ings",
        "ing",
        "edly",
        "ies",
        "ed",
        "es",
        "ly",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def tokens(text: str) -> list[str]:
    """Words, numbers and single Han characters in order, function words included."""
    found: list[str] = []
    for token in _TOKEN.findall(text.casefold()):
        found += list(token) if "\u3400" <= token[0] <= "\ufaff" else [token]
    return found


def terms(text: str) -> frozenset[str]:
    """Content terms of a normalised text."""
    found: set[str] = set()
    for token in _TOKEN.findall(text.casefold()):
        if "\u3400" <= token[0] <= "\ufaff":
            content = [
                a + b for a, b in itertools.pairwise(token) if not (a in _ZH_STOP and b in _ZH_STOP)
            ]
            alone = len(token) == 1 and token not in _ZH_STOP
            found.update([token] if alone else content)
        elif token not in _STOP:
            found.add(_stem(token))
    return frozenset(found)


def is_filler(text: str) -> bool:
    """Whether a normalised text holds nothing but small talk and function words."""
    folded = text.casefold()
    if any(character.isalnum() for character in _TOKEN.sub("", folded)):
        # Letters of other scripts, which the lexicon does not know.
        return False
    small = _FILLER | _STOP | _ZH_STOP
    return all(token in small for token in tokens(_ZH_FILLER.sub("", folded)))


def _words(clause: str) -> frozenset[str]:
    """What two clauses share if one denies the other: "adds" and "does not add" are one word."""
    return frozenset(
        _stem(token)
        for token in tokens(clause)
        if token not in _AUXILIARY and not _NEGATION.fullmatch(token)
    )


@lru_cache(maxsize=8192)
def profile(text: str) -> Profile:
    """Lexical profile of a normalised text; cached, because question texts come back each time."""
    clauses = [part for part in _CLAUSE.split(text.casefold()) if part and part.strip()]
    return Profile(
        terms=terms(text),
        numbers=frozenset(re.findall(r"\d+(?:\.\d+)?", text)),
        clauses=tuple(map(Clause.of, clauses)),
    )


def recall(point: Profile, window: Profile) -> float:
    """Share of the point's terms that the window holds, 0 to 1."""
    return len(point.terms & window.terms) / len(point.terms) if point.terms else 0.0


def precision(point: Profile, window: Profile) -> float:
    """Share of the window's terms that the point holds, 0 to 1."""
    return len(point.terms & window.terms) / len(window.terms) if window.terms else 0.0


def negations(text: str) -> int:
    """How many negating words a case-folded text holds; "not only" and its like do not count."""
    return len(_NEGATION.findall(_NOT_NEGATION.sub(" ", text)))


@dataclass(frozen=True)
class Polarity:
    """Whether two texts are on the same side of a statement."""

    accord: float
    """0 to 1: they share terms and have the same polarity."""
    denial: float
    """0 to 1: they are nearly word for word the same, except that one denies it."""


def polarity(point: Profile, window: Profile) -> Polarity:
    """Compare each clause of the point with the clause of the window that shares most terms.

    That one denies the other is only sure where little else differs: in a clause that has other
    words too, a "not" may belong to any of them. So a denial counts by how far the two clauses
    consist of the same words, from half of them upwards, and one denied clause denies the point.
    """
    accord = denial = 0.0
    for clause in point.clauses:
        overlap, found = _closest_clause(clause, window)
        if found is None:
            continue
        if clause.denies(found):
            same = len(clause.words & found.words) / max(len(clause.words), len(found.words))
            denial = max(denial, 2.0 * same - 1.0)
        else:
            accord = max(accord, overlap)
    return Polarity(accord=0.0 if denial > 0.0 else accord, denial=denial)


def sides(statement: Profile, window: Profile) -> tuple[float, float]:
    """How like the clauses of the two are, at best, where they deny and where they agree, 0 to 1.

    Likeness is the share of words, of the longer clause. Clauses with fewer than two terms in
    common are about different things.
    """
    denying = agreeing = 0.0
    for clause in statement.clauses:
        for other in window.clauses:
            if len(clause.terms & other.terms) < 2:
                continue
            like = len(clause.words & other.words) / max(len(clause.words), len(other.words))
            if clause.denies(other):
                denying = max(denying, like)
            else:
                agreeing = max(agreeing, like)
    return denying, agreeing


def opposed(statement: Profile, window: Profile) -> bool:
    """Whether what they share is affirmed by the one and denied by the other.

    Looser than `polarity`: the clauses need not be alike otherwise. Too loose to take credit away,
    it is enough not to call a sentence a misconception.
    """
    for clause in statement.clauses:
        overlap, found = _closest_clause(clause, window)
        if found is not None and overlap >= OPPOSED_OVERLAP and clause.denies(found):
            return True
    return False


def _closest_clause(clause: Clause, window: Profile) -> tuple[float, Clause | None]:
    """The clause of the window that shares most terms, and how many of the smaller one's."""
    best: tuple[float, Clause | None] = (0.0, None)
    for other in window.clauses:
        shared = len(clause.terms & other.terms)
        if shared:
            overlap = shared / min(len(clause.terms), len(other.terms)) * min(1.0, shared / 2)
            if overlap > best[0]:
                best = (overlap, other)
    return best


def numbers_missing(point: Profile, window: Profile) -> float:
    """Share of the point's numbers that the window does not hold; 0 without numbers."""
    return len(point.numbers - window.numbers) / len(point.numbers) if point.numbers else 0.0


def uses_any(text: str, wanted: tuple[str, ...]) -> bool:
    """Whether a normalised text holds one of these terms."""
    return bool(_term_pattern(wanted).search(text.casefold()))


@lru_cache(maxsize=2048)
def _term_pattern(wanted: tuple[str, ...]) -> re.Pattern[str]:
    """Latin terms as whole words, because LeNet stands inside GoogLeNet; Han terms anywhere."""
    plain = (" ".join(unicodedata.normalize("NFKC", term).casefold().split()) for term in wanted)
    return re.compile(
        "|".join(
            rf"(?<![a-z0-9]){re.escape(t)}(?![a-z0-9])" if t.isascii() else re.escape(t)
            for t in plain
        )
    )
