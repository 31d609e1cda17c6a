"""HTML as plain text by language, with a note on whatever plain text cannot hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from xml.etree.ElementTree import Element

from service.domain import Language
from service.grader.language import detect
from service.interchange.xml_text import escaped, local

# The library's parser of HTML looks back at everything again for each tag that is broken.
_TAG = re.compile(r"<!--|<[!?]|<(?P<slash>/?)(?P<name>[a-zA-Z][^\s/>]{0,40})")
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
# Python refuses to read numbers of thousands of digits, and no character has so many.
_LONG_REFERENCE = re.compile(r"&#(?=[0-9]{8})")
_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_BLOCKS = {
    *("div", "ul", "ol", "li", "table", "tr", "blockquote", "section", "article", "dl", "dt"),
    *("dd", "figure", "figcaption", "caption", "thead", "tbody", "hr"),
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6"}
_FORMATS = {"b", "strong", "i", "em", "u", "s", "code", "mark", "font", *_PARAGRAPHS} - {"p"}
_VOID = {"br", "img", "hr", "input", "source", "track", "wbr", "col", "embed", "param", "area"}
_MEDIA = {"video", "audio", "iframe", "object", "embed", "svg", "canvas"}
_SILENT = {"script", "style", "head", "template"}
_MARKS = {"sup": "^", "sub": "_"}

IMAGE = "An image was left out."
LINK = "The address of a link was left out."
FORMAT = "Formatting was left out."
TABLE = "A table was made into lines."
MEDIA = "Media other than text was left out."
SCRIPTS = "Superscripts and subscripts were written with ^ and _."


@dataclass(frozen=True, kw_only=True)
class Flat:
    """What is left of HTML."""

    texts: Mapping[Language, str]
    """By language where the HTML names them, else one text in the language it seems to be in;
    empty where there is no text."""
    tagged: bool
    """Whether the HTML named the languages."""
    preformatted: tuple[str, ...] = ()
    """The text of each ``<pre>``, untouched."""
    notes: tuple[str, ...] = ()

    @property
    def plain(self) -> dict[str, str]:
        """The texts as `content_from_dict` takes them."""
        return {language.value: text for language, text in self.texts.items()}

    @property
    def lines(self) -> list[str]:
        """The lines of all texts that are not blank."""
        return [line for text in self.texts.values() for line in text.splitlines() if line.strip()]


class _Text:
    """Plain text that grows piece by piece, without a blank too many."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._breaks = 0
        self._blank = False

    def say(self, text: str) -> None:
        collapsed = _BLANKS.sub(" ", text)
        words = collapsed.strip(" ")
        self._blank = self._blank or collapsed.startswith(" ")
        if words:
            self.keep(words)
            self._blank = collapsed.endswith(" ")

    def keep(self, text: str) -> None:
        if self._pieces:
            self._pieces.append("\n" * self._breaks if self._breaks else " " * self._blank)
        self._pieces.append(text)
        self._breaks, self._blank = 0, False

    def end_line(self, count: int) -> None:
        """See to it that at least so many line ends stand here."""
        self._breaks = max(self._breaks, count)

    def break_line(self) -> None:
        self._breaks = min(self._breaks + 1, 2)

    def done(self) -> str:
        return "".join(self._pieces).strip("\n ")


