"""The generated DAGs in a real Airflow: set AIRFLOW_TESTS=1 in an environment that has one."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

AIRFLOW = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(os.environ.get("AIRFLOW_TESTS") != "1", reason="AIRFLOW_TESTS is not 1")


@pytest.fixture(scope="module")
def dags():
    os.environ["ERASERS_FILE"] = str(AIRFLOW / "erasers.example.yaml")
    from airflow.sdk import DAG

    names = runpy.run_path(str(AIRFLOW / "dags/expunge_dags.py"))
    return {value.dag_id: value for value in names.values() if isinstance(value, DAG)}


def test_there_is_a_dag_per_kind_and_lane_with_pool_and_caps_of_its_own(dags):
    assert set(dags) == {"user_cleanup_dag", "tenant_cleanup_dag", "service_cleanup_dag", "service_cleanup_dag__heavy"}
    assert dags["service_cleanup_dag__heavy"].max_active_runs == 4
    pools = {dag_id: {task.pool for task in dag.tasks} for dag_id, dag in dags.items()}
    assert pools["service_cleanup_dag__heavy"] == {"expunge_service__heavy"}
    assert len(set().union(*pools.values())) == 4


def test_no_dag_starts_by_itself_or_paused(dags):
    for dag in dags.values():
        assert dag.schedule is None and not dag.catchup and dag.is_paused_upon_creation is False


def test_nothing_is_erased_before_the_fence_and_all_that_fails_is_told(dags):
    for dag in dags.values():
        assert dag.get_task("erase").upstream_task_ids == {"check_fence"}
        assert dag.get_task("publish_result").upstream_task_ids == {"erase"}
        failure = dag.get_task("publish_failure")
        assert failure.upstream_task_ids == {"check_fence", "erase"} and failure.trigger_rule == "one_failed"
        assert all(dag.get_task(name).retries > 0 for name in dag.task_ids)


def test_reading_the_dags_imports_no_store_and_no_kafka():
    heavy = ["psycopg", "confluent_kafka", "expunge_erasers.stores.objects"]
    code = f"import runpy, sys; runpy.run_path(sys.argv[1]); print([name for name in {heavy} if name in sys.modules])"
    env = {**os.environ, "ERASERS_FILE": str(AIRFLOW / "erasers.example.yaml"), "PYTHONPATH": str(AIRFLOW)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(AIRFLOW / "dags/expunge_dags.py")], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
