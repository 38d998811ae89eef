"""The part of Airflow's REST API v2 that Expunge uses: same paths, status codes and field names (Airflow 3.3)."""

from __future__ import annotations

import re
from typing import Any

from .http_types import Answer, HttpError, Request, Router, invalid
from .runs import TASKS, Run, now
from .scheduler import Dag, Scheduler

_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
_TRIGGER_FIELDS = (
    "dag_run_id",
    "data_interval_start",
    "data_interval_end",
    "logical_date",
    "run_after",
    "conf",
    "note",
    "partition_key",
)
_MUTABLE_STATES = ("queued", "success", "failed")


class AirflowRoutes:
    """Adds itself to a router."""

    def __init__(self, scheduler: Scheduler):
        self._scheduler = scheduler

    def add_to(self, router: Router) -> None:
        """All routes."""
        runs = "/api/v2/dags/{dag}/dagRuns"
        tasks = f"{runs}/{{run}}/taskInstances"
        router.add("GET", "/api/v2/monitor/health", self.health)
        router.add("GET", "/api/v2/version", lambda _: (200, {"version": "3.3.2", "git_version": "simulator"}))
        router.add("GET", "/api/v2/dags", self.list_dags)
        router.add("GET", "/api/v2/dags/{dag}", lambda request: (200, _dag_json(self._dag(request))))
        router.add("PATCH", "/api/v2/dags/{dag}", self.patch_dag)
        router.add("GET", runs, self.list_runs)
        router.add("POST", runs, self.trigger)
        router.add("GET", f"{runs}/{{run}}", lambda request: (200, self._run(request).to_json()))
        router.add("PATCH", f"{runs}/{{run}}", self.patch_run)
        router.add("POST", f"{runs}/{{run}}/clear", self.clear)
        router.add("GET", tasks, self.list_tasks)
        router.add("GET", f"{tasks}/{{task}}", self.get_task)
        router.add("GET", f"{tasks}/{{task}}/xcomEntries/{{key}}", self.get_xcom)

    def health(self, _: Request) -> Answer:
        time = now().replace("Z", "+00:00")
        return 200, {
            "metadatabase": {"status": "healthy"},
            "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": time},
            "triggerer": {"status": "healthy", "latest_triggerer_heartbeat": time},
            "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": time},
        }

    def list_dags(self, _: Request) -> Answer:
        dags = [_dag_json(dag) for dag in self._scheduler.dags.values() if dag.present]
        return 200, {"dags": dags, "total_entries": len(dags)}

    def patch_dag(self, request: Request) -> Answer:
        dag = self._dag(request)
        paused = request.document().get("is_paused")
        if not isinstance(paused, bool):
            raise invalid("bool_type", ["body", "is_paused"], "Input should be a valid boolean", paused)
        self._scheduler.pause(dag.spec.dag_id, paused)
        return 200, _dag_json(dag)

    def trigger(self, request: Request) -> Answer:
        self._scheduler.counted("posts")
        try:
            run = self._new_run(request)
        except HttpError:
            self._scheduler.counted("refused")
            raise
        if not self._scheduler.submit(run):
            self._scheduler.counted("conflicts")
            raise HttpError(
                409,
                {
                    "reason": "Unique constraint violation",
                    "statement": "hidden",
                    "orig_error": "hidden",
                    "message": "A run with this dag_run_id exists already",
                },
            )
        self._scheduler.counted("accepted")
        return 200, {**run.to_json(), "state": "queued", "start_date": None, "end_date": None, "duration": None}

    def patch_run(self, request: Request) -> Answer:
        run = self._run(request)
        body = request.document()
        for name in body:
            if name not in ("state", "note"):
                raise invalid("extra_forbidden", ["body", name], "Extra inputs are not permitted", body[name])
        state = body.get("state")
        if state is not None and state not in _MUTABLE_STATES:
            raise invalid("enum", ["body", "state"], "Input should be 'queued', 'success' or 'failed'", state)
        if "note" in body:
            run.note = body["note"]
        if state == "queued":
            self._scheduler.clear(run)
        elif state is not None:
            self._scheduler.end(run, state)
        return 200, run.to_json()

    def clear(self, request: Request) -> Answer:
        run = self._run(request)
        if request.document().get("dry_run", True):
            return 200, self._tasks_json(run)
        self._scheduler.clear(run)
        return 200, run.to_json()

    def list_runs(self, request: Request) -> Answer:
        dag_id = request.params[0]
        if dag_id != "~":
            self._dag(request)
        try:
            limit = int(request.query.get("limit", ["50"])[0])
            offset = int(request.query.get("offset", ["0"])[0])
        except ValueError as error:
            raise invalid("int_parsing", ["query", "limit"], "Input should be a valid integer", request.query) from error
        runs = self._scheduler.listed(None if dag_id == "~" else dag_id, request.query.get("state", []))
        if request.query.get("order_by", [""])[0].startswith("-"):
            runs.reverse()
        return 200, {
            "dag_runs": [run.to_json() for run in runs[offset : offset + limit]],
            "total_entries": len(runs),
            "total_entries_limit": None,
            "next_cursor": None,
            "previous_cursor": None,
        }

    def list_tasks(self, request: Request) -> Answer:
        return 200, self._tasks_json(self._run(request, "DagRun with dag_id: `{}` and run_id: `{}` was not found"))

    def get_task(self, request: Request) -> Answer:
        run = self._run(request)
        task_id = request.params[2]
        if task_id not in TASKS:
            raise HttpError(
                404, f"The Task Instance with dag_id: `{run.dag_id}`, run_id: `{run.run_id}` and task_id: `{task_id}` was not found"
            )
        return 200, run.task_json(task_id, self._pool(run))

    def get_xcom(self, request: Request) -> Answer:
        run = self._run(request)
        entry = run.xcom_json(request.params[2], request.params[3])
        if entry is None:
            raise HttpError(404, f"XCom entry with key: `{request.params[3]}` not found")
        return 200, entry

    def _new_run(self, request: Request) -> Run:
        body = request.document()
        for name in body:
            if name not in _TRIGGER_FIELDS:
                raise invalid("extra_forbidden", ["body", name], "Extra inputs are not permitted", body[name])
        if "logical_date" not in body:
            raise invalid("missing", ["body", "logical_date"], "Field required", body)
        conf = body.get("conf")
        if conf is not None and not isinstance(conf, dict):
            raise invalid("dict_type", ["body", "conf"], "Input should be a valid dictionary", conf)
        run_id = body.get("dag_run_id")
        if run_id is not None and not isinstance(run_id, str):
            raise invalid("string_type", ["body", "dag_run_id"], "Input should be a valid string", run_id)
        dag_id = request.params[0]
        if dag_id not in self._scheduler.dags or not self._scheduler.dags[dag_id].present:
            raise HttpError(404, f"Dag with dag_id: '{dag_id}' not found")
        run_id = run_id or f"manual__{now()}"
        if not _RUN_ID.fullmatch(run_id):
            raise HttpError(400, f"The run_id provided '{run_id}' does not match regex pattern '^[A-Za-z0-9_.~:+-]+$'")
        return Run(dag_id, run_id, conf or {}, logical_date=body["logical_date"], note=body.get("note"))

    def _dag(self, request: Request) -> Dag:
        dag = self._scheduler.dags.get(request.params[0])
        if dag is None or not dag.present:
            raise HttpError(404, f"The Dag with ID: `{request.params[0]}` was not found")
        return dag

    def _run(self, request: Request, text: str = "The DagRun with dag_id: `{}` and run_id: `{}` was not found") -> Run:
        run = self._scheduler.runs.get((request.params[0], request.params[1]))
        if run is None:
            raise HttpError(404, text.format(*request.params[:2]))
        return run

    def _pool(self, run: Run) -> str:
        dag = self._scheduler.dags.get(run.dag_id)
        return dag.spec.pool if dag else "default_pool"

    def _tasks_json(self, run: Run) -> dict[str, Any]:
        tasks = [run.task_json(task_id, self._pool(run)) for task_id in TASKS]
        return {
            "task_instances": tasks,
            "total_entries": len(tasks),
            "total_entries_limit": None,
            "next_cursor": None,
            "previous_cursor": None,
        }


def _dag_json(dag: Dag) -> dict[str, Any]:
    spec = dag.spec
    return {
        "dag_id": spec.dag_id,
        "dag_display_name": spec.dag_id,
        "is_paused": dag.paused,
        "is_stale": False,
        "last_parsed_time": None,
        "last_expired": None,
        "bundle_name": "simulator",
        "bundle_version": None,
        "relative_fileloc": None,
        "fileloc": "simulator",
        "description": f"Expunge: erases one {spec.kind}; simulated",
        "timetable_summary": None,
        "timetable_description": "Never, external triggers only",
        "tags": [],
        "max_active_tasks": dag.max_active_runs,
        "max_active_runs": dag.max_active_runs,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
        "has_import_errors": False,
        "owners": ["airflow"],
    }