class Flattener:
    """Takes HTML as text (`feed`) or as elements (`walk`) and makes plain text of it.

    Languages are named as Moodle's multi-language filter does: ``<span lang="en"
    class="multilang">``. Text outside of such elements belongs to every language.
    """

    def __init__(self) -> None:
        self._all = _Text()
        self._by_language = {language: _Text() for language in Language}
        self._seen: list[Language] = []
        self._open: list[tuple[str, str | None]] = []
        self._names: Counter[str] = Counter()
        self._pre: list[str] = []
        self._in_pre = 0
        self._silent = 0
        self._notes: dict[str, None] = {}

    def result(self) -> Flat:
        """What was taken in so far."""
        if self._seen:
            said = {each: self._by_language[each].done() for each in self._seen}
        else:
            text = self._all.done()
            said = {detect(text): text}
        return Flat(
            texts={language: text for language, text in said.items() if text},
            tagged=bool(self._seen),
            preformatted=tuple(self._pre),
            notes=tuple(self._notes),
        )

    def walk(self, element: Element) -> None:
        """Take in the inside of an element."""
        self.data(element.text or "")
        for child in element:
            self.start(
                local(child), {name.rpartition("}")[2]: value for name, value in child.items()}
            )
            self.walk(child)
            if local(child) not in _VOID:
                self.end(local(child))
            self.data(child.tail or "")

    def end_line(self) -> None:
        """What comes next begins a line."""
        for text in self._texts():
            text.end_line(1)

    def feed(self, html: str) -> None:
        """Take in HTML as text. One pass, however broken it is: a tag ends at the next ``>``."""
        at = 0
        while at < len(html):
            tag = _TAG.match(html, at)
            if tag is None:
                end = html.find("<", at + 1)
                end = len(html) if end < 0 else end
                self.data(unescape(_LONG_REFERENCE.sub("&amp;#", html[at:end])))
            else:
                closing = "-->" if tag[0] == "<!--" else ">"
                end = html.find(closing, tag.end())
                if end < 0:
                    return
                self._tag(tag, html[tag.end() : end])
                end += len(closing)
            at = end

    def _tag(self, tag: re.Match[str], rest: str) -> None:
        name = (tag["name"] or "").lower()
        if not name:
            return
        if tag["slash"]:
            self.end(name)
        else:
            found = ((each[1].lower(), each[2] or "") for each in _ATTRIBUTE.finditer(rest))
            self.start(name, {key: unescape(value.strip("\"'")) for key, value in found})

    def start(self, tag: str, found: Mapping[str, str]) -> None:
        """An element begins."""
        self._note(tag)
        if tag in _SILENT:
            self._silent += 1
        if tag not in _VOID:
            self._open.append((tag, self._language(found) or self._code()))
            self._names[tag] += 1
        if tag == "br":
            for text in self._texts():
                text.break_line()
        elif tag == "img" and found.get("alt", "").strip():
            self.data(f"[{found['alt']}]")
        elif tag == "pre":
            self._in_pre += 1
            self._pre.append("")
        elif tag in _MARKS:
            self.data(_MARKS[tag])
        elif tag in ("td", "th"):
            self.data(" ")
        self._line_end(tag)
        if tag == "li":
            self.data("- ")

    def end(self, tag: str) -> None:
        """An element ends, and with it those in it that are still open."""
        if not self._names[tag]:
            return
        self._line_end(tag)
        while True:
            name, _ = self._open.pop()
            self._names[name] -= 1
            self._silent -= name in _SILENT
            self._in_pre -= name == "pre"
            if name == tag:
                return

    def data(self, data: str) -> None:
        """Text."""
        if self._silent:
            return
        if self._in_pre:
            self._pre[-1] += data
        for text in self._texts():
            if self._in_pre:
                text.keep(data)
            else:
                text.say(data)

    def _line_end(self, tag: str) -> None:
        count = 2 if tag in _PARAGRAPHS else 1 if tag in _BLOCKS or tag == "pre" else 0
        for text in self._texts() if count else ():
            text.end_line(count)

    def _texts(self) -> list[_Text]:
        """Where what comes now belongs."""
        code = self._code()
        if code is None:
            return [self._all, *self._by_language.values()]
        language = next((each for each in Language if code.startswith(each.value)), None)
        if language is None:
            self._notes[f"The text in the language {code!r} was left out."] = None
            return []
        if language not in self._seen:
            self._seen.append(language)
        return [self._by_language[language]]

    def _code(self) -> str | None:
        return self._open[-1][1] if self._open else None

    def _language(self, attributes: Mapping[str, str]) -> str | None:
        if "multilang" not in attributes.get("class", "").split():
            return None
        return attributes.get("lang", "").lower() or None

    def _note(self, tag: str) -> None:
        for said, tags in (
            (IMAGE, {"img"}),
            (LINK, {"a"}),
            (FORMAT, _FORMATS),
            (TABLE, {"table"}),
            (MEDIA, _MEDIA),
            (SCRIPTS, set(_MARKS)),
        ):
            if tag in tags:
                self._notes[said] = None


def flat_html(html: str) -> Flat:
    """The text of HTML."""
    flattener = Flattener()
    flattener.feed(html)
    return flattener.result()


def flat_text(text: str, form: str) -> Flat:
    """The text of a field in one of Moodle's text formats."""
    if form in ("html", ""):
        return flat_html(text)
    if form in ("moodle_auto_format", "moodle"):
        return flat_html(text.strip().replace("\r\n", "\n").replace("\n", "<br>"))
    notes = ("Markdown was left as it is.",) if form == "markdown" else ()
    text = text.strip()
    return Flat(texts={detect(text): text} if text else {}, tagged=False, notes=notes)


def multilingual(
    texts: Mapping[Language, str], tag: str, attribute: str, codes: Mapping[Language, str]
) -> str:
    """Texts as HTML from which a `Flattener` reads the languages again.

    `attribute` holds the code of each language.
    """
    return "\n".join(
        f'<{tag} {attribute}="{codes[language]}" class="multilang">{_as_html(text)}</{tag}>'
        for language, text in texts.items()
    )


def _as_html(text: str) -> str:
    return escaped(text).replace("\n", "<br/>")
