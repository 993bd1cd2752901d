"""Makes `batchspec/emulator/api-2025-06-01.json` from the OpenAPI data: names, types, required, enums, operations.

Run as a script to write it; `test_api_data.py` holds the file against the data.
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE = ROOT.parent / "shared" / "azure-batch-api" / "batch-2025-06-01.sdk-derived.openapi.json"
TARGET = ROOT / "batchspec" / "emulator" / "api-2025-06-01.json"


def type_of(schema: dict[str, Any]) -> str:
    """`string`, `int32`, `date-time`, ...; `[X]` for a list of X; a definition's own name."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if schema.get("type") == "array":
        return f"[{type_of(schema['items'])}]"
    return schema.get("format") or schema.get("type", "object")


def build(document: dict[str, Any]) -> dict[str, Any]:
    """Three mappings by name: enums (values), types (required, readOnly, properties), operations."""
    enums, types = {}, {}
    for name, schema in document["definitions"].items():
        if "properties" not in schema:
            enums[name] = schema["enum"]
            continue
        properties = schema["properties"]
        types[name] = {
            "required": schema.get("required", []),
            "readOnly": [key for key, value in properties.items() if value.get("readOnly")],
            "properties": {key: type_of(value) for key, value in properties.items()},
        }
    return {"enums": enums, "types": types, "operations": operations(document)}


def operations(document: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            body = [type_of(p["schema"]) for p in parameters if p.get("in") == "body"]
            found[operation["operationId"]] = {
                "method": method.upper(),
                "path": path,
                "status": min(int(code) for code in operation["responses"] if code.isdigit()),
                "query": sorted(p["name"] for p in parameters if p.get("in") == "query"),
                "body": body[0] if body else None,
                "result": next(
                    (
                        type_of(r["schema"])
                        for c, r in operation["responses"].items()
                        if c.isdigit() and "schema" in r
                    ),
                    None,
                ),
            }
    return found


if __name__ == "__main__":
    TARGET.write_text(
        json.dumps(build(json.loads(SOURCE.read_text())), indent=0, separators=(",", ":")) + "\n"
    )
