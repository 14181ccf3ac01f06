"""The JSON schema of ``verdict.json``, from the dataclasses: ``python -m sizewise.verdict.schema`` prints it.

Every field is written, null where nothing was measured, so every field is required; fields that a reader
does not know are allowed.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from sizewise.core.verdict import SCHEMA_VERSION, Verdict


def verdict_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12), ready for ``json.dumps``."""
    import msgspec

    (whole,), parts = msgspec.json.schema_components([Verdict], ref_template="#/$defs/{name}")
    for part in parts.values():
        part["required"] = list(part.get("properties", {}))
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
        for about in part.get("properties", {}).values():
            about.pop("default", None)
    parts["Verdict"]["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "verdict.json",
        **whole,
        "$defs": dict(sorted(parts.items())),
    }


if __name__ == "__main__":
    print(json.dumps(verdict_schema(), indent=2, ensure_ascii=False))
