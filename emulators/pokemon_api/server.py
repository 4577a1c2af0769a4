"""The Pokémon API's two read endpoints, over the data set in pokemon.csv.

Only the fields that the flows read are served, in the public API's shape: heights in decimetres, weights in hectograms.
"""

import csv
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_STATS = ("hp", "attack", "defense", "special-attack", "special-defense", "speed")
_PAGE = 20
_DIGITS = 9


def entries() -> list[dict[str, Any]]:
    """Read the data set, each entry in the public API's shape, in the order of the ids."""
    text = (resources.files(__package__) / "pokemon.csv").read_text(encoding="utf-8")
    return [_entry(row) for row in csv.DictReader(text.splitlines())]


def application() -> Starlette:
    """Make the ASGI application; it holds the whole data set in memory."""
    listed = entries()
    by_key = {key: entry for entry in listed for key in (str(entry["id"]), entry["name"])}

    async def page(request: Request) -> JSONResponse:
        limit, offset = _number(request, "limit", _PAGE), _number(request, "offset", 0)
        base = str(request.url.replace(query=""))
        chosen = listed[offset : offset + limit]

        def link(start: int) -> str | None:
            return f"{base}?offset={start}&limit={limit}" if 0 <= start < len(listed) else None

        return JSONResponse(
            {
                "count": len(listed),
                "next": link(offset + limit) if limit else None,
                "previous": link(max(0, offset - limit)) if offset else None,
                "results": [{"name": entry["name"], "url": f"{base.rstrip('/')}/{entry['id']}/"} for entry in chosen],
            }
        )

    async def one(request: Request) -> JSONResponse:
        entry = by_key.get(request.path_params["key"])
        if entry is None:
            raise HTTPException(404, "Not Found")
        return JSONResponse(entry)

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "about": "an emulator of the Pokémon API", "entries": len(listed)})

    pokemon = "/api/v2/pokemon"
    return Starlette(
        routes=[
            Route("/health", health),
            *(Route(f"{pokemon}{end}", page) for end in ("", "/")),
            *(Route(f"{pokemon}/{{key}}{end}", one) for end in ("", "/")),
        ]
    )


def _entry(row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": int(row["id"]),
        "name": row["name"],
        "height": int(row["height"]),
        "weight": int(row["weight"]),
        "base_experience": int(row["base_experience"]),
        "types": [{"slot": slot, "type": {"name": name}} for slot, name in enumerate(row["types"].split("/"), start=1)],
        "stats": [{"base_stat": int(row[name]), "stat": {"name": name}} for name in _STATS],
    }


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not value.isascii() or not value.isdigit() or len(value) > _DIGITS:
        raise HTTPException(400, f"{name} has to be a whole number of at most {_DIGITS} digits")
    return int(value)
