"""GIFT, Moodle's plain-text form: essay questions, ``::title:: text {}``.

A comment of a question may hold ``[id:…]`` and ``[tag:…]``. GIFT has no text for graders, so the
points are made of the general feedback, ``{#### …}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.interchange.guidance import Native, from_lines
from service.interchange.items import Imported, bounded, decoded
from service.interchange.markup import Flat, flat_text
from service.interchange.moodle import topic_of
from service.interchange.slugs import is_slug

_CATEGORY = "$CATEGORY:"
_IN_COMMENT = re.compile(r"\[(id|tag):((?:\\.|[^\]\\])*)\]")
# One escaped character, or one that means something, or what is between them.
_TOKEN = re.compile(r"\\[\\~=#{}:n]|::|[{}]|[^\\{}:]+|.", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\~=#{}:n])")
_FORM = re.compile(r"\s*\[(html|moodle|plain|markdown)\]")
_FEEDBACK = "####"


def parse(data: bytes) -> list[Imported]:
    """The questions of a file.

    Raises:
        InvalidInput: not UTF-8, or no question in it.
    """
    found: list[Imported] = []
    topic: str | None = None
    for block in _blocks(decoded(data)):
        rest = []
        for line in block:
            if line.startswith(_CATEGORY):
                topic = topic_of(line.removeprefix(_CATEGORY).strip())
            else:
                rest.append(line)
        said = [line for line in rest if not line.lstrip().startswith("//")]
        if any(line.strip() for line in said):
            comments = "\n".join(line for line in rest if line.lstrip().startswith("//"))
            found.append(_imported("\n".join(said), comments, topic))
    return bounded(found)


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines between blank ones."""
    block: list[str] = []
    for line in text.splitlines():
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _imported(text: str, comments: str, topic: str | None) -> Imported:
    title, before, answer, after = _parts(text)
    title = _unescaped(title).strip()
    reason = _reason_to_skip(answer)
    if reason is not None:
        return Imported(title=title or _unescaped(before).strip()[:100], skipped=reason)
    prompt, form = _formed(before + after, "moodle")
    told, _ = _formed((answer or "").strip().removeprefix(_FEEDBACK), form)
    found = [(kind, re.sub(r"\\(.)", r"\1", said)) for kind, said in _IN_COMMENT.findall(comments)]
    name = next((said.strip() for kind, said in found if kind == "id"), "")
    native = Native(
        title=title,
        slug=name if is_slug(name) else None,
        prompt=prompt.plain,
        topic=topic,
        tags=tuple(dict.fromkeys(said.strip() for kind, said in found if kind == "tag")),
    )
    notes = list(dict.fromkeys((*prompt.notes, *told.notes)))
    return from_lines(native, told.lines, "general feedback", notes)


def _formed(text: str, form: str) -> tuple[Flat, str]:
    """A text and the name of its form, which may stand before it in brackets."""
    found = _FORM.match(text)
    if found is not None:
        text, form = text[found.end() :], found[1]
    # What says it is HTML and has no tag was typed as lines.
    return flat_text(_unescaped(text), form if "<" in text else "plain"), form


def _parts(text: str) -> tuple[str, str, str | None, str]:
    """Title, text before the answer, the answer (None: there are no braces), text after it."""
    tokens = _TOKEN.findall(text.strip())
    title = ""
    if tokens and tokens[0] == "::" and "::" in tokens[1:]:
        end = tokens.index("::", 1)
        title, tokens = "".join(tokens[1:end]), tokens[end + 1 :]
    if "{" not in tokens:
        return title, "".join(tokens), None, ""
    begin = tokens.index("{")
    end = len(tokens) - tokens[::-1].index("}") - 1 if "}" in tokens[begin:] else len(tokens)
    return (
        title,
        "".join(tokens[:begin]),
        "".join(tokens[begin + 1 : end]),
        "".join(tokens[end + 1 :]),
    )


def _reason_to_skip(answer: str | None) -> str | None:
    if answer is None:
        return "it asks for no answer: a description"
    inside = answer.strip()
    if not inside or inside.startswith(_FEEDBACK):
        return None
    if re.fullmatch(r"(?:T|F|TRUE|FALSE)(?:#.*)?", inside, re.DOTALL):
        return "it is a true/false question; only essays have points"
    if inside.startswith("#"):
        return "it is a numerical question; only essays have points"
    return "it is a question with given answers; only essays have points"


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
