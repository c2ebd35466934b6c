"""The page that describes the service's API to people: made of the OpenAPI document, without any script."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import HTMLResponse

_OTHERS: Final = "Others"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def described(document: dict[str, Any]) -> HTMLResponse:
    """The page: every call with its parameters, bodies and answers, and the schemas that they name."""
    import jinja2

    from argo.shipped import folder

    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = next(iter(operation.get("tags") or ()), _OTHERS)
            groups.setdefault(tag, []).append((method, path, operation))
    loader = jinja2.FileSystemLoader(folder("templates"))
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("pages/api.html.j2")
    return HTMLResponse(template.render(document=document, groups=list(groups.items())), headers=_HEADERS)
