"""The OpenAPI document and the pages for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from apiflask import APIFlask
from jsonschema.validators import validator_for

from service.api.problems import KINDS
from service.domain import FlagCode, Language, PointKind, Reveal, Scope, Verdict, VersionStatus
from service.exchange import DeliveryState, EventKind


@pytest.fixture
def document(nobody: Any) -> dict[str, Any]:
    response = nobody.get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json
    return body


def _operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }


def test_the_operations_keep_their_names(document: dict[str, Any]) -> None:
    # Clients are generated from these: adding is fine, renaming is not.
    assert sorted(_operations(document)) == [
        "answerQuestion",
        "appealAttempt",
        "archiveQuestion",
        "cancelBatch",
        "cancelRegrade",
        "cancelSession",
        "claimNextReview",
        "claimReview",
        "commitRegrade",
        "createBatch",
        "createKey",
        "createQuestion",
        "createRegrade",
        "createSession",
        "createSessionToken",
        "createWebhook",
        "deleteWebhook",
        "eraseCandidate",
        "exportCandidate",
        "exportQuestions",
        "finishSitting",
        "getAgreement",
        "getAttempt",
        "getBatch",
        "getBatchResults",
        "getQuestion",
        "getQuestionStatistics",
        "getQuestionVersion",
        "getRegrade",
        "getSession",
        "getSessionReport",
        "getSitting",
        "getSuggestedPoints",
        "getWebhook",
        "grade",
        "importQuestions",
        "listAnswerGroups",
        "listAttempts",
        "listAuditLog",
        "listBatches",
        "listDeliveries",
        "listKeys",
        "listQuestionVersions",
        "listQuestions",
        "listRegrades",
        "listReviewQueue",
        "listSessions",
        "listWebhooks",
        "live",
        "pingWebhook",
        "previewImport",
        "publishQuestion",
        "randomQuestion",
        "ready",
        "releaseReview",
        "replayDelivery",
        "reviewAttempt",
        "reviewGroup",
        "revokeKey",
        "rotateWebhookSecret",
        "saveQuestion",
        "saveWebhook",
        "startSitting",
        "submitAttempt",
    ]


def test_every_route_is_documented(app: APIFlask, document: dict[str, Any]) -> None:
    documented = {
        (method.upper(), path) for path, found in document["paths"].items() for method in found
    }

    routed = {
        (method, re.sub(r"<(?:[^<>]*:)?([^<>:]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith(("/v1", "/livez", "/readyz")) and method not in ("HEAD", "OPTIONS")
    }

    assert documented == routed


def test_the_document_is_openapi_3_1_with_nothing_left_over(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert '"x-' not in str(document).replace("'", '"')
    for name, schema in document["components"]["schemas"].items():
        validator_for(schema, jsonschema.Draft202012Validator).check_schema(schema)
        assert "." not in name
    references = set(re.findall(r"'\$ref': '#/components/(\w+)/([^']+)'", str(document)))
    for kind, name in references:
        assert name in document["components"][kind], name


def test_errors_are_problems_and_nothing_else(document: dict[str, Any]) -> None:
    for operation in _operations(document).values():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"]
                assert "X-Request-Id" in response["headers"]


def test_calls_with_a_key_name_their_scope_and_their_refusals(document: dict[str, Any]) -> None:
    for name, operation in _operations(document).items():
        if name in ("live", "ready"):
            assert "security" not in operation
            continue
        ((scheme, scopes),) = operation["security"][0].items()
        assert scheme in document["components"]["securitySchemes"]
        refusals = {"401", "429", "503"}
        if scheme == "ApiKey":
            assert scopes[0] in set(Scope)
            refusals.add("403")
        else:
            assert scopes == []
        assert refusals <= set(operation["responses"])


def test_the_limits_are_those_that_are_set(make_app: Any) -> None:
    app = make_app(max_answer_chars=77, max_points=5)

    shapes = app.test_client().get("/openapi.json").get_json()["components"]["schemas"]

    assert shapes["AttemptIn"]["properties"]["answer"]["maxLength"] == 77
    assert shapes["GradeIn"]["properties"]["answer"]["maxLength"] == 77
    assert shapes["QuestionIn"]["properties"]["points"]["maxItems"] == 5


def test_every_closed_set_is_the_domains(document: dict[str, Any]) -> None:
    shapes = document["components"]["schemas"]

    def listed(shape: str, field: str) -> list[str]:
        found = shapes[shape]["properties"][field]
        found = found.get("anyOf", [found])[0]
        return list(found.get("items", found)["enum"])

    assert listed("KeyIn", "scopes") == list(Scope)
    assert [*listed("EndpointIn", "events"), "ping"] == list(EventKind)
    assert listed("DeliveryOut", "event") == list(EventKind)
    assert listed("DeliveryOut", "state") == list(DeliveryState)
    assert listed("PointGradeOut", "verdict") == list(Verdict)
    assert listed("PointIn", "kind") == list(PointKind)
    assert listed("QuestionIn", "reveal_points") == list(Reveal)
    assert listed("AuthorQuestion", "status") == list(VersionStatus)
    assert list(shapes["ByLanguage"]["properties"]) == list(Language)


def test_every_kind_of_problem_has_its_page(nobody: Any) -> None:
    everything = nobody.get("/problems").get_data(as_text=True)

    for kind in KINDS.values():
        page = nobody.get(f"/problems/{kind.code}")
        assert page.status_code == 200
        assert page.mimetype == "text/html"
        assert kind.title in page.get_data(as_text=True)
        assert f'id="{kind.code}"' in everything
    assert nobody.get("/problems/nonsense").status_code == 404


def test_the_guide_names_every_code_header_and_flag(root: Path) -> None:
    guide = (root / "docs" / "api.md").read_text(encoding="utf-8")

    for code in KINDS:
        assert f"`{code}`" in guide, code
    for flag in FlagCode:
        assert f"`{flag.value}`" in guide, flag
    for scope in Scope:
        assert f"`{scope.value}`" in guide, scope


def test_the_browsable_pages_need_nothing_from_elsewhere(nobody: Any) -> None:
    page = nobody.get("/docs")
    html = page.get_data(as_text=True)
    assets = re.findall(r'(?:src|href)="([^"#]+)"', html)

    assert page.status_code == 200
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert [asset for asset in assets if not asset.startswith(("/", "data:"))] == []
    for asset in assets:
        if asset.startswith("/"):
            assert nobody.get(asset).status_code == 200, asset
    styles = nobody.get("/docs/assets/swagger-ui/swagger-ui.css").get_data(as_text=True)
    assert [url for url in re.findall(r"url\(['\"]?(.{5})", styles) if url != "data:"] == []


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/problems.py", "..%2f..%2fapp.py", "", "x"])
def test_only_the_pages_own_files_are_served(nobody: Any, name: str) -> None:
    assert nobody.get(f"/docs/assets/{name}").status_code == 404


def test_the_licence_of_what_is_vendored_lies_beside_it() -> None:
    import service.api

    folder = Path(service.api.__file__).parent / "static" / "swagger-ui"

    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert (folder / "NOTICE").is_file()
    assert (folder / "swagger-ui-bundle.js.LICENSE.txt").is_file()
