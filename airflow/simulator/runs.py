"""DAG runs and their tasks, in the JSON of Airflow's REST API v2."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

TASKS = ("check_fence", "erase", "publish_result", "publish_failure")
FINISHED = ("success", "failed")


def now() -> str:
    """As Airflow writes times."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _duration(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


@dataclass
class Task:
    """A task instance."""

    state: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    try_number: int = 0


@dataclass(eq=False)
class Run:
    """A DAG run. `killed` tells the thread that carries it out to stop erasing."""

    dag_id: str
    run_id: str
    conf: dict[str, Any]
    logical_date: str | None = None
    note: str | None = None
    state: str = "queued"
    queued_at: str = field(default_factory=now)
    run_after: str = field(default_factory=now)
    start_date: str | None = None
    end_date: str | None = None
    tasks: dict[str, Task] = field(default_factory=lambda: {name: Task() for name in TASKS})
    xcoms: dict[str, dict[str, Any]] = field(default_factory=dict)
    killed: threading.Event = field(default_factory=threading.Event, repr=False)

    def to_json(self) -> dict[str, Any]:
        """As `GET dagRuns/{id}` answers."""
        return {
            "dag_run_id": self.run_id,
            "dag_id": self.dag_id,
            "logical_date": self.logical_date,
            "queued_at": self.queued_at,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "duration": _duration(self.start_date, self.end_date),
            "data_interval_start": self.logical_date,
            "data_interval_end": self.logical_date,
            "run_after": self.run_after,
            "last_scheduling_decision": self.start_date,
            "run_type": "manual",
            "state": self.state,
            "triggered_by": "rest_api",
            "triggering_user_name": "simulator",
            "conf": self.conf,
            "note": self.note,
            "dag_versions": [],
            "bundle_version": None,
            "dag_display_name": self.dag_id,
            "partition_key": None,
            "partition_date": None,
        }

    def task_json(self, task_id: str, pool: str) -> dict[str, Any]:
        """As `GET taskInstances/{id}` answers."""
        task = self.tasks[task_id]
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.dag_id}/{self.run_id}/{task_id}")),
            "task_id": task_id,
            "dag_id": self.dag_id,
            "dag_run_id": self.run_id,
            "map_index": -1,
            "logical_date": self.logical_date,
            "run_after": self.run_after,
            "start_date": task.start_date,
            "end_date": task.end_date,
            "duration": _duration(task.start_date, task.end_date),
            "state": task.state,
            "try_number": task.try_number,
            "max_tries": 0,
            "task_display_name": task_id,
            "dag_display_name": self.dag_id,
            "hostname": "simulator",
            "unixname": "simulator",
            "pool": pool,
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
            "operator": "_PythonDecoratedOperator",
            "operator_name": "@task",
            "queued_when": task.start_date,
            "scheduled_when": task.start_date,
            "pid": None,
            "executor": None,
            "executor_config": "{}",
            "note": None,
            "rendered_map_index": None,
            "rendered_fields": {},
            "trigger": None,
            "triggerer_job": None,
            "dag_version": None,
        }

    def xcom_json(self, task_id: str, key: str) -> dict[str, Any] | None:
        """As `GET xcomEntries/{key}` answers, or None."""
        if key not in self.xcoms.get(task_id, {}):
            return None
        return {
            "key": key,
            "timestamp": self.tasks[task_id].end_date,
            "logical_date": self.logical_date,
            "map_index": -1,
            "task_id": task_id,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "dag_display_name": self.dag_id,
            "task_display_name": task_id,
            "run_after": self.run_after,
            "value": self.xcoms[task_id][key],
        }

    def stored(self) -> dict[str, Any]:
        """For the state file."""
        kept = {name: value for name, value in self.__dict__.items() if name not in ("killed", "tasks")}
        return {**kept, "tasks": {name: task.__dict__ for name, task in self.tasks.items()}}

    @staticmethod
    def restored(stored: dict[str, Any]) -> Run:
        """From the state file."""
        tasks = {name: Task(**task) for name, task in stored["tasks"].items()}
        return Run(**{**stored, "tasks": tasks})

    def finish(self, state: str) -> None:
        """Ends the run, and with it the tasks that have not ended."""
        self.state, self.end_date = state, now()
        self.start_date = self.start_date or self.end_date
        for task in self.tasks.values():
            if task.state == "running":
                task.state, task.end_date = "failed" if state == "failed" else "success", self.end_date
            elif task.state is None and state == "failed":
                task.state = "skipped"

    def requeue(self) -> None:
        """As when an operator clears the run."""
        self.state, self.queued_at, self.start_date, self.end_date = "queued", now(), None, None
        self.tasks = {name: Task(try_number=task.try_number) for name, task in self.tasks.items()}
        self.xcoms = {}
        self.killed = threading.Event()
