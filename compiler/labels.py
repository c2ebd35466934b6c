"""Names every label and annotation of Argosy's own, once; each says who writes it -> who reads it: what it holds."""

from typing import Final

_OWN: Final = "argosy.dev/"

# Labels of what is compiled.
DAG: Final = f"{_OWN}dag"  # compiler -> submissions, `compile -d`: of which DAG it is
PART: Final = f"{_OWN}part"  # compiler -> submissions: which part of a split DAG it is
BOUNDED: Final = f"{_OWN}bounded"  # compiler -> NetworkPolicies: the one that holds for an extended asset's pods
SESSION_TASK: Final = f"{_OWN}session"  # compiler -> Services, NetworkPolicies: which interactive task a pod is of

# Annotations of what is compiled; all but the first two are JSON.
DEFINITION: Final = f"{_OWN}definition"  # compiler -> lists of runs: the name of its file
DIGEST: Final = f"{_OWN}digest"  # compiler -> people: of the definitions, and of what they name
RESULTS: Final = f"{_OWN}results"  # compiler -> fetch, trees of tasks: what a run leaves
PARAMETERS: Final = f"{_OWN}parameters"  # compiler -> submissions: parameter to its type, bounds, pattern, enum
INPUTS: Final = f"{_OWN}inputs"  # compiler -> submissions, validation: input to its kind
UPLOADS: Final = f"{_OWN}uploads"  # compiler -> submissions: input to the path of its default beside the definition
SESSIONS: Final = SESSION_TASK  # compiler -> connect, submissions: the interactive tasks of a workflow
INGRESS: Final = f"{_OWN}ingress"  # compiler -> submissions: the profile's way to interactive tasks
BOUNDS: Final = f"{_OWN}bounds"  # compiler -> submissions, executors: what no field of a pod says of its bounds

# Labels of runs.
KEY: Final = f"{_OWN}key"  # submissions -> submissions that are repeated: once for all that mean one run
RUN: Final = f"{_OWN}run"  # the templates of split DAGs -> stop, delete, people: the name of the run it is a child of
RUN_ID: Final = f"{_OWN}run-id"  # service -> people: the service's id of the run
CONSUMER: Final = f"{_OWN}consumer"  # service -> people: the service's id of whose run it is

# Of one backend each, which writes and reads it.
OWNER: Final = f"{_OWN}owner"  # Kubernetes, label of ConfigMaps: the run that they belong to
PREPARING: Final = f"{_OWN}preparing"  # Kubernetes, annotation: suspended until the ConfigMaps are there
CONFIG_MAPS: Final = f"{_OWN}config-maps"  # Argo Server, annotation: what makes the ConfigMaps first, as JSON
OUTPUTS_RESULT: Final = f"{_OWN}outputs-result"  # this machine, annotation of pods: whether their result is wanted
