"""How errors are answered: `{"code", "message"}` with a gRPC code, as Argo's gateway writes them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from argo.errors import ArgosyError, ConflictError, DefinitionError, NotFoundError, UsageError
from argo.serve.refusal import Refusal

HEADERS = {"Grpc-Metadata-Content-Type": "application/grpc"}
_GRPC = {401: 16, 403: 7}
_NO_TOKEN = "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/"  # noqa: S105  (a message)
_HTTP = {2: 500, 3: 400, 5: 404, 6: 409, 7: 403, 9: 400, 12: 501, 16: 401}


class ApiError(Exception):
    """An answer other than 200. `code` is gRPC's."""

    def __init__(self, code: int, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _HTTP[code]
        self.message = message

    def body(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message}


def not_found(plural: str, name: str) -> ApiError:
    """As Kubernetes says it."""
    return ApiError(5, f'{plural}.argoproj.io "{name}" not found')


def exists(plural: str, name: str) -> ApiError:
    """As Kubernetes says it."""
    return ApiError(6, f'{plural}.argoproj.io "{name}" already exists')


def translated(error: ArgosyError) -> ApiError:
    """An error of the engine as the API answers it."""
    message = error.message
    if isinstance(error, DefinitionError) and error.diagnostics:
        message = "; ".join(item.message for item in error.diagnostics if item.severity == "error")
    for kind, code in ((NotFoundError, 5), (ConflictError, 9), (UsageError, 3)):
        if isinstance(error, kind):
            return ApiError(code, message)
    return ApiError(2, message)


async def answer_error(_request: Request, error: Exception) -> Response:
    """The answer to whatever a handler raised; never a traceback."""
    if isinstance(error, ArgosyError):
        error = translated(error)
    elif isinstance(error, Refusal):
        message = _NO_TOKEN if error.status == 401 else error.message
        error = ApiError(_GRPC.get(error.status, 3), message, error.status)
    if not isinstance(error, ApiError):
        error = ApiError(2, "internal error")
    return JSONResponse(error.body(), error.status, HEADERS if error.status != 501 else None)
