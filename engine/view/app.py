"""The web application: an address in, a page out. Every page is made here and now; the URL is its whole state.

    /?round=0&label=dog&sort=score       the grid
    /facet?name=label&...                one facet of it, /histogram?name=score&... one histogram
    /suspects?round=0&order=doubts       labels that are probably wrong; /cut?... a part of a picture
    /image?round=0&key=photos/dog.jpg    one image; /diff?... what changed in it since another round
    /thumbnail?round=0&row=17            a small JPEG; /picture?... the original
    /effect?...                          what another threshold would change in the corpus
    POST /review                         a correction: one line of corrections.jsonl (docs/review.md)

All under the token (`engine/view/guard.py`). Keys and numbers are looked up, never joined to a path.
"""

import getpass
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engine.console.cleaning import visible
from engine.view import pages
from engine.view.effects import SCORE_RULES
from engine.view.guard import Guard
from engine.view.pictures import Pictures
from engine.view.query import FACETS, RANGES, SORTS, Query, natural, read_query
from engine.view.rounds import Looker
from engine.view.suspects import KINDS, read_suspect_query, suspect_page
from engine.view.worst import ORDERS
from shards.errors import CorpusError, InputError
from shards.images import read_image, read_image_rows
from shards.reviews import told_waiting
from shards.store import Store
from stages.review.lines import Made
from stages.review.take_in import take_in

FEW_IMAGES = 100_000
"""Up to here facets are part of the page; beyond, the page does not wait for them."""
MOST_BYTES = 64 << 10
"""Of a correction."""
_DAY = {"cache-control": "private, max-age=86400"}
_NEVER = {"cache-control": "no-store"}


def build_app(store: Store, name: str, token: str, roles: dict[str, str], few_images: int = FEW_IMAGES) -> Guard:
    """The application on one corpus. name: how the corpus is called on pages and in commands; roles: of its
    annotators, by name, as far as they are known."""
    viewer = _Viewer(store, name, roles, few_images)
    routes = [
        Route("/", viewer.grid),
        Route("/facet", viewer.facet),
        Route("/histogram", viewer.histogram),
        Route("/suspects", viewer.suspects),
        Route("/cut", viewer.cut),
        Route("/image", viewer.image),
        Route("/diff", viewer.diff),
        Route("/effect", viewer.effect),
        Route("/review", viewer.review, methods=["POST"]),
        Route("/thumbnail", viewer.thumbnail),
        Route("/picture", viewer.picture),
        Mount("/static", StaticFiles(directory=Path(__file__).with_name("static"))),
    ]
    handlers: dict[Any, Callable[[Request, Any], Response | Awaitable[Response]]] = {
        CorpusError: viewer.failed,
        FileNotFoundError: viewer.failed,
        InputError: viewer.failed,
        KeyError: viewer.failed,
        HTTPException: viewer.failed,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token)


