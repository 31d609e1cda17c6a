"""Writes the generated part of clients/python from the OpenAPI document: types and methods.

    python tools/generate_client.py

Every operation gets a method, named after its `operationId`, with its path's parameters in order,
its query string and body as keyword arguments, and what it returns. What has none is in `LEFT_OUT`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "clients" / "python" / "pointmark_client"

LEFT_OUT: Mapping[str, str] = {}
"""Operations without a method, and why."""
LEFT_OUT_HEADERS: Mapping[tuple[str, str], str] = {
    ("listQuestions", "If-None-Match"): "pages are read once; a question has its own ETag",
}
"""Headers of an operation that its method does not take, and why."""

JSON = "application/json"
_HEADERS = {
    "Idempotency-Key": "idempotency_key",
    "If-Match": "if_match",
    "If-None-Match": "if_none_match",
}
_NAMES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_NOTE = '"""Made from the OpenAPI document by tools/generate_client.py: edit that, not this."""\n'

Schema = Mapping[str, Any]


class CannotGenerate(Exception):
    """The document has something that this script does not know; the message says what."""


def main() -> None:
    """Write the files."""
    for path, text in generated(served_document()).items():
        path.write_text(text, encoding="utf-8")


def served_document() -> dict[str, Any]:
    """The document, as the service gives it with its default settings; needs no database."""
    from service.app import create_app
    from service.config import Settings

    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    document: dict[str, Any] = app.test_client().get("/openapi.json").get_json()
    return document


def generated(document: Mapping[str, Any]) -> dict[Path, str]:
    """The files and what belongs in them.

    Raises:
        CannotGenerate: the document has something that this script does not know.
    """
    types = Types(document["components"]["schemas"], list(_bodies(document)))
    operations = [
        OperationWriter(method.upper(), path, operation, types)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in LEFT_OUT
    ]
    operations.sort(key=lambda each: each.name)
    return {
        PACKAGE / "types.py": _formatted(types_module(types, operations)),
        PACKAGE / "_methods.py": _formatted(methods_module(operations)),
    }


def _bodies(document: Mapping[str, Any]) -> Iterator[Any]:
    for methods in document["paths"].values():
        for operation in methods.values():
            yield operation.get("requestBody")


def _formatted(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--config", ROOT / "pyproject.toml", "-"],
        input=text,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def _documented(text: str, indent: str) -> str:
    """A docstring whose lines fit."""
    paragraphs = [
        textwrap.fill(" ".join(part.split()), 98 - len(indent), break_long_words=False)
        for part in text.split("\n\n")
    ]
    joined = "\n\n".join(paragraphs)
    if len(paragraphs) > 1 or "\n" in joined:
        joined += "\n"
    return textwrap.indent(f'"""{joined}"""', indent)


# Types -------------------------------------------------------------------------------------------


class Types:
    """Says the shapes of the document in Python."""

    def __init__(self, schemas: Mapping[str, Schema], bodies: list[Any]) -> None:
        self.schemas = schemas
        self.sent = self._reached(bodies)
        """Names of the shapes that requests are made of."""

    def _reached(self, bodies: list[Any]) -> set[str]:
        found: set[str] = set()
        waiting = _references(bodies)
        while waiting:
            found |= waiting
            waiting = _references([self.schemas[name] for name in waiting]) - found
        return found

    def said(self, schema: Schema, *, prefix: str = "", sent: bool = False) -> str:
        """An annotation; `prefix` stands before names of shapes, `sent` is for requests."""

        def say(inner: Schema) -> str:
            return self.said(inner, prefix=prefix, sent=sent)

        if "$ref" in schema:
            return self._referred(schema["$ref"].rpartition("/")[2], prefix)
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "enum" in schema:
            return f"Literal[{', '.join(map(repr, schema['enum']))}]"
        if options := schema.get("anyOf", schema.get("oneOf")):
            return " | ".join(dict.fromkeys(map(say, options)))
        kind = schema.get("type")
        if kind == "array":
            return f"list[{say(schema['items'])}]"
        if kind == "object":
            inner = schema.get("additionalProperties", True)
            return f"dict[str, {say(inner) if isinstance(inner, Mapping) and inner else 'Any'}]"
        if kind == "string" and schema.get("format") == "date-time" and sent:
            return "str | datetime"
        if kind is None and not set(schema) - {"title", "description", "default", "examples"}:
            return "Any"
        if kind not in _NAMES:
            raise CannotGenerate(f"the schema {dict(schema)} is of no kind known here")
        return _NAMES[kind]

    def _referred(self, name: str, prefix: str) -> str:
        schema = self.schemas[name]
        return prefix + name if "properties" in schema else self.said(schema, prefix=prefix)

    def written(self, name: str) -> str:
        """The class of a shape."""
        schema = self.schemas[name]
        return self.typed_dict(
            name,
            schema.get("description", ""),
            schema["properties"],
            set(schema.get("required", ())),
            sent=name in self.sent,
        )

    def typed_dict(
        self, name: str, text: str, fields: Mapping[str, Schema], required: set[str], *, sent: bool
    ) -> str:
        """A class with these fields."""
        lines = [f"class {name}(TypedDict):"]
        lines += [_documented(text, "    "), ""] if text else []
        for field, schema in fields.items():
            if not field.isidentifier():
                raise CannotGenerate(f"{name}.{field} is no name in Python")
            kind = self.said(schema, sent=sent)
            lines.append(f"    {field}: {kind if field in required else f'NotRequired[{kind}]'}")
        return "\n".join(lines)


def _references(tree: Any) -> set[str]:
    return set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(tree)))


def types_module(types: Types, operations: list[OperationWriter]) -> str:
    """The text of `types.py`."""
    # Problems are exceptions, see `errors.py`.
    shapes = [
        types.written(name)
        for name, schema in types.schemas.items()
        if "properties" in schema and not name.startswith("Problem")
    ]
    queries = [text for text in (each.query_class() for each in operations) if text]
    imports = (
        "from __future__ import annotations\n\n"
        "from datetime import datetime\n"
        "from typing import Any, Literal, NotRequired, TypedDict\n"
    )
    return "\n\n\n".join([_NOTE + "\n" + imports, *shapes, *queries]) + "\n"


# Methods -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """A method of an operation; where authors are shown another shape, there are two."""

    suffix: str
    result: str
    item: str
    fixed: Mapping[str, str]


class OperationWriter:
    """Writes what one operation comes to."""

    def __init__(self, method: str, path: str, operation: Mapping[str, Any], types: Types) -> None:
        self.method, self.path, self.operation, self.types = method, path, operation, types
        self.id: str = operation["operationId"]
        self.name = re.sub(r"(?<!^)(?=[A-Z])", "_", self.id).lower()
        self.descriptor = self.name.upper()
        self.for_candidates = "SessionToken" in str(operation.get("security"))
        self.query = {
            each["name"]: each for each in operation["parameters"] if each["in"] == "query"
        }
        self.headers = [
            each["name"]
            for each in operation["parameters"]
            if each["in"] == "header" and (self.id, each["name"]) not in LEFT_OUT_HEADERS
        ]
        for header in self.headers:
            if header not in _HEADERS:
                raise CannotGenerate(f"{self.id} takes the header {header}, unknown here")
        self.result = self._result()

    def _result(self) -> Schema | None:
        """The shape of a success; None where there is never a body."""
        for response in self._successes().values():
            for media, content in response.get("content", {}).items():
                return content["schema"] if media == JSON else {"type": "bytes"}
        return None

    def _successes(self) -> dict[str, Any]:
        return {s: r for s, r in self.operation["responses"].items() if s.startswith("2")}

    # The shapes

    @property
    def _page(self) -> Schema | None:
        """The shape of a page, if this is a list."""
        name = str((self.result or {}).get("$ref")).rpartition("/")[2]
        found = self.types.schemas.get(name, {})
        return found if {"data", "has_more"} <= set(found.get("properties", {})) else None

    @property
    def tagged(self) -> bool:
        """Whether the ETag is handed on."""
        return self._page is None and any(
            "ETag" in r["headers"] for r in self._successes().values()
        )

    def variants(self) -> list[Variant]:
        """The methods of this operation."""
        if self.result is None:
            return [Variant("", "None", "", {})]
        if self.result == {"type": "bytes"}:
            return [Variant("", "bytes", "", {})]
        said = self.types.said(self.result, prefix="types.")
        if "204" in self._successes():
            said += " | None"
        items = [""]
        if self._page is not None:
            data = self.types.said(self._page["properties"]["data"], prefix="types.")
            items = [part.removeprefix("list[").removesuffix("]") for part in data.split(" | ")]
        if "view" not in self.query:
            return [Variant("", said, " | ".join(items), {})]
        # What a candidate sees comes first in both unions, of pages and of single questions.
        results = said.split(" | ") if self._page is None else [said, said]
        items = items if self._page is not None else ["", ""]
        return [
            Variant("", results[0], items[0], {}),
            Variant("_as_author", results[1], items[1], {"view": "author"}),
        ]

    def returned(self, variant: Variant) -> str:
        return f"Tagged[{variant.result}]" if self.tagged else variant.result

    def query_class(self) -> str | None:
        """The shape of the query string."""
        fields = {name: each["schema"] for name, each in self.query.items() if name != "view"}
        if not fields:
            return None
        required = {name for name, each in self.query.items() if each.get("required")}
        text = f"Query of `{self.name}`."
        return self.types.typed_dict(self._query_name, text, fields, required, sent=True)

    @property
    def _query_name(self) -> str:
        return f"{self.id[0].upper()}{self.id[1:]}Query"

    # The text

    def descriptors(self) -> str:
        """The operation as a value, shared by the methods, one for each variant."""
        written = []
        for variant in self.variants():
            facts = [f"{self.method!r}", f"{self.path!r}"]
            facts += [f"fixed={dict(variant.fixed)!r}"] if variant.fixed else []
            facts += ["keyed=True"] if "Idempotency-Key" in self.headers else []
            facts += ["tagged=True"] if self.tagged else []
            facts += ["binary=True"] if variant.result == "bytes" else []
            kind = f"Operation[{self.returned(variant)}]"
            name = f"{self.descriptor}{variant.suffix.upper()}"
            written.append(f"{name} = {kind}({', '.join(facts)})")
        return "\n".join(written)

    def methods(self, *, is_async: bool) -> str:
        """The methods, and those that go through all pages."""
        written = []
        for variant in self.variants():
            written.append(self._method(variant, is_async=is_async))
            if variant.item and "cursor" in self.query:
                written.append(self._iterator(variant, is_async=is_async))
        return "\n\n".join(written)

    def _method(self, variant: Variant, *, is_async: bool) -> str:
        start, wait = ("async def", "await ") if is_async else ("def", "")
        text = self.operation["summary"] if is_async else self._text(variant)
        arguments, passed = self._arguments()
        name = f"{self.name}{variant.suffix}"
        call = ", ".join([f"{self.descriptor}{variant.suffix.upper()}", *passed])
        return (
            f"    {start} {name}({', '.join(arguments)}) -> {self.returned(variant)}:\n"
            f"{_documented(text, ' ' * 8)}\n"
            f"        return {wait}self._do({call})"
        )

    def _iterator(self, variant: Variant, *, is_async: bool) -> str:
        kind = "AsyncIterator" if is_async else "Iterator"
        arguments, passed = self._arguments()
        name = f"{self.name}{variant.suffix}"
        call = ", ".join([f"self.{name}", *passed])
        return (
            f"    def {name.replace('list_', 'iter_', 1)}({', '.join(arguments)})"
            f" -> {kind}[{variant.item}]:\n"
            f'        """Go through all pages of `{name}`; `limit` is how many a page has."""\n'
            f"        return self._all({call})"
        )

    def _text(self, variant: Variant) -> str:
        parts = (self.operation["summary"], self.operation.get("description"))
        text = "\n\n".join(part for part in parts if part)
        (schemes,) = self.operation.get("security", [{}])
        if variant.fixed:
            text += "\n\nShows what authors see."
        elif "ApiKey" in schemes:
            text += f"\n\nNeeds the scope `{schemes['ApiKey'][0]}`."
        return text

    def _arguments(self) -> tuple[list[str], list[str]]:
        """Parameters of the method, and what it passes on."""
        names = [_argument(self.path, name) for name in re.findall(r"{(\w+)}", self.path)]
        given = ["self", *(f"{name}: {kind}" for name, kind in names)]
        passed = [name for name, _ in names]
        body, body_class = self._body()
        given += [f"content: {body}"] if body and not body_class else []
        keywords = [self._header(header) for header in self.headers]
        keywords += ["media_type: str"] if body == "bytes" else []
        unpacked = [body_class] if body_class else []
        unpacked += [f"types.{self._query_name}"] if self.query_class() else []
        if len(unpacked) > 1:
            raise CannotGenerate(f"{self.id} has a body and a query string; the method takes one")
        given += ["/"] if len(given) > 1 or unpacked else []
        given += ["*", *keywords] if keywords else []
        passed += [f"{_HEADERS[header]}={_HEADERS[header]}" for header in self.headers]
        passed += ["media_type=media_type"] if body == "bytes" else []
        passed += ["body=content"] if body and not body_class else []
        if unpacked:
            kind = "body" if body_class else "query"
            given.append(f"**{kind}: Unpack[{unpacked[0]}]")
            passed.append(f"{kind}={kind}")
        return given, passed

    def _header(self, name: str) -> str:
        required = any(
            each["name"] == name and each["required"] for each in self.operation["parameters"]
        )
        return f"{_HEADERS[name]}: str" + ("" if required else " | None = None")

    def _body(self) -> tuple[str, str]:
        """The annotation of the body, and its class if its fields can be keyword arguments."""
        content = self.operation.get("requestBody", {}).get("content")
        if not content:
            return "", ""
        if JSON not in content:
            return "bytes", ""
        schema = content[JSON]["schema"]
        said = self.types.said(schema, prefix="types.", sent=True)
        return said, said if re.fullmatch(r"types\.\w+", said) else ""


def _argument(path: str, name: str) -> tuple[str, str]:
    """What a path's parameter is called and is: the id in `/questions/{id}` is a question's."""
    if name == "number":
        return name, "int"
    found = re.search(r"(\w+?)(?:(?<=ch)es|s)?/{" + name + "}", path)
    return (found[1] if found else name), "str"


def methods_module(operations: list[OperationWriter]) -> str:
    """The text of `_methods.py`."""
    imports = (
        "from __future__ import annotations\n\n"
        "from collections.abc import AsyncIterator, Iterator\n"
        "from typing import Unpack\n\n"
        "from pointmark_client import types\n"
        "from pointmark_client._core import Operation, Tagged\n"
        "from pointmark_client._transport import AsyncSender, Sender\n"
    )
    descriptors = "\n".join(each.descriptors() for each in operations)
    parts = [_NOTE + "\n" + imports + "\n" + descriptors]
    for is_async in (False, True):
        for for_candidates in (False, True):
            base = "AsyncSender" if is_async else "Sender"
            who = "Candidate" if for_candidates else "Platform"
            name = f"{'Async' if is_async else ''}{who}Methods"
            text = f'class {name}({base}):\n    """What a {who.lower()} can call."""\n\n'
            parts.append(
                text
                + "\n\n".join(
                    each.methods(is_async=is_async)
                    for each in operations
                    if each.for_candidates == for_candidates
                )
            )
    return "\n\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
