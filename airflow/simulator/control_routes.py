"""The simulator's own paths, for tests, demos and benches."""

from __future__ import annotations

from .http_types import Answer, HttpError, Request, Router
from .knobs import Knobs
from .scheduler import Scheduler


class ControlRoutes:
    """Adds itself to a router."""

    def __init__(self, scheduler: Scheduler, knobs: Knobs):
        self._scheduler = scheduler
        self._knobs = knobs

    def add_to(self, router: Router) -> None:
        """All routes."""
        router.add("GET", "/simulator/stats", lambda _: (200, self._scheduler.stats()))
        router.add("GET", "/simulator/knobs", self._shown)
        router.add("POST", "/simulator/knobs", lambda request: self._turned(request, self._knobs.turn))
        router.add("POST", "/simulator/fail", lambda request: self._turned(request, self._knobs.fail))
        router.add("POST", "/simulator/silent", lambda request: self._turned(request, self._knobs.silence))
        router.add("POST", "/simulator/http", lambda request: self._turned(request, self._knobs.misbehave))
        router.add("POST", "/simulator/dags/{dag}", self.change_dag)
        router.add("POST", "/simulator/reset", self.reset)

    def change_dag(self, request: Request) -> Answer:
        """`max_active_runs`; `present` false: as if the DAG had not been deployed."""
        body = request.document()
        dag_id = request.params[0]
        if dag_id not in self._scheduler.dags:
            raise HttpError(404, f"no DAG {dag_id}; there are {', '.join(self._scheduler.dags)}")
        cap = body.get("max_active_runs", self._scheduler.dags[dag_id].max_active_runs)
        present = body.get("present", self._scheduler.dags[dag_id].present)
        if not isinstance(cap, int) or isinstance(cap, bool) or cap < 1:
            raise HttpError(422, "max_active_runs must be a whole number above 0")
        if not isinstance(present, bool):
            raise HttpError(422, "present must be true or false")
        self._scheduler.set_cap(dag_id, cap)
        self._scheduler.dags[dag_id].present = present
        return 200, self._scheduler.stats()["dags"][dag_id]

    def reset(self, request: Request) -> Answer:
        """Knobs and DAGs as at the start; with {"runs": true} no runs and numbers either."""
        self._knobs.reset()
        self._scheduler.reset(bool((request.body or {}).get("runs", False)))
        return self._shown(request)

    def _turned(self, request: Request, turn) -> Answer:
        turn(request.document())
        return self._shown(request)

    def _shown(self, _: Request) -> Answer:
        return 200, self._knobs.show()
