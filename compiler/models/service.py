"""Models argosy.yaml's settings of `argosy serve`: its store, limits, identity provider, connectors."""

from typing import Annotated, Literal

from pydantic import Field

from compiler.models.base import Duration, Flag, Model, Number, Quantity, whole


class ServiceLimits(Model):
    """Limits of one consumer; a consumer's own limits count before these."""

    runs: Annotated[int, whole(0), Field(description="At once.")] = 10
    gpu_hours: Annotated[Number | None, Field(description="In 30 days; without it, any.")] = None
    storage: Annotated[Quantity, Field(description="Of inputs kept.")] = "100Gi"
    upload: Annotated[Quantity, Field(description="Of one input.")] = "10Gi"
    unpacked: Annotated[Quantity, Field(description="Of one archive, unpacked.")] = "50Gi"
    files: Annotated[int, whole(1), Field(description="In one archive.")] = 100_000
    engines: Annotated[int, whole(1), Field(description="Of all: runs that go on here at once.")] | None = None


class Oidc(Model):
    """An identity provider whose tokens (JWT) are taken."""

    issuer: str
    audience: str
    jwks: Annotated[str | None, Field(description="Where its keys are; default: as its configuration says.")] = None
    scopes: Annotated[
        tuple[str, ...], Field(description="What its consumers may do, where the token says nothing of it.")
    ] = ("assets", "inputs", "runs", "outputs")
    register_: Annotated[Flag, Field(alias="register", description="Unknown subjects become consumers.")] = False


class Edc(Model):
    """Connectors of a data space."""

    callbacks: Annotated[tuple[str, ...], Field(description="Beginnings of URLs that may be called back.")] = ()
    api_key_file: Annotated[str | None, Field(description="The connector's x-api-key, for callbacks.")] = None
    data: Annotated[
        Literal["proxy", "presigned", "s3"],
        Field(description="What a consumer gets: a URL of the service, one of the store, or temporary credentials."),
    ] = "proxy"
    lifetime: Annotated[Duration, Field(description="How long a data address is good.")] = 86400
    attempts: Annotated[int, whole(1), Field(description="Of a callback, before it is given up.")] = 40


class Service(Model):
    """`argosy serve`."""

    profile: Annotated[str | None, Field(description="Where runs go; default: the project's default.")] = None
    database: Annotated[
        str | None, Field(description="sqlite:///path or postgresql://host/name; a password stands in ARGOSY_DATABASE.")
    ] = None
    public_url: Annotated[str | None, Field(description="How the service is reached from outside.")] = None
    assets: Annotated[tuple[str, ...], Field(description="Files and folders with what is offered.")] = ("assets",)
    job_configs: Annotated[
        str | None,
        Field(description="The extended asset by which job-configs are run; with it, the routes of imla-k8s-api."),
    ] = None
    limits: ServiceLimits = Field(default_factory=ServiceLimits)
    oidc: Oidc | None = None
    edc: Edc = Field(default_factory=Edc)
