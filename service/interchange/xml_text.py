"""XML that comes from anywhere, read without doing what it says, and text written as XML.

A document type is where entities are declared: those that double themselves into gigabytes, and
those that fetch files. No format here needs one, so it is refused as soon as it begins.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from service.interchange.items import unreadable

_MOST_DEPTH = 100
# What XML 1.0 can hold in no way, not even as a character reference.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
_TO_ESCAPE = re.compile(r'[&<>"\r]')


class _Refused(Exception):
    """The document asks for something that is not done."""


class _Builder:
    """Makes a tree of expat's events; names are ``{namespace}name`` as in ElementTree."""

    def __init__(self) -> None:
        self._tree = TreeBuilder()
        self._depth = 0
        # The encoding is given: what the document declares is of no account.
        parser = expat.ParserCreate("utf-8", "}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._tree.data
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def built(self, data: bytes) -> Element:
        self._parser.Parse(data, True)
        return self._tree.close()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise _Refused(f"is nested deeper than {_MOST_DEPTH} levels")
        named = {_name(key): value for key, value in attributes.items()}
        self._tree.start(_name(name), named)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._tree.end(_name(name))

    def _doctype(self, *_: object) -> None:
        raise _Refused("has a document type (<!DOCTYPE …>), which is not read; take it out")


def _name(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def read_xml(text: str) -> Element:
    """The root element.

    Raises:
        InvalidInput: not well-formed, nested too deeply, or with a document type.
    """
    try:
        return _Builder().built(text.encode())
    except _Refused as fault:
        raise unreadable(str(fault)) from fault
    except expat.ExpatError as fault:
        raise unreadable(f"is not well-formed XML: {fault}") from fault


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def escaped(text: str) -> str:
    """Text for an element or an attribute in double quotes.

    Characters that XML does not have become U+FFFD.
    """
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], _FORBIDDEN.sub("\ufffd", text))
