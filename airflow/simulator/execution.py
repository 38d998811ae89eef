"""The carrying out of one run: check_fence, erase, publish_result or publish_failure, as the DAGs do."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, ContextManager, Iterator, Mapping, Protocol

from expunge_erasers import results
from expunge_erasers.config import Kind
from expunge_erasers.erase import Guard
from expunge_erasers.errors import ErasureError, JobRevoked, PublishFailed
from expunge_erasers.tracing import Span, Tracing

from .knobs import Knobs, RunPlan
from .runs import Run, now

log = logging.getLogger(__name__)

#: What the answer mode says it erased.
NOTHING = {"files_deleted": 0, "db_rows_purged": 0}
_PUBLISH_RETRY_S = 1.0


class Publisher(Protocol):
    """As expunge_erasers.results.ResultPublisher."""

    def publish(self, message: Mapping[str, Any], conf: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Engine:
    """What a run does, given from outside: the same fence and erasers as in the DAGs."""

    guard: Callable[[str], Guard]
    erase: Callable[[Kind, Mapping[str, Any], Guard], dict[str, int]]


class Killed(Exception):
    """Somebody set the run failed, or the simulator is stopping."""


class SimulatedFailure(ErasureError):
    """A failure that was asked for."""

    def __init__(self, text: str, code: str):
        super().__init__(text)
        self.error_code = code


class Execution:
    """Called by the scheduler's threads; `lock` is the scheduler's, `end` ends a run unless it was killed."""

    def __init__(
        self,
        knobs: Knobs,
        publisher: Publisher,
        engine: Engine | None,
        lock: ContextManager[Any],
        counted: Callable[[str], None],
        end: Callable[[Run, threading.Event, str], None],
        tracing: Tracing,
    ):
        self._knobs = knobs
        self._publisher = publisher
        self._engine = engine
        self._lock = lock
        self._counted = counted
        self._end = end
        self._tracing = tracing

    def carry_out(self, kind: Kind, run: Run, killed: threading.Event) -> None:
        """All tasks of the run. Raises Killed."""
        plan = self._knobs.plan(run.dag_id, run.conf)
        inner = self._engine.guard(run.run_id) if self._engine and plan.mode == "erase" else None
        guard = _KillableGuard(killed, inner)
        task_id = "check_fence"
        try:
            with self._traced(run, killed, task_id):
                guard.before_step()
                self._done(run, killed, task_id, "success")
            task_id = "erase"
            with self._traced(run, killed, task_id):
                self._wait(plan, killed)
                counts = self._erase(kind, run, plan, guard)
                with self._lock:
                    run.xcoms["erase"] = {"return_value": counts}
                self._done(run, killed, task_id, "success")
        except JobRevoked:
            self._counted("skipped")
            self._done(run, killed, task_id, "skipped")
            self._finish(run, killed, "skipped", "success")
        except Killed:
            raise
        except Exception as error:
            self._failed(run, killed, task_id, error, plan)
        else:
            message = results.success(run.run_id, run.run_id, run.conf, counts)
            published = self._publish(run, killed, "publish_result", message, plan)
            self._finish(run, killed, "skipped", "success" if published else "failed")

    def _wait(self, plan: RunPlan, killed: threading.Event) -> None:
        if plan.duration_ms > 0 and killed.wait(plan.duration_ms / 1000):
            raise Killed
        if plan.silent == "running":
            killed.wait()
            raise Killed

    def _erase(self, kind: Kind, run: Run, plan: RunPlan, guard: Guard) -> dict[str, int]:
        if plan.failure is not None:
            raise SimulatedFailure(*plan.failure)
        if plan.silent == "failed":
            raise SimulatedFailure("Died without a word", ErasureError.error_code)
        if plan.mode == "answer" or self._engine is None:
            return dict(NOTHING)
        return self._engine.erase(kind, run.conf, guard)

    def _failed(self, run: Run, killed: threading.Event, task_id: str, error: Exception, plan: RunPlan) -> None:
        # Its text may name a user: it goes into the message, not into the log.
        log.warning("%s of a run of %s failed: %s", task_id, run.dag_id, type(error).__name__)
        code = error.error_code if isinstance(error, ErasureError) else ErasureError.error_code
        text = str(error) if isinstance(error, SimulatedFailure) else results.describe(error)
        with self._lock:
            run.xcoms[task_id] = {"error": {"text": text, "code": code}}
        self._done(run, killed, task_id, "failed")
        self._publish(run, killed, "publish_failure", results.failure(run.run_id, run.run_id, run.conf, text, code), plan)
        self._finish(run, killed, "upstream_failed", "failed")

    def _publish(self, run: Run, killed: threading.Event, task_id: str, message: dict[str, Any], plan: RunPlan) -> bool:
        with self._traced(run, killed, task_id) as task:
            return self._publish_from(task, run, killed, task_id, message, plan)

    def _publish_from(self, task: Span, run: Run, killed: threading.Event, task_id: str, message: dict[str, Any], plan: RunPlan) -> bool:
        if plan.silent is not None:
            self._counted("silent")
            lost = plan.silent == "success"
            self._done(run, killed, task_id, "success" if lost else "failed")
            return lost
        while True:
            try:
                with self._tracing.send(results.RESULT_TOPIC, run.run_id, task.place) as sent:
                    self._publisher.publish(message, sent.carried(run.conf))
                break
            except PublishFailed as error:
                log.warning("a result waits for Kafka: %s", error)
                if killed.wait(_PUBLISH_RETRY_S):
                    raise Killed from error
        self._counted("published")
        self._done(run, killed, task_id, "success")
        return True

    @contextmanager
    def _traced(self, run: Run, killed: threading.Event, task_id: str) -> Iterator[Span]:
        self._begin(run, killed, task_id)
        with self._tracing.task(task_id, run.dag_id, run.run_id, run.conf, run.tasks[task_id].try_number) as span:
            yield span

    def _begin(self, run: Run, killed: threading.Event, task_id: str) -> None:
        with self._lock:
            if killed.is_set():
                raise Killed
            task = run.tasks[task_id]
            task.state, task.start_date, task.try_number = "running", now(), task.try_number + 1

    def _done(self, run: Run, killed: threading.Event, task_id: str, state: str) -> None:
        with self._lock:
            if killed.is_set():
                raise Killed
            run.tasks[task_id].state, run.tasks[task_id].end_date = state, now()

    def _finish(self, run: Run, killed: threading.Event, rest: str, state: str) -> None:
        with self._lock:
            for task in run.tasks.values() if not killed.is_set() else ():
                task.state = task.state or rest
            self._end(run, killed, state)


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
            raise Killed
