"""Holds answers of the API to the schemas of its own description.

Knows the part of JSON schema that coordinator/api/openapi.json uses, and
refuses a schema that says more, so that nothing is passed over.
"""

import re

KNOWN = {"type", "nullable", "enum", "required", "properties", "items",
         "additionalProperties", "minimum", "description", "$ref"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool,
         "integer": int, "number": (int, float)}


class Description:
    def __init__(self, document):
        self.document = document

    def operations(self):
        """(method, path, operation) of each."""
        return [(method.upper(), path, operation)
                for path, operations in self.document["paths"].items()
                for method, operation in operations.items()]

    def has(self, method, target):
        try:
            return bool(self.operation(method, target))
        except AssertionError:
            return False

    def operation(self, method, target):
        path = target.split("?")[0]
        for have, pattern, operation in self.operations():
            if have == method and re.fullmatch(
                    re.sub(r"\{\w+\}", r"\\d+", pattern), path):
                return operation
        raise AssertionError(f"not described: {method} {target}")

    def check(self, method, target, status, content_type, value):
        """The answer is one that the description allows."""
        responses = self.operation(method, target)["responses"]
        assert str(status) in responses, f"{method} {target}: {status}"
        response = self._resolved(responses[str(status)])
        content = content_type.split(";")[0]
        assert content in response["content"], f"{target}: {content_type}"
        schema = response["content"][content]["schema"]
        self.hold(schema, value, f"{method} {target}")

    def _resolved(self, schema):
        while "$ref" in schema:
            value = self.document
            for part in schema["$ref"].lstrip("#/").split("/"):
                value = value[part]
            schema = value
        return schema

    def hold(self, schema, value, where):
        schema = self._resolved(schema)
        assert set(schema) <= KNOWN, f"{where}: {set(schema) - KNOWN}"
        if value is None and schema.get("nullable"):
            return
        if "type" in schema:
            right = isinstance(value, TYPES[schema["type"]])
            if schema["type"] != "boolean" and isinstance(value, bool):
                right = False
            assert right, f"{where}: {value!r} is no {schema['type']}"
        if "enum" in schema:
            assert value in schema["enum"], f"{where}: {value!r}"
        if "minimum" in schema:
            assert value >= schema["minimum"], f"{where}: {value!r}"
        if isinstance(value, list) and "items" in schema:
            for i, item in enumerate(value):
                self.hold(schema["items"], item, f"{where}[{i}]")
        if isinstance(value, dict):
            self._hold_members(schema, value, where)

    def _hold_members(self, schema, value, where):
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            assert name in value, f"{where}: no {name}"
        for name, member in value.items():
            if name in known:
                self.hold(known[name], member, f"{where}.{name}")
                continue
            more = schema.get("additionalProperties", True)
            assert more is not False, f"{where}: {name} is not described"
            if isinstance(more, dict):
                self.hold(more, member, f"{where}.{name}")
