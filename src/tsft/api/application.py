"""The paths under /api/ and the application that answers them, in front of the page on the same server."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tsft import __version__
from tsft.api import answers
from tsft.api.answers import Bad, Good
from tsft.api.forms import (
    Begun,
    Checked,
    Enqueued,
    Health,
    Obeyed,
    Queue,
    RunPage,
    Wanted,
    WantedCommand,
    WantedHold,
    WantedPlace,
    WantedResume,
    WantedRun,
    WantedRuns,
)
from tsft.api.gate import Gate
from tsft.api.health import Examiner
from tsft.api.service import Service
from tsft.errors import UserError

PREFIX = "/api"
RunId = Annotated[str, Path(max_length=300, description="A run's id, or “current” for the run in progress.")]
_REFUSALS = (400, 401, 403, 404, 405, 409, 411, 413, 415, 422, 429, 500, 503, 507)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Branch:
    """ASGI middleware: what is under one of the prefixes goes to its application, everything else on to the page."""

    def __init__(self, app: Any, branches: Mapping[str, Any]) -> None:
        self._app = app
        self._branches = branches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _inner_path(scope) if scope["type"] == "http" else ""
        found = (branch for prefix, branch in self._branches.items() if path.startswith(prefix + "/"))
        await next(found, self._app)(scope, receive, send)


def make_api(service: Service, gate: Gate, examiner: Examiner) -> FastAPI:
    """The application. Its description is a path like the others, behind the same login."""
    documented: dict[int | str, dict[str, Any]] = {code: {"model": Bad} for code in _REFUSALS}
    api = FastAPI(
        title="tsft", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, responses=documented
    )
    api.state.default_language = lambda: service.settings.current().defaults.language

    @api.middleware("http")
    async def let_in(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        return gate.refusal(request) or await go_on(request)

    api.add_exception_handler(UserError, answers.on_user_error)
    api.add_exception_handler(HTTPException, answers.on_http_error)
    api.add_exception_handler(RequestValidationError, answers.on_invalid)
    api.add_exception_handler(Exception, answers.on_bug)
    _add_server(api, examiner)
    _add_runs(api, service)
    _add_doing(api, service)
    _add_queue(api, service)
    return api


def _add_server(api: FastAPI, examiner: Examiner) -> None:
    @api.get(PREFIX + "/health", tags=["server"])
    def health(request: Request) -> Good[Health]:
        """Whether the server can do its work; answers within seconds whatever is wrong."""
        return Good(data=examiner.health(answers.language_of(request)))

    @api.get(PREFIX + "/openapi.json", tags=["server"], response_model=None)
    def description() -> JSONResponse:
        """This description, in the form of OpenAPI and not in the one of all other answers."""
        return JSONResponse(api.openapi())


def _add_runs(api: FastAPI, service: Service) -> None:
    @api.get(PREFIX + "/runs", tags=["runs"])
    def runs(
        search: Annotated[str, Query(max_length=500)] = "",
        status: Annotated[str, Query(max_length=50)] = "",
        tag: Annotated[str, Query(max_length=200)] = "",
        sort: Annotated[str, Query(max_length=50)] = "-created",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    ) -> Good[RunPage]:
        """The runs of the workspace, the newest first unless `sort` says otherwise."""
        return Good(data=service.runs(search, status, tag, sort, limit, offset))

    @api.get(PREFIX + "/runs/{run}", tags=["runs"])
    def state(run: RunId) -> Good[dict[str, Any]]:
        """How a run stands."""
        return Good(data=service.state(run))

    @api.get(PREFIX + "/runs/{run}/metrics", tags=["runs"])
    def metrics(
        run: RunId,
        names: Annotated[str, Query(max_length=1000, description="Names of curves with commas; all without.")] = "",
        points: Annotated[int, Query(ge=10, le=2000)] = 400,
    ) -> Good[dict[str, Any]]:
        """A run's curves, thinned so that no spike is lost."""
        chosen = [name.strip() for name in names.split(",") if name.strip()]
        return Good(data=service.metrics(run, chosen, points))

    @api.get(PREFIX + "/runs/{run}/config", tags=["runs"])
    def config(run: RunId) -> Good[dict[str, Any]]:
        """All settings of a run."""
        return Good(data=service.config(run))


def _add_doing(api: FastAPI, service: Service) -> None:
    @api.post(PREFIX + "/check", tags=["runs"])
    def check(wanted: Wanted, request: Request) -> Good[Checked]:
        """Everything that is wrong with a run, without beginning it."""
        return Good(data=service.check(wanted, answers.language_of(request)))

    @api.post(PREFIX + "/runs", tags=["runs"], status_code=HTTPStatus.CREATED)
    def start(wanted: WantedRun, request: Request) -> Good[Begun]:
        """Begin a run, or put it into the queue."""
        return Good(data=service.start(wanted, request.state.user))

    @api.post(PREFIX + "/runs/{run}/commands", tags=["runs"])
    def command(run: RunId, wanted: WantedCommand, request: Request) -> Good[Obeyed]:
        """Ask the run in progress for something; it obeys at its next micro-batch."""
        return Good(data=service.command(run, wanted.command, request.state.user))

    @api.post(PREFIX + "/runs/{run}/resume", tags=["runs"], status_code=HTTPStatus.CREATED)
    def resume(run: RunId, wanted: WantedResume, request: Request) -> Good[Begun]:
        """Go on with a run from a checkpoint."""
        return Good(data=service.resume(run, wanted, request.state.user))


def _add_queue(api: FastAPI, service: Service) -> None:
    @api.get(PREFIX + "/queue", tags=["queue"])
    def queue() -> Good[Queue]:
        """The runs that wait, the next one first."""
        return Good(data=service.queue())

    @api.post(PREFIX + "/queue", tags=["queue"], status_code=HTTPStatus.CREATED)
    def enqueue(wanted: WantedRuns, request: Request) -> Good[Enqueued]:
        """Put runs at the end of the queue: all of them, or none when one is wrong."""
        return Good(data=service.enqueue(wanted, request.state.user))

    @api.patch(PREFIX + "/queue", tags=["queue"])
    def hold(wanted: WantedHold, request: Request) -> Good[Queue]:
        """Hold the queue, or let it go on."""
        return Good(data=service.hold(wanted.is_held, request.state.user))

    @api.patch(PREFIX + "/queue/{run}", tags=["queue"])
    def move(run: RunId, wanted: WantedPlace) -> Good[Queue]:
        """Give a waiting run another place."""
        return Good(data=service.move(run, wanted.position))

    @api.delete(PREFIX + "/queue/{run}", tags=["queue"])
    def remove(run: RunId) -> Good[Queue]:
        """Take a waiting run out of the queue."""
        return Good(data=service.remove(run))


def _inner_path(scope: Scope) -> str:
    """The path behind a proxy's prefix, whether or not the proxy has taken that away."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path
