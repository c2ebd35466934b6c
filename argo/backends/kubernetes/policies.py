"""The NetworkPolicies that a namespace has, as far as runs depend on them."""

from __future__ import annotations

from typing import Final

from argo.backends.kubernetes.api import Cluster
from argo.errors import ArgosyError

WANTED: Final = {
    "argosy-runs": "runs reach what they like, and are reached",
    "argosy-bounded": "what consumers bring reaches what it likes where its own policy is gone",
}
"""Those of `argosy setup`, and what is so without."""


def missing(cluster: Cluster) -> list[str]:
    """Which of them are not there, in words; what is in the way of looking, too."""
    try:
        there = {item["metadata"]["name"] for item in cluster.list("NetworkPolicy")}
    except ArgosyError as error:
        return [f"whether the NetworkPolicies of argosy setup are there is not known: {error.message}"]
    return [
        f"the NetworkPolicy {name} is missing in {cluster.namespace}: {without}"
        for name, without in WANTED.items()
        if name not in there
    ]
