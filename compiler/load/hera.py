"""Hera: assets as Hera templates, and Hera workflows as Argo manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.diagnostics import Diagnostic, diagnostic
from compiler.program import Origin

if TYPE_CHECKING:
    from hera.workflows import Container

    from compiler.models import ComputeAsset

KINDS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")


def manifest(workflow: Any, origin: Origin) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    """The Argo object that a Hera workflow stands for, held against the closed schema of manifests."""
    import warnings

    from compiler.manifest_schema import check_object

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # wrong types are found below, with their places
            built: dict[str, Any] = workflow.to_dict()
    except Exception as error:  # noqa: BLE001  (Hera runs hooks and builders of the user's)
        return None, [diagnostic("A141", origin, f"Hera cannot build this workflow: {error}")]
    if built.get("kind") not in KINDS:
        return None, [diagnostic("A141", origin, f"Hera made a {built.get('kind')}, which is no workflow")]
    found = []
    for problem in check_object(built):
        path = ".".join(map(str, problem.path))
        message = f"{path}: {problem.message}" if path else problem.message
        found.append(diagnostic("A141", origin, message, hint=problem.hint or None))
    return built, found


def asset_template(asset: ComputeAsset) -> Container:
    """An asset as a template to use in a Hera workflow: its container, with its parameters and inputs as arguments.

    In it `${{ params.x }}`, `${{ inputs.x.path }}` and `${{ outputs.x.path }}` are Argo's own variables. Raises
    ValueError for what a single Hera container cannot hold.
    """
    from hera.workflows import Artifact, Container, Env, NoneArchiveStrategy, Parameter, SecretEnv
    from hera.workflows.models import ValueFrom

    if asset.image is None or asset.sidecars:
        raise ValueError(f"the asset '{asset.name}' is more than one container; use it from a Dag")
    parameters: list[Any] = [
        Parameter(name=name) if item.required else Parameter(name=name, value=_scalar(item.default))
        for name, item in asset.parameters.items()
    ]
    artifacts: list[Any] = [
        Artifact(name=name, path=item.path, optional=item.optional or None)
        for name, item in asset.inputs.items()
        if item.kind != "env"
    ]
    outputs: list[Any] = []
    for name, output in asset.outputs.items():
        if output.kind == "value":
            outputs.append(Parameter(name=name, value_from=ValueFrom(path=output.path)))
        else:
            archive = NoneArchiveStrategy() if output.kind == "file" else None
            outputs.append(Artifact(name=name, path=output.path, archive=archive, optional=output.optional or None))
    env: list[Any] = []
    for name, value in asset.env.items():
        if isinstance(value, str):
            env.append(Env(name=name, value=_lowered(value)))
        else:
            secret, _, key = value.secret.partition("/")
            env.append(SecretEnv(name=name, secret_name=secret, secret_key=key, optional=value.optional or None))
    return Container(
        name=asset.name,
        image=asset.image,
        command=[_lowered(item) for item in asset.command] or None,
        args=[_lowered(item) for item in asset.args] or None,
        working_dir=asset.working_dir,
        active_deadline_seconds=asset.timeout,
        inputs=[*parameters, *artifacts] or None,
        outputs=outputs or None,
        env=env or None,
    )


def _scalar(value: Any) -> str:
    import json

    return value if isinstance(value, str) else getattr(value, "text", None) or json.dumps(value)


_PLACES = {
    "params": "{{inputs.parameters.NAME}}",
    "inputs": "{{inputs.artifacts.NAME.path}}",
    "outputs": "{{outputs.artifacts.NAME.path}}",
    "run": "{{workflow.NAME}}",
}


def _lowered(text: str) -> str:
    """References -> Argo's variables."""
    import re

    def variable(match: re.Match[str]) -> str:
        place = _PLACES.get(match.group(1))
        if place is None:
            raise ValueError(f"'{match.group()}' has no meaning in a Hera template")
        return place.replace("NAME", match.group(2))

    return re.sub(r"\$\{\{\s*(\w+)\.([\w-]+)(?:\.path)?\s*\}\}", variable, text)
