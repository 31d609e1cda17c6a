"""What is generated fits the service, and nothing is missing."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import typing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pointmark_client
from pointmark_client import (
    AsyncClient,
    AsyncSessionClient,
    Client,
    Problem,
    SessionClient,
    errors,
    types,
)

HOW = "run `python tools/generate_client.py`, or say in its LEFT_OUT why there is none"


@pytest.fixture(scope="module")
def generator(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_client", root / "tools" / "generate_client.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for their module there.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "generate_client", module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def document(generator: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = generator.served_document()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def method_name(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)


def methods(client: type) -> dict[str, Any]:
    return {
        name: found
        for name, found in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and name != "close"
    }


def test_every_operation_has_a_method_or_a_reason(
    generator: ModuleType, document: dict[str, Any]
) -> None:
    there = set(methods(Client)) | set(methods(SessionClient))

    missing = [
        name
        for name in operations(document)
        if method_name(name) not in there and name not in generator.LEFT_OUT
    ]

    assert not missing, f"the client has no method for {', '.join(missing)}: {HOW}"


def test_every_method_has_an_operation(document: dict[str, Any]) -> None:
    names = {method_name(name) for name in operations(document)}
    there = set(methods(Client)) | set(methods(SessionClient))

    surplus = {
        name
        for name in there
        if name.removesuffix("_as_author").replace("iter_", "list_", 1) not in names
    }

    assert surplus == set()


def test_what_is_left_out_is_there_and_has_a_reason(
    generator: ModuleType, document: dict[str, Any]
) -> None:
    assert set(generator.LEFT_OUT) <= set(operations(document))
    assert all(generator.LEFT_OUT.values())
    for name, header in generator.LEFT_OUT_HEADERS:
        taken = [each["name"] for each in operations(document)[name]["parameters"]]
        assert header in taken


def test_generating_again_gives_the_same(generator: ModuleType, document: dict[str, Any]) -> None:
    stale = [
        path.name
        for path, text in generator.generated(document).items()
        if path.read_text(encoding="utf-8") != text
    ]

    assert not stale, f"{', '.join(stale)}: not what the service has now: {HOW}"


def test_every_field_of_every_shape_is_in_its_type(document: dict[str, Any]) -> None:
    shapes = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if "properties" in schema and not name.startswith("Problem")
    }

    assert len(shapes) > 50
    for name, schema in shapes.items():
        hints = typing.get_type_hints(getattr(types, name), include_extras=True)
        optional = {f for f, hint in hints.items() if typing.get_origin(hint) is typing.NotRequired}
        assert set(hints) == set(schema["properties"]), name
        assert set(hints) - optional == set(schema.get("required", ())), name


def test_problems_have_the_members_of_the_document(document: dict[str, Any]) -> None:
    shape = document["components"]["schemas"]["Problem"]
    (example,) = shape["examples"]

    made = Problem(example)

    assert set(vars(made)) - {"retry_after_s"} == set(shape["properties"])
    fault = document["components"]["schemas"]["ProblemError"]["properties"]
    assert set(vars(made.errors[0])) == set(fault)


def test_every_status_of_a_refusal_has_an_exception(document: dict[str, Any]) -> None:
    named = {
        int(status)
        for operation in operations(document).values()
        for status in operation["responses"]
        if status >= "400"
    }

    # 413 and 415 say that the client is wrong, 500 that the service is: nobody handles them apart.
    assert named - set(errors._BY_STATUS) == {413, 415, 500}


@pytest.mark.parametrize(
    ("plain", "twin"), [(Client, AsyncClient), (SessionClient, AsyncSessionClient)]
)
def test_the_twin_for_asyncio_has_the_same_methods(plain: type, twin: type) -> None:
    def signatures(client: type) -> dict[str, str]:
        return {
            name: str(inspect.signature(found)).replace("AsyncIterator", "Iterator")
            for name, found in methods(client).items()
        }

    assert signatures(twin) == signatures(plain)
    assert all(
        inspect.iscoroutinefunction(found)
        for name, found in methods(twin).items()
        if not name.startswith("iter_")
    )


def test_all_names_are_there() -> None:
    for name in pointmark_client.__all__:
        assert hasattr(pointmark_client, name)
    exceptions = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, Exception)
    }
    assert exceptions <= set(pointmark_client.__all__)


class TestNewOperations:
    """What the generator makes of operations that the service does not have."""

    def made(self, generator: ModuleType, **operation: Any) -> Any:
        said = {"operationId": "doThing", "summary": "Do a thing.", "parameters": []} | operation
        said["responses"] = {"200": {"headers": {}, "content": operation.get("gives", {})}}
        types = generator.Types({"A": {"properties": {}, "type": "object"}}, [])
        return generator.OperationWriter("POST", "/v1/things", said, types)

    def test_another_operation_costs_nothing(
        self, generator: ModuleType, document: dict[str, Any]
    ) -> None:
        operation = operations(document)["getSession"] | {"operationId": "getThing"}
        paths = document["paths"] | {"/v1/things/{id}": {"get": operation}}

        files = generator.generated(document | {"paths": paths})

        text = files[generator.PACKAGE / "_methods.py"]
        assert "    def get_thing(self, thing: str, /) -> types.SessionOut:" in text
        assert "    async def get_thing(self, thing: str, /) -> types.SessionOut:" in text

    def test_files_go_in_and_out_as_bytes(self, generator: ModuleType) -> None:
        body = {"content": {"text/csv": {"schema": {"type": "string"}}}}

        writer = self.made(generator, requestBody=body, gives={"application/xml": {}})

        assert writer.descriptors().endswith("[bytes]('POST', '/v1/things', binary=True)")
        assert "content: bytes, /, *, media_type: str) -> bytes:" in writer.methods(is_async=False)

    @pytest.mark.parametrize(
        ("operation", "said"),
        [
            ({"parameters": [{"in": "header", "name": "X-New", "required": False}]}, "X-New"),
            (
                {
                    "parameters": [{"in": "query", "name": "q", "schema": {"type": "string"}}],
                    "requestBody": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/A"}}
                        }
                    },
                },
                "takes one",
            ),
        ],
    )
    def test_what_it_does_not_know_is_refused_by_name(
        self, generator: ModuleType, operation: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(generator.CannotGenerate, match=f"doThing.*{said}"):
            self.made(generator, **operation).methods(is_async=False)
