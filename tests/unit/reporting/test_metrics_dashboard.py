"""Dashboard, alerts and examples: they ask for figures that there are, and have the form that is read."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.unit.reporting.metrics_parts import busy_metrics, families
from tests.unit.reporting.promql import Asked, asked_by

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "nija.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
#: Labels that Prometheus itself puts on, and what it says of the asking.
OF_PROMETHEUS = Asked(frozenset({"up"}), frozenset({"job", "instance"}))
COLUMNS = 24

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "time", "annotations", "version"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "title": {"type": "string", "minLength": 1},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "version": {"type": "integer"},
        "editable": {"type": "boolean"},
        "graphTooltip": {"enum": [0, 1, 2]},
        "refresh": {"type": "string", "pattern": r"^\d+[smh]$"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "time": {"type": "object", "required": ["from", "to"]},
        "panels": {
            "type": "array",
            "minItems": 1,
            "items": {"oneOf": [{"$ref": "#/$defs/row"}, {"$ref": "#/$defs/panel"}]},
        },
        "templating": {
            "type": "object",
            "required": ["list"],
            "properties": {"list": {"type": "array", "items": {"$ref": "#/$defs/variable"}}},
        },
    },
    "$defs": {
        "place": {
            "type": "object",
            "required": ["x", "y", "w", "h"],
            "properties": {
                "x": {"type": "integer", "minimum": 0, "maximum": COLUMNS - 1},
                "y": {"type": "integer", "minimum": 0},
                "w": {"type": "integer", "minimum": 1, "maximum": COLUMNS},
                "h": {"type": "integer", "minimum": 1},
            },
            "additionalProperties": False,
        },
        "datasource": {
            "type": "object",
            "required": ["type", "uid"],
            "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
        },
        "row": {
            "type": "object",
            "required": ["id", "type", "title", "collapsed", "gridPos", "panels"],
            "properties": {
                "type": {"const": "row"},
                "panels": {"type": "array", "maxItems": 0},
                "gridPos": {"$ref": "#/$defs/place"},
            },
        },
        "target": {
            "type": "object",
            "required": ["datasource", "expr", "refId"],
            "properties": {
                "datasource": {"$ref": "#/$defs/datasource"},
                "expr": {"type": "string", "minLength": 1},
                "refId": {"type": "string", "pattern": "^[A-Z]$"},
                "format": {"enum": ["time_series", "table", "heatmap"]},
            },
        },
        "panel": {
            "type": "object",
            "required": ["id", "type", "title", "gridPos", "datasource", "targets", "fieldConfig", "options"],
            "properties": {
                "id": {"type": "integer", "minimum": 1},
                "type": {"enum": ["stat", "timeseries", "table", "heatmap"]},
                "title": {"type": "string", "minLength": 1},
                "gridPos": {"$ref": "#/$defs/place"},
                "datasource": {"$ref": "#/$defs/datasource"},
                "targets": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/target"}},
                "fieldConfig": {"type": "object", "required": ["defaults", "overrides"]},
            },
        },
        "variable": {
            "type": "object",
            "required": ["name", "type", "query", "refresh", "hide"],
            "properties": {
                "name": {"type": "string", "pattern": r"^\w+$"},
                "type": {"enum": ["datasource", "query"]},
                "refresh": {"enum": [0, 1, 2]},
            },
        },
    },
}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def panel_expressions() -> Iterator[tuple[str, str]]:
    for panel in panels():
        for target in panel["targets"]:
            yield f"{panel['id']} {panel['title']} {target['refId']}", target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"]


EXPRESSIONS = [*panel_expressions(), *((rule["alert"], rule["expr"]) for rule in RULES)]


@pytest.fixture(scope="module")
def there() -> Asked:
    """What a real answer of the bot holds."""
    samples = [sample for family in families(busy_metrics()).values() for sample in family.samples]
    names = {sample.name for sample in samples} | OF_PROMETHEUS.metrics
    return Asked(
        frozenset(names), frozenset({one for sample in samples for one in sample.labels}) | OF_PROMETHEUS.labels
    )


@pytest.mark.parametrize("expression", [one[1] for one in EXPRESSIONS], ids=[one[0] for one in EXPRESSIONS])
def test_an_expression_asks_for_figures_and_labels_that_there_are(expression: str, there: Asked) -> None:
    asked = asked_by(expression)
    assert asked.metrics, "it asks for nothing"
    assert asked.metrics <= there.metrics
    assert asked.labels <= there.labels


@pytest.mark.parametrize("expression", [one[1] for one in EXPRESSIONS], ids=[one[0] for one in EXPRESSIONS])
def test_what_only_grows_is_asked_for_its_growth(expression: str) -> None:
    for name in asked_by(expression).metrics:
        if name.endswith(("_total", "_bucket")):
            assert re.search(rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[", expression), name


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("state", {"ACCEPTED", "REJECTED", "FAILED", "UNKNOWN", "SKIPPED", "PLANNED", "EXPIRED", "OBSERVED"}),
        ("stage", {"queued", "sent", "settled"}),
        ("job", {"nija"}),
    ],
    ids=["state", "stage", "job"],
)
def test_values_that_are_asked_for_are_values_that_there_are(label: str, values: set[str]) -> None:
    for name, expression in EXPRESSIONS:
        for asked in re.findall(rf'\b{label}(?:=~|!=|=)"([^"]*)"', expression):
            assert set(asked.split("|")) <= values, name


def test_every_figure_of_the_bot_is_on_the_dashboard_or_in_an_alert() -> None:
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for _, one in EXPRESSIONS for name in asked_by(one).metrics}
    made = set()
    for family in families(busy_metrics()).values():
        name = family.name + ("_total" if family.type == "counter" else "")
        if name.startswith("nija_"):
            made.add(name)
    # Those are for whoever asks Prometheus by hand.
    assert made - shown <= {"nija_start_timestamp_seconds", "nija_account_lane_alive"}


def test_every_figure_of_the_bot_is_explained() -> None:
    text = (DEPLOY.parent / "docs" / "monitoring.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([a-z_]+)`", text))
    for family in families(busy_metrics()).values():
        name = family.name + ("_total" if family.type == "counter" else "")
        if name.startswith("nija_"):
            assert name.removeprefix("nija_") in explained


def test_the_dashboard_has_the_form_that_grafana_reads() -> None:
    problems = [
        f"{'/'.join(map(str, one.instance_path))}: {one.message}"
        for one in jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(DASHBOARD)
    ]
    assert problems == []


def test_a_dashboard_of_another_form_would_be_seen() -> None:
    broken = {**DASHBOARD, "panels": [{**panels()[0], "targets": [{"expr": ""}]}]}
    assert not jsonschema_rs.Draft202012Validator(SCHEMA).is_valid(broken)


def test_panels_do_not_lie_on_each_other_and_stay_on_the_page() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{panel['title']} lies on {other}"


def test_names_of_panels_and_targets_are_given_once() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels():
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)), panel["title"]


def test_every_row_has_panels_and_the_dashboard_starts_with_one() -> None:
    kinds = [panel["type"] for panel in DASHBOARD["panels"]]
    assert kinds[0] == "row"
    assert all(kind != "row" for kind in [one for before, one in itertools.pairwise(kinds) if before == "row"])
    titles = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert titles == ["Is it well", "Copies", "Latency", "Accounts", "Venues"]


def test_variables_that_are_used_are_there() -> None:
    known = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(DASHBOARD))) - {"__rate_interval", "__range", "__all"}
    assert used == known == {"datasource", "venue"}


class TestAlerts:
    def test_names_are_given_once_and_say_whose_they_are(self) -> None:
        names = [rule["alert"] for rule in RULES]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"Nija[A-Z]\w+", name) for name in names)

    @pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
    def test_a_rule_has_what_prometheus_reads_and_a_person_needs(self, rule: dict[str, Any], there: Asked) -> None:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "description"}
        text = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= there.labels

    @pytest.mark.parametrize(
        "metric",
        [
            "nija_engine_heartbeat_age_seconds",
            "nija_account_connected",
            "nija_copies_total",
            "nija_kill_switch",
            "nija_ledger_healthy",
            "nija_account_nonce_errors_total",
            "up",
        ],
    )
    def test_what_somebody_must_be_told_of_has_a_rule(self, metric: str) -> None:
        assert any(metric in asked_by(rule["expr"]).metrics for rule in RULES)

    def test_a_first_failure_is_a_rise(self) -> None:
        """What a rule takes the growth of is there, as zero, before it happens the first time."""
        series = families(busy_metrics())["nija_copies"].samples
        for state in ("REJECTED", "FAILED", "UNKNOWN"):
            assert any(one.labels["state"] == state and one.value == 0 for one in series)


class TestExamples:
    def test_prometheus_asks_the_bot_where_it_answers_by_default(self) -> None:
        example = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        (job,) = example["scrape_configs"]
        assert job["job_name"] == "nija"
        assert job["metrics_path"] == "/metrics"
        assert job["static_configs"] == [{"targets": ["127.0.0.1:8787"]}]
        assert job["authorization"]["type"] == "Bearer"
        assert "credentials" not in job["authorization"], "a token belongs into a file of its own"
        assert [(DEPLOY / "prometheus" / name).exists() for name in example["rule_files"]] == [True]

    def test_grafana_is_told_of_the_data_source_and_the_folder(self) -> None:
        folder = DEPLOY / "grafana" / "provisioning"
        (source,) = yaml.safe_load((folder / "datasources" / "nija.yml").read_text())["datasources"]
        (provider,) = yaml.safe_load((folder / "dashboards" / "nija.yml").read_text())["providers"]
        assert source["type"] == "prometheus"
        assert provider["type"] == "file"
        assert provider["options"]["path"]


class TestReadingExpressions:
    @pytest.mark.parametrize(
        ("expression", "metrics", "labels"),
        [
            ("up", {"up"}, set()),
            ('sum by (a, b) (rate(x_total{c=~"no_name|y", d!="z"}[5m])) > 0', {"x_total"}, {"a", "b", "c", "d"}),
            ("time() - max without (a) (x) or y == 0", {"x", "y"}, {"a"}),
            ("x * on (job) group_left () y", {"x", "y"}, {"job"}),
            ("histogram_quantile(0.95, sum(rate(x_bucket[$__rate_interval])))", {"x_bucket"}, set()),
        ],
        ids=["name", "matchers", "operators", "join", "function"],
    )
    def test_names_are_found(self, expression: str, metrics: set[str], labels: set[str]) -> None:
        assert asked_by(expression) == Asked(frozenset(metrics), frozenset(labels))

    @pytest.mark.parametrize("expression", ["sum(x", "x)", 'x{a="b"', "(x]"], ids=["open", "close", "matcher", "mixed"])
    def test_brackets_that_do_not_close_are_refused(self, expression: str) -> None:
        with pytest.raises(ValueError, match=r"too many|does not close"):
            asked_by(expression)
