"""The codes of all diagnostics: one table, so that no code stands for two things."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]


class Code(NamedTuple):
    """A kind of mistake: its id, how severe it is, and its title in one line."""

    id: str
    severity: Severity
    title: str


_CODES: Final[tuple[tuple[str, Severity, str], ...]] = (
    # A1xx: syntax and structure of definitions (compiler.load)
    ("A101", "error", "a file cannot be read"),
    ("A102", "error", "a file is not UTF-8 text"),
    ("A103", "error", "a control character in a file"),
    ("A104", "error", "malformed YAML"),
    ("A105", "error", "a key stands twice"),
    ("A106", "error", "a key is not text"),
    ("A107", "error", "a YAML tag"),
    ("A108", "error", "an anchor that is unknown, contains itself, or grows without measure"),
    ("A109", "error", "a YAML merge key"),
    ("A110", "error", "nested too deeply"),
    ("A111", "error", "no definition in a file"),
    ("A112", "error", "a number out of range"),
    ("A113", "error", "unknown kind of definition"),
    ("A114", "error", "unknown apiVersion"),
    ("A120", "error", "unknown field"),
    ("A121", "error", "missing field"),
    ("A122", "error", "wrong type of value"),
    ("A123", "error", "not one of the values allowed"),
    ("A124", "error", "not a valid name"),
    ("A125", "error", "a value out of its bounds"),
    ("A126", "error", "a value not in its format"),
    ("A127", "error", "fields that exclude each other, or none of them"),
    ("A128", "error", "a field that does not belong here"),
    ("A129", "error", "a path that is not absolute"),
    ("A130", "error", "not a cron schedule"),
    ("A131", "error", "unknown time zone"),
    ("A132", "error", "a default that its own parameter refuses"),
    ("A140", "error", "a definition in Python raised an exception"),
    ("A141", "error", "a definition in Hera that is not a valid manifest"),
    ("A150", "error", "malformed dotenv file"),
    ("A160", "error", "a definition stands twice"),
    ("A170", "warning", "a field that another system's file has and that means nothing"),
    # A2xx: names and what they are bound to (compiler.resolve)
    ("A201", "error", "unknown asset"),
    ("A202", "error", "no version of the asset fits"),
    ("A203", "error", "not the name of an asset"),
    ("A204", "error", "unknown DAG"),
    ("A205", "error", "DAGs that contain each other"),
    ("A206", "error", "unknown task"),
    ("A207", "error", "tasks that wait for each other"),
    ("A208", "error", "names that clash"),
    ("A209", "error", "a name that Argo or Kubernetes does not take"),
    ("A210", "warning", "a line of argosy.lock that is none"),
    ("A212", "error", "a task that reads its own output"),
    ("A213", "error", "unknown parameter or input"),
    ("A214", "error", "malformed needs"),
    ("A215", "error", "a field that this kind of task cannot have"),
    # A3xx: references, types and data flow (compiler.resolve, compiler.check)
    ("A301", "error", "malformed reference"),
    ("A302", "error", "a reference to nothing"),
    ("A303", "error", "a reference that has no meaning where it stands"),
    ("A304", "error", "a reference where none is allowed"),
    ("A305", "error", "a reference of the wrong type"),
    ("A306", "error", "a value that its parameter refuses"),
    ("A307", "error", "a parameter that is not given"),
    ("A308", "error", "an input that is not given"),
    ("A309", "error", "not a source of an input"),
    ("A310", "error", "not a list to loop over"),
    ("A311", "error", "unknown field of an item"),
    ("A312", "error", "malformed condition"),
    ("A313", "error", "a condition over values that cannot be compared"),
    ("A314", "warning", "an output that may be missing, since its task may be skipped"),
    ("A315", "error", "a list of lists of files"),
    ("A316", "error", "a result that is not an output"),
    ("A317", "error", "a local file that is missing or too large"),
    ("A319", "warning", "a default that the parameter it is given to refuses"),
    ("A320", "warning", "an output that may be missing, since its task may fail"),
    ("A321", "error", "something needed that may be missing"),
    ("A322", "warning", "a loop over nothing"),
    ("A323", "warning", "something declared that is never used"),
    ("A324", "warning", "directories that are gathered as tar files"),
    # A40x and A41x: resources, placement, limits and schedules (compiler.check)
    ("A401", "error", "unknown GPU product"),
    ("A402", "error", "resources that no node can give"),
    ("A403", "warning", "resources that are probably not meant"),
    ("A404", "error", "a share of a GPU that does not exist"),
    ("A405", "error", "an asset without an image of its own"),
    ("A406", "error", "more items than a Workflow can hold"),
    ("A407", "warning", "a timeout that never applies"),
    ("A408", "warning", "a retry that never happens"),
    ("A409", "warning", "a cache that depends on nothing"),
    ("A410", "error", "a schedule for a DAG that needs something given"),
    ("A411", "warning", "a limit that does not hold where a DAG is nested"),
    ("A412", "error", "a cached loop whose files are gathered"),
    ("A413", "error", "an interactive task that nobody could reach"),
    # A45x: what lowering finds out (compiler.lower, compiler.emit)
    ("A450", "error", "a DAG larger than a Workflow may be"),
    ("A451", "warning", "a DAG larger than a Workflow may be on a cluster"),
    ("A452", "error", "a schedule with an input that has to be uploaded"),
    ("A453", "error", "a local file that cannot stand in a manifest"),
    ("A454", "error", "continueOn beside conditions in `needs`"),
    ("A455", "error", "a nested DAG with `finally`"),
    ("A456", "warning", "a cache that does not see its input files"),
    ("A457", "error", "a value between two braces, where Argo would read it as a template"),
    # A5xx: what is open to attack (compiler.check)
    ("A501", "warning", "a text parameter inside program text"),
    ("A502", "warning", "an image without a fixed tag"),
    ("A503", "error", "an image without a digest"),
    ("A504", "error", "an image from a registry that is not allowed"),
    ("A505", "note", "hardening that is loosened"),
    ("A506", "note", "the service-account token is in the main container"),
    ("A507", "warning", "a secret written in a definition"),
    ("A508", "error", "a place that a container cannot have"),
    ("A509", "warning", "an output's folder that hides something"),
    ("A510", "error", "hardening that contradicts itself"),
    ("A511", "error", "something in reach of what consumers bring"),
    ("A512", "warning", "an interactive asset that is open to everybody"),
    ("A513", "error", "resources of an extended asset beyond its bounds"),
    ("A514", "error", "not the name of an image"),
    # A6xx: a project (compiler.load)
    ("A601", "note", "a project's asset shadows a shipped one"),
    ("A602", "error", "unknown profile"),
    # A70x: manifests as files (argo.workflow)
    ("A701", "error", "a manifest file cannot be read"),
    ("A702", "error", "a manifest is malformed YAML"),
    ("A703", "error", "no Kubernetes object"),
    ("A704", "warning", "an object that this machine makes no use of"),
    ("A705", "error", "an object stands twice"),
    # A71x and A72x: whether Argo and Kubernetes would take a manifest (argo.validate); A711: argo.local.supported
    ("A710", "error", "an unknown field, or a value of the wrong shape"),
    ("A711", "error", "a field that the engine on this machine does not support"),
    ("A712", "error", "an expression that cannot be executed"),
    ("A720", "error", "a name that nothing has"),
    ("A721", "error", "a name that stands twice, or a cycle"),
    ("A722", "error", "a variable that nothing sets"),
    ("A723", "error", "an argument is missing"),
    ("A724", "error", "a template, task or step without exactly one thing to do"),
    ("A725", "error", "a name that is missing, malformed or reserved"),
    ("A726", "error", "a value that is not allowed, or a field that has no place there"),
    # A73x: whether this machine can run it (argo.local.supported)
    ("A730", "error", "a container whose command is not known on this machine"),
    ("A731", "error", "more devices than this machine has"),
    ("A732", "warning", "more processors or memory than this machine has"),
    ("A733", "error", "an output that is a folder of this machine"),
    ("A734", "error", "a pod for another kind of machine"),
)

REGISTRY: Final = {code: Code(code, severity, title) for code, severity, title in _CODES}
