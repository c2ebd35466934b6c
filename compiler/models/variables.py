"""A variable of a container's environment: text, or a key of a Secret."""

from typing import Annotated, Any

from compiler.models.base import TEXT_SCHEMA, Flag, Model, Problem, Shape, as_text, describe

KEY_PATTERN = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?/[-._a-zA-Z0-9]+$"


def _secret(value: Any) -> str:
    import re

    if isinstance(value, str) and re.fullmatch(KEY_PATTERN.rstrip("$"), value):
        return value
    raise Problem("A126", "not a Secret's name and key", "write it like wandb/api-key")  # the value may be a secret


class SecretRef(Model):
    """A Secret's key, `name/key`; never a value."""

    secret: Annotated[str, Shape(_secret, {"type": "string", "pattern": KEY_PATTERN})]
    optional: Flag = False


def _variable(value: Any) -> Any:
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, dict):
        SecretRef.build()
        return SecretRef.model_validate(value)
    if isinstance(value, str | int | float):
        return as_text(value)
    raise Problem("A122", f"expected text or {{secret: name/key}}, found {describe(value)}")


VARIABLE_SCHEMA = {
    "anyOf": [
        TEXT_SCHEMA,
        {
            "type": "object",
            "properties": {
                "secret": {"type": "string", "description": "A Secret's key, name/key."},
                "optional": {"type": "boolean"},
            },
            "required": ["secret"],
            "additionalProperties": False,
        },
    ]
}
Variable = Annotated[str | SecretRef, Shape(_variable, VARIABLE_SCHEMA, choose=lambda _: SecretRef)]
