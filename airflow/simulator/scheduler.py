"""Queues, caps and the carrying out of runs: check_fence, erase, publish, as the DAGs do."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Protocol

from expunge_erasers import results
from expunge_erasers.config import DagSpec, Kind
from expunge_erasers.errors import ErasureError, JobRevoked, PublishFailed

from .knobs import Knobs, RunPlan
from .runs import FINISHED, Run, now
from .state_file import StateFile

log = logging.getLogger(__name__)

#: What the answer mode says it erased.
NOTHING = {"files_deleted": 0, "db_rows_purged": 0}
_PUBLISH_RETRY_S = 1.0


class Guard(Protocol):
    """As in expunge_erasers.erase."""

    def before_step(self) -> None: ...
    def between_batches(self) -> None: ...


class Publisher(Protocol):
    """As expunge_erasers.results.ResultPublisher."""

    def publish(self, message: Mapping[str, Any], conf: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Engine:
    """What a run does, given from outside: the same erasers and fence as in the DAGs."""

    guard: Callable[[str], Guard]
    erase: Callable[[Kind, Mapping[str, Any], Guard], dict[str, int]]


@dataclass
class Dag:
    """A DAG with its queue."""

    spec: DagSpec
    max_active_runs: int
    paused: bool = False
    present: bool = True
    queue: deque[Run] = field(default_factory=deque)
    active: int = 0
    most_active: int = 0


class _Killed(Exception):
    """Somebody set the run failed, or the simulator is stopping."""


class Scheduler:
    """All DAGs and runs. Every public method is safe to call from any thread."""

    def __init__(self, specs: list[DagSpec], knobs: Knobs, publisher: Publisher, engine: Engine | None, state: StateFile | None = None):
        self.dags = {spec.dag_id: Dag(spec, spec.caps.max_active_runs) for spec in specs}
        self.runs: dict[tuple[str, str], Run] = {}
        self.counts: Counter[str] = Counter()
        self._knobs = knobs
        self._publisher = publisher
        self._engine = engine
        self._state = state
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(max_workers=1024, thread_name_prefix="run")
        if state is not None:
            self._restore(state)

    def submit(self, run: Run) -> bool:
        """Queues a run; False when there is one of that id."""
        with self._lock:
            if (run.dag_id, run.run_id) in self.runs:
                return False
            self.runs[run.dag_id, run.run_id] = run
            self._save(run)
            dag = self.dags[run.dag_id]
            dag.queue.append(run)
            self._start_queued(dag)
            return True

    def end(self, run: Run, state: str) -> None:
        """Sets a run's state from outside, as an operator or the trigger bridge does."""
        with self._lock:
            if run.state in FINISHED:
                run.state = state
            else:
                run.killed.set()
                self._finish(run, state)
                dag = self.dags[run.dag_id]
                if run in dag.queue:
                    dag.queue.remove(run)
            self._save(run)

    def clear(self, run: Run) -> None:
        """Runs it again from its first task."""
        with self._lock:
            self.end(run, "failed")
            run.requeue()
            self._save(run)
            dag = self.dags[run.dag_id]
            dag.queue.append(run)
            self._start_queued(dag)

    def pause(self, dag_id: str, paused: bool) -> None:
        """A paused DAG takes runs and starts none."""
        with self._lock:
            dag = self.dags[dag_id]
            dag.paused = paused
            if self._state is not None:
                self._state.pause(dag_id, paused)
            self._start_queued(dag)

    def set_cap(self, dag_id: str, max_active_runs: int) -> None:
        """As if the DAG had been changed."""
        with self._lock:
            self.dags[dag_id].max_active_runs = max_active_runs
            self._start_queued(self.dags[dag_id])

    def listed(self, dag_id: str | None, states: list[str]) -> list[Run]:
        """Runs in the order they came."""
        with self._lock:
            return [run for run in self.runs.values() if dag_id in (None, run.dag_id) and (not states or run.state in states)]

    def stats(self) -> dict[str, Any]:
        """Numbers for tests and benches."""
        with self._lock:
            dags = {
                dag_id: {
                    "active": dag.active,
                    "queued": len(dag.queue),
                    "most_active": dag.most_active,
                    "max_active_runs": dag.max_active_runs,
                    "is_paused": dag.paused,
                    "runs": dict(Counter(run.state for run in self.runs.values() if run.dag_id == dag_id)),
                }
                for dag_id, dag in self.dags.items()
            }
            return {
                **{name: self.counts[name] for name in ("posts", "accepted", "conflicts", "refused", "published", "silent", "skipped")},
                "runs": len(self.runs),
                "by_state": dict(Counter(run.state for run in self.runs.values())),
                "dags": dags,
            }

    def counted(self, name: str) -> None:
        """Adds one to a number of stats."""
        with self._lock:
            self.counts[name] += 1

    def reset(self, forget_runs: bool) -> None:
        """DAGs as they were at the start; with forget_runs, no runs and numbers either."""
        with self._lock:
            if forget_runs:
                for run in list(self.runs.values()):
                    if run.state not in FINISHED:
                        self.end(run, "failed")
                self.runs.clear()
                self.counts.clear()
                if self._state is not None:
                    self._state.clear()
            for dag_id, dag in self.dags.items():
                dag.max_active_runs, dag.present, dag.most_active = dag.spec.caps.max_active_runs, True, dag.active
                self.pause(dag_id, False)

    def stop(self, patience_s: float = 5) -> None:
        """Starts nothing more and gives what runs a moment to end."""
        self._stopping.set()
        with self._lock:
            running = [run for run in self.runs.values() if run.state == "running"]
        for run in running:
            run.killed.set()
        ended = threading.Thread(target=self._threads.shutdown, kwargs={"cancel_futures": True}, daemon=True)
        ended.start()
        ended.join(patience_s)
        with self._lock:
            if self._state is not None:
                self._state.close()
                self._state = None

    def _restore(self, state: StateFile) -> None:
        runs, paused = state.load()
        with self._lock:
            for dag_id in paused:
                if dag_id in self.dags:
                    self.dags[dag_id].paused = True
            for run in runs:
                self.runs[run.dag_id, run.run_id] = run
                if run.state not in FINISHED and run.dag_id in self.dags:
                    self.dags[run.dag_id].queue.append(run)
            for dag in self.dags.values():
                self._start_queued(dag)

    def _start_queued(self, dag: Dag) -> None:
        while dag.queue and not dag.paused and dag.active < dag.max_active_runs and not self._stopping.is_set():
            run = dag.queue.popleft()
            dag.active += 1
            dag.most_active = max(dag.most_active, dag.active)
            run.state, run.start_date = "running", now()
            self._save(run)
            self._threads.submit(self._carry_out, dag, run, run.killed)

    def _carry_out(self, dag: Dag, run: Run, killed: threading.Event) -> None:
        try:
            self._tasks(dag, run, killed)
        except _Killed:
            pass
        except Exception:
            log.exception("run of %s ended by a fault of the simulator", dag.spec.dag_id)
            self._end_unless_killed(run, killed, "failed")
        finally:
            with self._lock:
                dag.active -= 1
                self._start_queued(dag)

    def _tasks(self, dag: Dag, run: Run, killed: threading.Event) -> None:
        plan = self._knobs.plan(run.dag_id, run.conf)
        guard = _KillableGuard(killed, self._engine.guard(run.run_id) if self._engine and plan.mode == "erase" else None)
        task_id = "check_fence"
        try:
            self._begin(run, killed, task_id)
            guard.before_step()
            self._done(run, killed, task_id, "success")
            task_id = "erase"
            self._begin(run, killed, task_id)
            if killed.wait(plan.duration_ms / 1000) or (plan.silent and plan.silent["end"] == "running" and killed.wait()):
                raise _Killed
            counts = self._erase(dag, run, plan, guard)
            with self._lock:
                run.xcoms["erase"] = {"return_value": counts}
            self._done(run, killed, task_id, "success")
        except JobRevoked:
            self.counted("skipped")
            self._done(run, killed, task_id, "skipped")
            self._rest(run, "skipped")
            self._end_unless_killed(run, killed, "success")
            return
        except _Killed:
            raise
        except Exception as error:
            self._failed(run, killed, task_id, error, plan)
            return
        self._publish(run, killed, "publish_result", results.success(run.run_id, run.run_id, run.conf, counts), plan)
        self._rest(run, "skipped")
        self._end_unless_killed(run, killed, "success")

    def _erase(self, dag: Dag, run: Run, plan: RunPlan, guard: Guard) -> dict[str, int]:
        if plan.failure is not None:
            raise SimulatedFailure(*plan.failure)
        if plan.silent and plan.silent["end"] == "failed":
            raise SimulatedFailure("Died without a word", ErasureError.error_code)
        if plan.mode == "answer" or self._engine is None:
            return dict(NOTHING)
        return self._engine.erase(dag.spec.kind, run.conf, guard)

    def _failed(self, run: Run, killed: threading.Event, task_id: str, error: Exception, plan: RunPlan) -> None:
        log.warning("%s of a run of %s failed: %s", task_id, run.dag_id, type(error).__name__)
        code = error.error_code if isinstance(error, ErasureError) else ErasureError.error_code
        text = str(error) if isinstance(error, SimulatedFailure) else results.describe(error)
        self._done(run, killed, task_id, "failed")
        message = results.failure(run.run_id, run.run_id, run.conf, text, code)
        self._publish(run, killed, "publish_failure", message, plan)
        self._rest(run, "upstream_failed")
        self._end_unless_killed(run, killed, "failed")

    def _publish(self, run: Run, killed: threading.Event, task_id: str, message: dict[str, Any], plan: RunPlan) -> None:
        self._begin(run, killed, task_id)
        if plan.silent is not None:
            self.counted("silent")
            self._done(run, killed, task_id, "success" if plan.silent["end"] == "success" else "failed")
            return
        while True:
            try:
                self._publisher.publish(message, run.conf)
                break
            except PublishFailed as error:
                log.warning("a result waits for Kafka: %s", error)
                if killed.wait(_PUBLISH_RETRY_S):
                    raise _Killed from error
        self.counted("published")
        self._done(run, killed, task_id, "success")

    def _begin(self, run: Run, killed: threading.Event, task_id: str) -> None:
        with self._lock:
            if killed.is_set():
                raise _Killed
            task = run.tasks[task_id]
            task.state, task.start_date, task.try_number = "running", now(), task.try_number + 1

    def _done(self, run: Run, killed: threading.Event, task_id: str, state: str) -> None:
        with self._lock:
            if killed.is_set():
                raise _Killed
            run.tasks[task_id].state, run.tasks[task_id].end_date = state, now()

    def _rest(self, run: Run, state: str) -> None:
        with self._lock:
            for task in run.tasks.values():
                task.state = task.state or state

    def _end_unless_killed(self, run: Run, killed: threading.Event, state: str) -> None:
        with self._lock:
            if not killed.is_set():
                failed = any(run.tasks[name].state == "failed" for name in ("publish_result", "publish_failure"))
                self._finish(run, "failed" if failed else state)
                self._save(run)

    def _finish(self, run: Run, state: str) -> None:
        run.state, run.end_date = state, now()
        run.start_date = run.start_date or run.end_date
        for task in run.tasks.values():
            if task.state == "running":
                task.state, task.end_date = "failed" if state == "failed" else "success", run.end_date
            elif task.state is None and state == "failed":
                task.state = "skipped"

    def _save(self, run: Run) -> None:
        if self._state is not None:
            self._state.save(run)


class SimulatedFailure(ErasureError):
    """A failure that was asked for."""

    def __init__(self, text: str, code: str):
        super().__init__(text)
        self.error_code = code


class _KillableGuard:
    """The fence, and the kill of the run beside it."""

    def __init__(self, killed: threading.Event, inner: Guard | None):
        self._killed = killed
        self._inner = inner

    def before_step(self) -> None:
        self._raise_if_killed()
        if self._inner is not None:
            self._inner.before_step()

    def between_batches(self) -> None:
        self._raise_if_killed()
        if self._inner is not None:
            self._inner.between_batches()

    def _raise_if_killed(self) -> None:
        if self._killed.is_set():
            raise _Killed
