"""The templates of one workflow, shared: one for each distinct use, however many tasks have it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from compiler import plan
from compiler.diagnostics import Diagnostic
from compiler.lower.names import CHILD_PREFIX, DECISION, RUN_PREFIX, Names
from compiler.lower.pods import Use, lower_pod

if TYPE_CHECKING:
    from compiler.models.project import Profile
    from compiler.models.settings import Pause

Body: TypeAlias = plan.PodTemplate | plan.GateTemplate | plan.DagTemplate | plan.ChildTemplate
GATE = plan.Interface((plan.Parameter(DECISION),), output_parameters=(plan.OutputParameter(DECISION, supplied=True),))


class Callee(NamedTuple):
    """A template as those who use it see it. `nodes`: how many nodes one use of it makes, as far as that is known."""

    name: str
    interface: plan.Interface
    nodes: int = 1


class TemplateSet:
    """The templates and ConfigMaps of one workflow, in the order in which they were first needed.

    `entry` is the name of its DAG; `config_maps` are by the parameter that has their name. A `child` Workflow's
    parameters name the run that it belongs to.
    """

    def __init__(self, entry: str, profile: Profile, *, child: bool = False) -> None:
        self.entry = entry
        self.child = child
        self.profile = profile
        self.names = Names()
        self.diagnostics: list[Diagnostic] = []
        self.config_maps: dict[str, plan.ConfigMap] = {}
        self.open_loops = 0
        self.dags: dict[tuple[int, bool, frozenset[str]], Callee] = {}
        self._bodies: dict[Body, str] = {}
        self._templates: list[plan.Template] = []

    @property
    def prefix(self) -> str:
        """The beginning of the store keys of a run."""
        return CHILD_PREFIX if self.child else RUN_PREFIX

    def run(self, attribute: str) -> tuple[str, ...]:
        """The variable with the run's name, namespace or status."""
        return ("workflow", "parameters", f"run_{attribute}") if self.child else ("workflow", attribute)

    def templates(self, first: str) -> tuple[plan.Template, ...]:
        """All templates, that of the entrypoint first, the others in the order of their making."""
        return tuple(sorted(self._templates, key=lambda template: template.name != first))

    def pod(self, use: Use) -> Callee:
        """The template for a use; the same for uses that come to the same."""
        body = lower_pod(use, self.profile)
        if self.child:
            stored = body.interface.output_artifacts
            moved = tuple(item._replace(key=self.prefix + item.key.removeprefix(RUN_PREFIX)) for item in stored)
            body = body._replace(interface=body.interface._replace(output_artifacts=moved))
        return Callee(self._add(use.name, body), body.interface, 2 if body.retry else 1)

    def gate(self, name: str, pause: Pause) -> Callee:
        return Callee(self._add(name, plan.GateTemplate(pause.message or "", pause.timeout)), GATE)

    def add_dag(self, name: str, body: plan.DagTemplate, nodes: int) -> Callee:
        """A DAG's template under a name taken before, so that a DAG comes before what it uses."""
        if body not in self._bodies:
            self._bodies[body] = name
            self._templates.append(plan.Template(name, body))
        return Callee(self._bodies[body], body.interface, nodes)

    def variant(self, callee: Callee, retry: plan.Retry) -> Callee:
        """A DAG's template with a retry of its own."""
        body = next(body for body, name in self._bodies.items() if name == callee.name)
        assert isinstance(body, plan.DagTemplate)
        body = body._replace(retry=retry)
        return Callee(self._add(callee.name, body), body.interface, callee.nodes + 1)

    def child_template(self, name: str, body: plan.ChildTemplate) -> Callee:
        """The template of a child Workflow."""
        return Callee(self._add(name, body), body.interface)

    def _add(self, wanted: str, body: Body) -> str:
        name = self._bodies.get(body)
        if name is None:
            name = self._bodies[body] = self.names.new(wanted)
            self._templates.append(plan.Template(name, body))
        return name

    def config_map(self, parameter: str, stem: str, data: Mapping[str, str | bytes]) -> None:
        """A ConfigMap named for its content, whose name is a parameter of the workflow."""
        if parameter in self.config_maps:
            return
        texts: dict[str, str] = {}
        binary: dict[str, str] = {}
        for key, value in sorted(data.items()):
            text = value if isinstance(value, str) else _text(value)
            if text is not None:
                texts[key] = text
            elif isinstance(value, bytes):
                binary[key] = base64.b64encode(value).decode()
        digest = hashlib.sha256(plan.compact([texts, binary]).encode()).hexdigest()[:8]
        name = f"{stem}-{digest}"
        self.config_maps[parameter] = plan.ConfigMap(name, tuple(texts.items()), tuple(binary.items()))


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
