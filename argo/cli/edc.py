"""`argosy edc`: offer compute assets in a data space."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from argo.cli import options
from argo.errors import UsageError

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import OfferedAsset
    from argo.serve.workflow_api.edc.register import Management, Version

_KEY = "EDC_API_KEY"


@click.group(short_help="Offer compute assets in a data space (EDC).")
def edc() -> None:
    """Offer compute assets in a data space, by the management API of an Eclipse Dataspace Connector."""


_management = click.option("--management", metavar="URL", help="The connector's management API.")
_api_key = click.option("--api-key-file", type=click.Path(path_type=Path), help=f"Its x-api-key; else in {_KEY}.")


@edc.command(short_help="Write and post the offer of an asset.")
@click.argument("asset")
@_management
@_api_key
@click.option("--service", metavar="URL", required=True, help="The service as the connector reaches it.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Of the connector's consumer: goes into the URL.")
@click.option("--api", "version", type=click.Choice(["v3", "v4"]), default="v3", show_default=True, help="Of the API.")
@click.option("--label", "labels", multiple=True, help="Of the data plane that is meant (v4).")
@options.output()
def register(
    asset: str, management: str | None, api_key_file: Path | None, service: str, token_file: Path | None,
    version: Version, labels: tuple[str, ...], form: str,
) -> int:  # fmt: skip
    """Offer ASSET (a name, or a file): post its asset, policy and contract definition, or update those that are there.

    Without --management they are printed, and nothing is sent. The policy is the asset's `offer.policy`.
    """
    from argo.cli.output import emit
    from argo.cli.serve import need
    from argo.serve.workflow_api.settings import read_secret

    need()
    from argo.serve.workflow_api.edc.register import documents

    offered = _offered(asset)
    key = quote(read_secret(token_file), safe="") if token_file else "-"
    base = f"{service.rstrip('/')}/edc/{key}/c2/{offered.name}"
    made = documents(offered, base, version, labels=labels)
    if management is None:
        emit([document.body for document in made], "json" if form == "text" else form)
        return 0
    connector = _connector(management, version, api_key_file)
    done = []
    for document in made:
        what = connector.put(document)
        done.append({"collection": document.collection, "id": document.id, "done": what})
        if form == "text":
            click.echo(f"{what} {document.collection} {document.id}")
    if form != "text":
        emit(done, form)
    return 0


@edc.command(short_help="Register the service as a data plane.")
@_management
@_api_key
@click.option("--service", metavar="URL", required=True, help="The service as the control plane reaches it.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Of the connector's consumer: goes into the URL.")
@click.option("--id", "id_", default="argosy", show_default=True, help="Of the data plane.")
@click.option("--transfer-type", "types", multiple=True, default=("HttpData-PULL",), show_default=True)
@click.option("--label", "labels", multiple=True, help="By which assets choose it.")
@options.output()
def dataplane(
    management: str | None, api_key_file: Path | None, service: str, token_file: Path | None, id_: str,
    types: tuple[str, ...], labels: tuple[str, ...], form: str,
) -> int:  # fmt: skip
    """Tell a control plane of the service (Data Plane Signaling). Without --management that is printed, not sent."""
    from argo.cli.output import emit
    from argo.cli.serve import need
    from argo.serve.workflow_api.settings import read_secret

    need()
    from argo.serve.workflow_api.edc.register import dataplane as described

    key = quote(read_secret(token_file), safe="") if token_file else "-"
    authorization = "" if token_file else "apikey"
    body = described(id_, f"{service.rstrip('/')}/edc/{key}/c3", types, labels, authorization)
    if management is None:
        emit(body, "json" if form == "text" else form)
        return 0
    _connector(management, "v4", api_key_file).register(body)
    if form != "text":
        emit({"dataplaneId": id_}, form)
    else:
        click.echo(f"registered the data plane {id_}")
    return 0


def _connector(management: str, version: Version, api_key_file: Path | None) -> Management:
    from argo.serve.workflow_api.edc.register import Management
    from argo.serve.workflow_api.settings import read_secret

    key = read_secret(api_key_file) if api_key_file else os.environ.get(_KEY, "")
    return Management(management, version, key)


def _offered(asset: str) -> OfferedAsset:
    from argo.app.definitions import definitions
    from argo.serve.workflow_api.catalog import Catalog

    if Path(asset).is_file():
        found = Catalog([Path(asset)]).all()
        if len(found) != 1:
            raise UsageError(f"{asset} holds {len(found)} assets", hint="name one")
        return found[0]
    paths = [entry.path for entry in definitions("assets") if entry.name == asset]
    if not paths:
        raise UsageError(f"there is no asset {asset}", hint="argosy assets list")
    return Catalog(paths[:1]).get(asset)
