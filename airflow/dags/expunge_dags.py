"""
The clean-up DAGs, one per kind and lane, generated from erasers.yaml (ERASERS_FILE).

check_fence -> erase -> publish_result, and publish_failure when one of the first two fails. A run whose job does not
stand ends with `erase` skipped and publishes nothing. The run id is the jobId.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from expunge_erasers.config import DagSpec, Erasers
from expunge_erasers.errors import ErasureError, JobRevoked
from expunge_erasers.load import load_erasers
from expunge_erasers.settings import settings_from
from expunge_erasers.tracing import tracing_from

ERROR_KEY = "error"


def _fail(context, error: Exception):
    """Keeps what publish_failure shall say, then fails the task: for good where trying again is of no use."""
    from expunge_erasers.results import describe

    code = error.error_code if isinstance(error, ErasureError) else ErasureError.error_code
    context["ti"].xcom_push(key=ERROR_KEY, value={"text": describe(error), "code": code})
    if isinstance(error, ErasureError) and not error.retryable:
        raise AirflowFailException(str(error)) from error
    raise error


@contextmanager
def _traced(context):
    """The task's span. A task that ends as skipped has not failed; the others' errors pass through here before they become Airflow's."""
    run, ti = context["dag_run"], context["ti"]
    with tracing_from(os.environ) as tracing, tracing.task(ti.task_id, run.dag_id, run.run_id, run.conf or {}, ti.try_number) as span:
        yield tracing, span


def _check_fence() -> str:
    context = get_current_context()
    job_id = context["dag_run"].run_id
    try:
        with _traced(context) as (_, span):
            standing = settings_from(os.environ).fence().check(job_id)
            span.say(outcome="stands" if standing.stands else "skipped")
    except Exception as error:
        _fail(context, error)
    if not standing.stands:
        raise AirflowSkipException(f"Job {job_id} does not stand: {standing.reason}. Nothing is erased for it.")
    return standing.reason


def _erase(kind: str) -> dict[str, int]:
    from expunge_erasers.erase import erase

    context = get_current_context()
    run = context["dag_run"]
    settings = settings_from(os.environ)
    try:
        with _traced(context):
            erasers = load_erasers(settings.erasers_file)
            return erase(erasers, kind, run.conf or {}, settings.fence().guard(run.run_id), os.environ)
    except JobRevoked as revoked:
        raise AirflowSkipException(str(revoked)) from revoked
    except Exception as error:
        _fail(context, error)
        raise


def _publish(message) -> None:
    from expunge_erasers.results import RESULT_TOPIC

    context = get_current_context()
    conf = context["dag_run"].conf or {}
    publisher = settings_from(os.environ).publisher()
    try:
        with _traced(context) as (tracing, task), tracing.send(RESULT_TOPIC, context["dag_run"].run_id, task.place) as sent:
            publisher.publish(message, sent.carried(conf))
    finally:
        publisher.close()


def _publish_result(counts: dict[str, int]) -> None:
    from expunge_erasers.results import success

    run = get_current_context()["dag_run"]
    _publish(success(run.run_id, run.run_id, run.conf or {}, counts))


def _publish_failure() -> None:
    from expunge_erasers.results import failure

    context = get_current_context()
    run = context["dag_run"]
    errors = [context["ti"].xcom_pull(task_ids=task_id, key=ERROR_KEY) for task_id in ("erase", "check_fence")]
    error = next((error for error in errors if error), None) or {
        "text": "A task ended without saying why; its log in Airflow may know",
        "code": ErasureError.error_code,
    }
    _publish(failure(run.run_id, run.run_id, run.conf or {}, error["text"], error["code"]))


def _dag(spec: DagSpec) -> DAG:
    with DAG(
        dag_id=spec.dag_id,
        description=f"Expunge: erases one {spec.kind}; started by the trigger bridge, never by hand",
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=spec.caps.max_active_runs,
        max_active_tasks=max(spec.caps.max_active_runs, spec.caps.pool_slots),
        tags=["expunge"],
        default_args={
            "pool": spec.pool,
            "weight_rule": "absolute",
            "retry_exponential_backoff": 2.0,
            **({"queue": spec.caps.queue} if spec.caps.queue else {}),
        },
    ) as dag:
        outage = {"retries": 20, "retry_delay": timedelta(seconds=10), "max_retry_delay": timedelta(minutes=5)}
        fence = task(task_id="check_fence", priority_weight=2, **outage)(_check_fence)()
        erased = task(
            task_id="erase",
            priority_weight=1,
            multiple_outputs=False,
            retries=2,
            retry_delay=timedelta(seconds=15),
        )(_erase)(spec.kind)
        # What is done is told first: it needs little and others wait for it.
        task(task_id="publish_result", priority_weight=3, **outage)(_publish_result)(erased)
        told = task(task_id="publish_failure", priority_weight=3, trigger_rule="one_failed", **outage)(_publish_failure)()
        fence >> erased
        [fence, erased] >> told
    return dag


def _generate(erasers: Erasers) -> dict[str, DAG]:
    return {spec.dag_id: _dag(spec) for spec in erasers.dags()}


globals().update(_generate(load_erasers(os.environ.get("ERASERS_FILE", ""))))