class _Viewer:
    """Answers requests about one corpus. Each method is called in a thread of its own."""

    def __init__(self, store: Store, name: str, roles: dict[str, str], few_images: int) -> None:
        self._store = store
        self._name = name
        self._title = name.rstrip("/").rpartition("/")[2] or name
        self._few_images = few_images
        self._looker = Looker(store, roles)
        self._pictures = Pictures()
        self._templates = Environment(
            loader=PackageLoader("engine.view"), autoescape=select_autoescape(default=True), finalize=visible,
            undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals |= {"facets": FACETS, "ranges": RANGES, "sorts": SORTS, "told_waiting": told_waiting}

    def grid(self, request: Request) -> Response:
        query = self._query(request)
        at_once = len(self._looker.images(query.round)) <= self._few_images
        shown: list[pages.Facet] = []
        bars: list[pages.Histogram] = []
        if at_once:
            shown = [pages.facet(self._looker, query, name) for name in self._facets(query)]
            bars = [pages.histogram(self._looker, query, name) for name in RANGES]
        page = pages.grid(self._looker, query)
        return self._page(
            "grid.html",
            query,
            grid=page,
            at_once=at_once,
            facet_names=self._facets(query),
            shown=shown,
            bars=bars,
            looked=self._looker.worst(query.round).progress if query.sort == "suspects" else None,
            waiting=self._looker.waiting(query.round),
        )

    def facet(self, request: Request) -> Response:
        query, name = self._query(request), request.query_params.get("name", "")
        if name not in FACETS:
            raise HTTPException(404, f"no facet {name!r}")
        most = pages.MANY_VALUES if "all" in request.query_params else pages.FEW_VALUES
        return self._page("facet.html", query, facet=pages.facet(self._looker, query, name, most))

    def histogram(self, request: Request) -> Response:
        query, name = self._query(request), request.query_params.get("name", "")
        if name not in RANGES:
            raise HTTPException(404, f"no histogram {name!r}")
        return self._page("histogram.html", query, histogram=pages.histogram(self._looker, query, name))

    def suspects(self, request: Request) -> Response:
        query = self._query(request)
        asked = read_suspect_query(request.query_params, query.round)
        page = suspect_page(self._looker, asked)
        at_once = len(self._looker.images(query.round)) <= self._few_images
        return self._page(
            "suspects.html",
            query,
            asked=asked,
            grid=page,
            kinds=KINDS,
            orders=ORDERS,
            labels=pages.all_labels(self._looker, query.round) if at_once else [],
            waiting=self._looker.waiting(query.round),
        )

    def cut(self, request: Request) -> Response:
        query, place = self._kept(request)
        try:
            x, y, wide, tall = map(int, request.query_params.get("view", "").split(","))
            part = self._pictures.cut(self._looker.round(query.round), place, (x, y, wide, tall))
        except ValueError as error:
            raise HTTPException(404, f"wanted: view=x,y,width,height, a part of the picture: {error}") from error
        return Response(part, media_type="image/jpeg", headers=_DAY)

    def image(self, request: Request) -> Response:
        query = self._query(request)
        page = pages.image(self._looker, query.round, _key(request))
        at = natural(request.query_params.get("at", ""), -1)
        place = None if at < 0 else at
        beside = {} if place is None else pages.neighbours(self._looker, query, place)
        at_once = len(self._looker.images(query.round)) <= self._few_images
        return self._page(
            "image.html",
            query,
            image=page,
            at=place,
            beside=beside,
            labels=pages.labels(self._looker, page, at_once),
            waiting=self._looker.waiting(query.round),
        )

    def diff(self, request: Request) -> Response:
        query, key = self._query(request), _key(request)
        before = self._looker.before(query.round)
        changes = None if before is None else pages.difference(self._looker, before, query.round, key)
        row = self._looker.round(query.round).find(key)
        return self._page("diff.html", query, found=changes, row=row)

    def effect(self, request: Request) -> Response:
        query, asked = self._query(request), request.query_params
        rule, source = asked.get("rule", ""), asked.get("source", "")
        try:
            threshold = float(asked.get("threshold", ""))
        except ValueError:
            threshold = -1.0
        if rule not in SCORE_RULES or not 0 <= threshold <= 1:
            raise HTTPException(400, "wanted: rule, source and a threshold in [0, 1]")
        effect = self._looker.effects(query.round).effect(rule, source, threshold)
        return self._page("effect.html", query, effect=effect)

    async def review(self, request: Request) -> Response:
        """Take in one correction. Nobody waits for a round that is being written: it takes it in the next time."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise HTTPException(413, "a correction is shorter than that")
        line = _json(bytes(body))
        return await run_in_threadpool(self._take_in, line)

    def _take_in(self, line: dict[str, Any]) -> Response:
        number = line.get("round", self._looker.numbers[-1] if self._looker.numbers else 0)
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = Made(getpass.getuser(), when, number)
        taken = take_in(self._store, [("correction", line)], made, log=self._looker.log)
        if taken.mistakes:
            raise HTTPException(400, "; ".join(taken.mistakes))
        waiting = self._looker.waiting(number, at_once=True)
        outcome = f"{line['action']}: {'taken' if taken.new else 'was so already'}"
        wait = f"{told_waiting(waiting)}: fld filter {self._name} --round {number}"
        return PlainTextResponse(f"{outcome}. {wait}", headers=_NEVER)

    def thumbnail(self, request: Request) -> Response:
        query, place = self._kept(request)
        small = self._pictures.small(self._looker.round(query.round), place)
        return Response(small, media_type="image/jpeg", headers=_DAY)

    def picture(self, request: Request) -> Response:
        query, key = self._query(request), _key(request)
        round_ = self._looker.round(query.round)
        row = round_.find(key)
        if row["status"] == "kept":
            data, media = self._pictures.whole(round_, row)
            return Response(data, media_type=media, headers=_DAY)
        stored = next((image for image in read_image_rows(self._store, row["shard"]) if image.key == key), None)
        if stored is None or stored.status != "ok":
            raise HTTPException(404, "it could not be read when it was ingested")
        data, media = self._pictures.converted(read_image(self._store, row["shard"], stored), stored.ext)
        return Response(data, media_type=media, headers=_DAY)

    def failed(self, request: Request, error: Any) -> Response:
        """A message instead of a page; for who looks at pages with a way back."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        message = error.detail if isinstance(error, HTTPException) else error.args[0] if error.args else error
        if isinstance(error, FileNotFoundError):
            lost = str(error.filename or message).removeprefix(f"{self._store.url}/")
            message = f"{lost} is not there: `fld verify {self._name}` says what else is lost"
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(str(message), status, headers=_NEVER)
        page = self._templates.get_template("lost.html").render(message=str(message), title=self._title)
        return HTMLResponse(page, status, headers=_NEVER)

    def _query(self, request: Request) -> Query:
        numbers = self._looker.numbers
        if not numbers:
            raise CorpusError(f"{self._name} has no round yet: `fld run IMAGES {self._name}` writes one")
        return read_query(request.query_params.multi_items(), numbers[-1])

    def _kept(self, request: Request) -> tuple[Query, dict[str, Any]]:
        """The place of an image that the round kept, by its row."""
        query = self._query(request)
        images = self._looker.images(query.round)
        row = natural(request.query_params.get("row", ""), -1)
        if not 0 <= row < len(images):
            raise HTTPException(404, "no such image")
        place = images.place(row)
        if place["status"] != "kept":
            raise HTTPException(404, "the round did not keep it")
        return query, place

    def _facets(self, query: Query) -> list[str]:
        return [name for name in FACETS if name != "change" or self._looker.before(query.round) is not None]

    def _page(self, template: str, query: Query, **values: object) -> Response:
        made = self._templates.get_template(template).render(
            corpus=self._name, title=self._title, query=query, numbers=self._looker.numbers,
            before=self._looker.before(query.round), **values,
        )  # fmt: skip
        return HTMLResponse(made, headers=_NEVER)


def _json(body: bytes) -> dict[str, Any]:
    try:
        line = json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"not JSON: {error}") from error
    if not isinstance(line, dict):
        raise HTTPException(400, "wanted: one correction, as in corrections.jsonl")
    return line


def _key(request: Request) -> str:
    key = request.query_params.get("key")
    if key is None:
        raise HTTPException(400, "wanted: the key of an image")
    return key
