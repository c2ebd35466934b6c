"""The parts that assets and tasks share: parameters, inputs, outputs, and the container with all it may have."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from compiler.models.base import (
    EMPTY,
    Duration,
    Flag,
    Model,
    Name,
    Number,
    Problem,
    Shape,
    Text,
    Whole,
    describe,
    lazy,
)
from compiler.models.variables import Variable

ParameterType = Literal["string", "int", "number", "bool", "enum", "json"]
ValueType = Literal["string", "int", "number", "bool", "json"]
InputKind = Literal["env", "file", "directory", "archive"]
OutputKind = Literal["file", "directory", "archive", "value"]

if TYPE_CHECKING:
    from compiler.models.behaviour import Cache, Retry, Sidecar
    from compiler.models.hardware import Placement, Resources, Security, Volume
else:
    Cache = lazy("compiler.models.behaviour", "Cache")
    Retry = lazy("compiler.models.behaviour", "Retry")
    Sidecar = lazy("compiler.models.behaviour", "Sidecar")
    Placement = lazy("compiler.models.hardware", "Placement")
    Resources = lazy("compiler.models.hardware", "Resources")
    Security = lazy("compiler.models.hardware", "Security")
    Volume = lazy("compiler.models.hardware", "Volume")


class Parameter(Model):
    """A typed parameter. Without a default it must be given."""

    type: ParameterType = "string"
    default: Any = None
    minimum: Number | None = None
    maximum: Number | None = None
    pattern: Annotated[str | None, Field(description="A regular expression that the whole value must match.")] = None
    enum: Annotated[tuple[Any, ...] | None, Field(description="The values allowed.")] = None
    description: str | None = None

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set


class StoredObject(Model):
    """An object (or a key prefix) in the profile's store."""

    key: str
    bucket: str | None = None


class InlineText(Model):
    """Content written in the definition itself."""

    text: str


def _content(value: Any) -> Any:
    if value is None or isinstance(value, str | StoredObject | InlineText):
        return value
    if not isinstance(value, dict):
        raise Problem("A122", f"expected a file's name, {{key: …}} or {{text: …}}, found {describe(value)}")
    model = _content_model(value)
    model.build()
    return model.model_validate(value)


def _content_model(value: Any) -> type[Model]:
    return InlineText if isinstance(value, dict) and "text" in value else StoredObject


_CONTENT_SCHEMA = {
    "anyOf": [
        {"type": "string", "description": "A local file beside the definition."},
        {"type": "object", "properties": {"key": {"type": "string"}, "bucket": {"type": "string"}},
         "required": ["key"], "additionalProperties": False, "description": "An object in the profile's store."},
        {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
         "additionalProperties": False, "description": "Content written here."},
        {"type": "null"},
    ]
}  # fmt: skip


class Input(Model):
    """An input. `path` is its place in the container (not for env); a text as default is a file's name."""

    kind: InputKind
    path: str | None = None
    optional: Flag = False
    default: Annotated[
        str | StoredObject | InlineText | None, Shape(_content, _CONTENT_SCHEMA, choose=_content_model)
    ] = None
    resource: Annotated[
        str | None, Field(description="Its name in the gx4ki routes of the Workflow API (default: its own).")
    ] = None
    description: str | None = None


class Output(Model):
    """An output: `file` is stored byte for byte, `directory` as a tar, `archive` as a zip, `value` as a parameter."""

    kind: OutputKind
    path: str
    type: Annotated[ValueType, Field(description="Of a value.")] = "string"
    default: Annotated[Any, Field(description="Of a value, when the file is missing.")] = None
    optional: Flag = False
    media_type: str | None = None
    mount: Annotated[
        Flag, Field(description="false: no emptyDir at the parent, where one would hide content of the image.")
    ] = True
    resource: Annotated[
        str | None, Field(description="Its name in the gx4ki routes of the Workflow API (default: its own).")
    ] = None
    description: str | None = None


class Runnable(Model):
    """A container with its hardware, inputs and outputs: the base of assets and inline tasks."""

    description: str | None = None
    image: str | None = None
    command: tuple[Text, ...] = ()
    args: tuple[Text, ...] = ()
    script: Annotated[
        str | None, Field(description="A program's text, with command as its interpreter (default: sh).")
    ] = None
    working_dir: str | None = None
    user: Annotated[Whole | None, Field(description="The user id it runs as (default: 1000).")] = None
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    priority_class: str | None = None
    inputs: dict[Name, Input] = EMPTY
    outputs: dict[Name, Output] = EMPTY
    env: dict[str, Variable] = EMPTY
    resources: Resources | None = None
    volumes: dict[Name, Volume] = EMPTY
    timeout: Duration | None = None
    retry: Retry | None = None
    cache: Cache | None = None
    placement: Placement | None = None
    security: Security | None = None
    sidecars: dict[Name, Sidecar] = EMPTY
    labels: dict[str, Text] = EMPTY
    annotations: dict[str, Text] = EMPTY
