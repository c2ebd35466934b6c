"""A Workflow with its nodes, which a cluster may store compressed or elsewhere.

Facts: Argo workflow/packer/packer.go (compressedNodes: base64 of gzip of JSON), persist/sqldb (offloaded).
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib

from argo.errors import RemoteError
from argo.workflow.status import nodes_of
from compiler.manifest_types import NodeStatus, Workflow

_LARGEST = 512 << 20  # bytes of JSON that compressed nodes may unpack to


def hydrate(workflow: Workflow) -> Workflow:
    """The Workflow itself, `status.nodes` filled in where they are compressed.

    Raises RemoteError where they cannot be read, or are stored outside the object.
    """
    status = workflow.get("status") or {}
    packed = status.pop("compressedNodes", None)
    if packed:
        try:
            status["nodes"] = json.loads(_unpacked(base64.b64decode(packed)))
        except (binascii.Error, OSError, EOFError, ValueError, zlib.error) as error:
            raise RemoteError(
                f"the tasks of {workflow['metadata']['name']} cannot be read: the compressed status is broken"
            ) from error
    elif status.get("offloadNodeStatusVersion") and not status.get("nodes"):
        raise RemoteError(
            f"the tasks of {workflow['metadata']['name']} are not in it: the controller keeps them in a database",
            known=f"the run is {status.get('phase') or 'Pending'}",
            hint="use a profile with the cluster's Argo Server (engine.server), which has them",
        )
    return workflow


def compress(nodes: dict[str, NodeStatus]) -> str:
    """Nodes as they stand in `status.compressedNodes`."""
    return base64.b64encode(gzip.compress(json.dumps(nodes).encode(), mtime=0)).decode()


def changed(before: Workflow | None, after: Workflow) -> frozenset[str] | None:
    """The ids of the nodes in which two pictures of a run differ; None without a picture before."""
    if before is None:
        return None
    old, new = nodes_of(before), nodes_of(after)
    return frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _unpacked(data: bytes) -> bytes:
    decoder = zlib.decompressobj(wbits=31)
    text = decoder.decompress(data, _LARGEST)
    if decoder.unconsumed_tail:
        raise ValueError("too large")
    return text
