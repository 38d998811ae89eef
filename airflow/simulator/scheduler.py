"""Queues and caps: which run starts when."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from expunge_erasers.config import DagSpec
from expunge_erasers.tracing import Tracing

from .execution import Engine, Execution, Killed, Publisher
from .knobs import Knobs
from .runs import FINISHED, Run, now
from .state_file import StateFile

log = logging.getLogger(__name__)


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


class Scheduler:
    """All DAGs and runs. Every public method is safe to call from any thread."""

    def __init__(
        self,
        specs: list[DagSpec],
        knobs: Knobs,
        publisher: Publisher,
        engine: Engine | None,
        state: StateFile | None = None,
        tracing: Tracing | None = None,
    ):
        self.dags = {spec.dag_id: Dag(spec, spec.caps.max_active_runs) for spec in specs}
        self.runs: dict[tuple[str, str], Run] = {}
        self.counts: Counter[str] = Counter()
        self._state = state
        self._lock = threading.RLock()
        self._execution = Execution(knobs, publisher, engine, self._lock, self.counted, self._end_unless_killed, tracing or Tracing())
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
                run.finish(state)
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
            self._execution.carry_out(dag.spec.kind, run, killed)
        except Killed:
            pass
        except Exception:
            log.exception("run of %s ended by a fault of the simulator", dag.spec.dag_id)
            self._end_unless_killed(run, killed, "failed")
        finally:
            with self._lock:
                dag.active -= 1
                self._start_queued(dag)

    def _end_unless_killed(self, run: Run, killed: threading.Event, state: str) -> None:
        with self._lock:
            if not killed.is_set():
                run.finish(state)
                self._save(run)

    def _save(self, run: Run) -> None:
        if self._state is not None:
            self._state.save(run)
