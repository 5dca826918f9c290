"""What a users file may hold, for editors: a JSON schema made from the model that checks it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bot.domain.money import DOLLARS
from bot.settings.users.entry import UserSettings

_NUMBER_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


class _OfFiles(GenerateJsonSchema):
    """Numbers are numbers in a users file, never text; fields are named as they are written."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        limits = {said: _number(schema[key]) for key, said in _NUMBER_LIMITS.items() if key in schema}  # type: ignore[literal-required]
        return {"type": "number", **limits}

    def encode_default(self, dft: Any) -> Any:
        return _number(dft) if isinstance(dft, Decimal) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def users_file_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    entry = UserSettings.model_json_schema(schema_generator=_OfFiles, mode="validation")
    definitions = entry.pop("$defs")
    fields = entry["properties"]
    fields["user_id"]["not"] = {"const": "master"}
    fields["broker_type"] = {"$ref": "#/$defs/BrokerType", "description": "The older name of venue."}
    dollars = "^(" + "|".join("".join(f"[{sign}{sign.lower()}]" for sign in name) for name in DOLLARS) + ")$"
    fields["quote_map"]["additionalProperties"] = {"type": "string", "pattern": dollars}
    fields["quote_map"]["propertyNames"] = {"pattern": dollars}
    entry["required"] = ["user_id"]
    entry["not"] = {"required": ["venue", "broker_type"]}
    entry["title"] = "User"
    entry["description"] = "One user: who it is, whom it copies, and within which limits."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Users who copy",
        "description": "A list of users. Venue and account type come from the file's name: retail_kraken.json.",
        "type": "array",
        "items": {"$ref": "#/$defs/User"},
        "$defs": {"User": entry, **definitions},
    }


def users_file_schema_text() -> str:
    """As it stands in ``config/users/users.schema.json``."""
    return json.dumps(users_file_schema(), indent=2, ensure_ascii=False) + "\n"


def _number(value: Decimal | float) -> int | float:
    return int(value) if value == int(value) else float(value)
