"""Everything that a WorkflowSpec names, looked at in the order in which Argo validates it.

Facts: Argo workflow/validate/validate.go (Workflow, validateTemplateHolder, validateTemplate).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from argo.validate.flow import check_dag, check_hook, check_steps
from argo.validate.inputs import check_arguments, check_inputs, missing, own_scope, submitted
from argo.validate.leaf import check_any, check_leaf
from argo.validate.library import Context, TemplateLibrary, context_of, kind_of
from argo.validate.names import check_names, field_name
from argo.validate.outputs import check_outputs
from argo.validate.place import Place
from argo.validate.scope import Scope
from argo.validate.spec import check_settings
from argo.workflow.kinds import TYPES, type_of, types_of
from compiler.diagnostics import Diagnostic, did_you_mean

_GLOBALS = (
    "workflow.name", "workflow.namespace", "workflow.mainEntrypoint", "workflow.serviceAccountName", "workflow.uid",
    "workflow.annotations", "workflow.annotations.json", "workflow.labels", "workflow.labels.json", "workflow.status",
)  # fmt: skip


class Walk:
    """One object's WorkflowSpec, and what it reaches in the library."""

    def __init__(self, spec: Place, library: TemplateLibrary) -> None:
        self.found: list[Diagnostic] = []
        self._spec = spec
        self._library = library
        self._is_template = spec.document.kind.endswith("WorkflowTemplate")
        self._seen: set[tuple[str, tuple[str | int, ...]]] = set()
        reference = spec.child("workflowTemplateRef")
        self._context = context_of(spec) if reference.value is None else library.context(reference)
        self._specs = [spec, *([self._context.spec] if self._context and reference.value is not None else [])]
        self.globals = Scope(set(self._global_names()), prefixes=("workflow.parameters",) if self._is_template else ())

    def report(self, found: Iterable[Diagnostic]) -> None:
        """Take mistakes down."""
        self.found.extend(found)

    def run(self) -> list[Diagnostic]:
        """All mistakes of the object's names."""
        spec, context = self._spec, self._context
        if context is None:
            self._unknown_object(spec.child("workflowTemplateRef"))
            return self.found
        if context.spec is not spec and spec.get("templates"):
            message = "templates is no field of a spec that has a workflowTemplateRef"
            self.report([spec.child("templates").problem("A724", message, key=True)])
        self.report(check_names(spec.items("templates"), "template", field_name))
        self.report(check_arguments(spec.child("arguments"), may_lack=True))
        self.report(check_settings(spec))
        self._entry(context)
        self._exits(context)
        for template in context.spec.items("templates"):
            self._template(template, context)
        return self.found

    def call(self, holder: Place, context: Context) -> Place | None:
        """The template that a step, task or hook calls, looked at itself; None where it is not known."""
        given = [name for name in ("template", "templateRef", "inline") if holder.get(name)]
        if len(given) != 1:
            message = "exactly one of template, templateRef and inline must be specified"
            self.report([holder.problem("A724", message, key=True)])
            return None
        place = holder.child(given[0])
        if given == ["inline"]:
            self._template(place, context)
            return place
        if given == ["templateRef"]:
            return self._referenced(place)
        return self._named(place, context)

    def _named(self, name: Place, context: Context) -> Place | None:
        found = context.templates.get(str(name.value))
        if found is not None:
            self._template(found, context)
        elif "{{" not in str(name.value):
            hint = did_you_mean(str(name.value), context.templates)
            self.report([name.problem("A720", f"template name '{name.value}' undefined", hint=hint)])
        return found

    def _referenced(self, reference: Place) -> Place | None:
        name, template = str(reference.get("name", "")), str(reference.get("template", ""))
        if "{{" in name:
            return None
        context = self._library.context(reference)
        if context is None:
            self._unknown_object(reference)
            return None
        found = context.templates.get(template)
        if found is None and "{{" in template:
            return None
        if found is None:
            hint = did_you_mean(template, context.templates)
            message = f"template reference {name}.{template} not found"
            self.report([reference.child("template").problem("A720", message, hint=hint)])
        else:
            self._template(found, context)
        return found

    def _unknown_object(self, reference: Place) -> None:
        name = str(reference.get("name", ""))
        hint = did_you_mean(name, self._library.names(reference)) or "give the file that holds it, too"
        self.report([reference.child("name").problem("A720", f"{kind_of(reference)} {name} not found", hint=hint)])

    def _template(self, template: Place, context: Context) -> None:
        identity = (template.document.source.name, (*template.document.path_prefix, *template.path))
        if identity in self._seen:
            return
        self._seen.add(identity)
        self.report(_type(template))
        kind = type_of(template)
        scope = own_scope(template, self.globals)
        self.report(check_inputs(template))
        self.report(check_any(template))
        if kind == "steps":
            check_steps(self, template, context, scope)
        elif kind == "dag":
            check_dag(self, template, context, scope)
        elif kind:
            self.report(check_leaf(template, context, scope))
        if kind in ("steps", "dag") and template.get("activeDeadlineSeconds") is not None:
            message = "activeDeadlineSeconds is only valid for leaf templates"
            self.report([template.child("activeDeadlineSeconds").problem("A726", message, key=True)])
        self.report(check_outputs(template, scope))

    def _entry(self, context: Context) -> None:
        specs = [spec for spec in self._specs if spec.get("entrypoint")]
        if specs:
            called = self._named(specs[0].child("entrypoint"), context)
            if called is not None and not self._is_template:
                given = [spec.child("arguments") for spec in self._specs]
                self.report(missing(specs[0].child("entrypoint"), called, given, submitted(self._specs)))
        elif not self._is_template:
            self.report([self._spec.problem("A720", "spec.entrypoint is required", key=True)])

    def _exits(self, context: Context) -> None:
        specs = [spec for spec in self._specs if spec.get("onExit")]
        hooks = [spec.child("hooks").child(event) for spec in self._specs for event in spec.get("hooks", {})]
        for hook in hooks:
            self.report(check_hook(hook, str(hook.path[-1])))
        if specs or any(hook.path[-1] == "exit" for hook in hooks):
            self.globals.names.add("workflow.failures")
            self._export_dynamic(context)
        if specs:
            called = self._named(specs[0].child("onExit"), context)
            if called is not None and not self._is_template:
                self.report(missing(specs[0].child("onExit"), called, [self._spec.child("arguments")]))
        for hook in hooks:
            self.call(hook, context)

    def _export_dynamic(self, context: Context) -> None:
        """An exit handler may name any global artifact once one has a name that comes with the run."""
        for template in context.spec.items("templates"):
            for artifact in template.items("outputs", "artifacts"):
                if "{{" in str(artifact.get("globalName", "")):
                    self.globals.prefixes = (*self.globals.prefixes, "workflow.outputs.artifacts.")

    def _global_names(self) -> Iterator[str]:
        yield from _GLOBALS
        metadata = [Place(self._spec.document, self._spec.document.object, ()).child("metadata")]
        for spec in self._specs:
            if spec.get("priority") is not None:
                yield "workflow.priority"
            for parameter in spec.items("arguments", "parameters"):
                yield from ("workflow.parameters", "workflow.parameters.json")
                yield f"workflow.parameters.{parameter.get('name')}"
            metadata.append(spec.child("workflowMetadata"))
        for place in metadata:
            for kind, field in (("annotations", "annotations"), ("labels", "labels"), ("labels", "labelsFrom")):
                yield from (f"workflow.{kind}.{key}" for key in place.get(field, {}))


def _type(template: Place) -> Iterator[Diagnostic]:
    present = types_of(template)
    name = template.get("name", "this one")
    if len(present) == 1:
        return
    what = f"multiple template types specified ({', '.join(present)})" if present else "template type unspecified"
    yield template.problem("A724", f"{name}: {what}. choose one of: {', '.join(TYPES)}", key=True)
