import threading

import pytest
from conftest import Client, Recorder, wait_for

from expunge_erasers.erase import erase
from expunge_erasers.errors import PublishFailed
from expunge_erasers.fence import Fence
from simulator.execution import Engine
from simulator.knobs import Knobs
from simulator.rest import Server
from simulator.scheduler import Scheduler
from simulator.state_file import StateFile

CONF = {"tenant_id": "tenant-1", "target_service": "cloud-storage", "target_instance": "srv-1", "dry_run": False}
SERVICE_DAG = "service_cleanup_dag"
HEAVY_DAG = "service_cleanup_dag__heavy"


class Simulator(Client):
    def __init__(self, erasers, fence_url, env, publisher, state=None, credentials=None):
        fence = Fence(fence_url, patience_s=0.2)
        engine = Engine(fence.guard, lambda kind, conf, guard: erase(erasers, kind, conf, guard, env))
        self.knobs = Knobs("erase", True, 0)
        self.scheduler = Scheduler(erasers.dags(), self.knobs, publisher, engine, StateFile(state) if state else None)
        self.server = Server(("127.0.0.1", 0), self.scheduler, self.knobs, credentials)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        super().__init__(f"http://127.0.0.1:{self.server.server_address[1]}")

    def stop(self):
        self.server.shutdown()
        self.scheduler.stop()
        self.server.server_close()


@pytest.fixture
def published():
    return Recorder()


@pytest.fixture
def simulators(erasers, fence_server, files, published):
    started = []

    def start(**settings):
        env = {"TEST_FILES_URL": f"file://{files()}"}
        settings.setdefault("publisher", published)
        started.append(Simulator(erasers, fence_server.url, env, **settings))
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()


@pytest.fixture
def simulator(simulators):
    return simulators()


def test_a_run_erases_and_publishes(simulator, files, published):
    folder = files("tenants/tenant-1/srv-1/a", "tenants/tenant-1/srv-10/a")
    status, run = simulator.trigger(SERVICE_DAG, "del_req_a:b~2", CONF)
    assert status == 200 and run["state"] == "queued" and run["dag_run_id"] == "del_req_a:b~2" and run["conf"] == CONF
    assert simulator.ended(SERVICE_DAG, "del_req_a:b~2") == "success"
    assert [path.name for path in (folder / "tenants/tenant-1").iterdir()] == ["srv-10"]
    assert published.by_job("del_req_a:b~2")["metadata"] == {"files_deleted": 1}
    assert simulator.tasks(SERVICE_DAG, "del_req_a:b~2") == {
        "check_fence": "success",
        "erase": "success",
        "publish_result": "success",
        "publish_failure": "skipped",
    }
    path = f"/api/v2/dags/{SERVICE_DAG}/dagRuns/del_req_a%3Ab~2/taskInstances/erase/xcomEntries"
    assert simulator.call("GET", f"{path}/return_value")[1]["value"] == {"files_deleted": 1}
    assert simulator.call("GET", f"{path}/other")[0] == 404


def test_a_job_that_does_not_stand_is_skipped_and_says_nothing(simulator, files, fence_server, published):
    folder = files("tenants/tenant-1/srv-1/a")
    fence_server.answers["revoked"] = [(200, {"jobId": "revoked", "stands": False, "reason": "cancelled"})]
    fence_server.answers["unknown"] = [(404, {})]
    for run_id in ("revoked", "unknown"):
        simulator.trigger(SERVICE_DAG, run_id, CONF)
        assert simulator.ended(SERVICE_DAG, run_id) == "success"
        assert simulator.tasks(SERVICE_DAG, run_id)["erase"] == "skipped"
    assert (folder / "tenants/tenant-1/srv-1/a").exists()
    assert published.messages == []
    assert simulator.call("GET", "/simulator/stats")[1]["skipped"] == 2


def test_an_unreachable_fence_fails_the_run_and_erases_nothing(simulator, files, fence_server, published):
    folder = files("tenants/tenant-1/srv-1/a")
    fence_server.answers["dark"] = [(503, {})]
    simulator.trigger(SERVICE_DAG, "dark", CONF)
    assert simulator.ended(SERVICE_DAG, "dark") == "failed"
    assert (folder / "tenants/tenant-1/srv-1/a").exists()
    assert published.by_job("dark")["status"] == "FAILURE"
    assert simulator.tasks(SERVICE_DAG, "dark") == {
        "check_fence": "failed",
        "erase": "upstream_failed",
        "publish_result": "upstream_failed",
        "publish_failure": "success",
    }


def test_a_type_without_eraser_fails_with_its_code(simulator, published):
    simulator.trigger(SERVICE_DAG, "job", {**CONF, "target_service": "hadoop"})
    assert simulator.ended(SERVICE_DAG, "job") == "failed"
    assert published.by_job("job")["errorCode"] == "NO_ERASER"
    path = f"/api/v2/dags/{SERVICE_DAG}/dagRuns/job/taskInstances/erase/xcomEntries/error"
    assert simulator.call("GET", path)[1]["value"]["code"] == "NO_ERASER"


@pytest.mark.parametrize(
    ("dag_id", "body", "status"),
    [
        ("nope", {"dag_run_id": "x", "logical_date": None}, 404),
        (SERVICE_DAG, {"dag_run_id": "x"}, 422),
        (SERVICE_DAG, {"dag_run_id": "x", "logical_date": None, "more": 1}, 422),
        (SERVICE_DAG, {"dag_run_id": "x", "logical_date": None, "conf": [1]}, 422),
        (SERVICE_DAG, {"dag_run_id": 7, "logical_date": None}, 422),
        (SERVICE_DAG, b"{bad", 422),
        (SERVICE_DAG, [], 422),
        (SERVICE_DAG, {"dag_run_id": "x y/z", "logical_date": None}, 400),
    ],
)
def test_bad_posts_are_answered_as_by_airflow(simulator, dag_id, body, status):
    answered, answer = simulator.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
    assert answered == status and "detail" in answer
    assert simulator.call("GET", "/simulator/stats")[1]["runs"] == 0


def test_the_same_run_id_is_a_conflict_in_one_dag_only(simulator):
    assert simulator.trigger(SERVICE_DAG, "same", CONF)[0] == 200
    status, answer = simulator.trigger(SERVICE_DAG, "same", {})
    assert status == 409 and answer["detail"]["reason"] == "Unique constraint violation"
    assert simulator.trigger(HEAVY_DAG, "same", CONF)[0] == 200
    stats = simulator.call("GET", "/simulator/stats")[1]
    assert (stats["posts"], stats["accepted"], stats["conflicts"]) == (3, 2, 1)


def test_what_is_not_there_is_a_404(simulator):
    for path in ("/api/v2/dags/nope", f"/api/v2/dags/{SERVICE_DAG}/dagRuns/nope", f"/api/v2/dags/{SERVICE_DAG}/dagRuns/nope/taskInstances"):
        assert simulator.call("GET", path)[0] == 404
    assert simulator.call("PATCH", f"/api/v2/dags/{SERVICE_DAG}/dagRuns/nope", {"state": "failed"})[0] == 404
    assert simulator.call("GET", "/api/v2/monitor/health")[1]["scheduler"]["status"] == "healthy"


def test_a_lane_runs_no_more_than_its_cap_and_stops_no_other(simulator):
    simulator.call("POST", "/simulator/knobs", {"mode": "answer", "durations": {HEAVY_DAG: 60_000}})
    for number in range(5):
        simulator.trigger(HEAVY_DAG, f"slow-{number}", CONF)
    simulator.trigger(SERVICE_DAG, "fast", CONF)
    assert simulator.ended(SERVICE_DAG, "fast") == "success"
    assert [simulator.run(HEAVY_DAG, f"slow-{number}")["state"] for number in range(5)] == ["running"] * 2 + ["queued"] * 3
    heavy = simulator.call("GET", "/simulator/stats")[1]["dags"][HEAVY_DAG]
    assert (heavy["active"], heavy["queued"], heavy["most_active"]) == (2, 3, 2)
    listed = simulator.call("GET", f"/api/v2/dags/{HEAVY_DAG}/dagRuns?state=queued&limit=2")[1]
    assert [run["dag_run_id"] for run in listed["dag_runs"]] == ["slow-2", "slow-3"] and listed["total_entries"] == 3
    assert simulator.call("GET", "/api/v2/dags/~/dagRuns")[1]["total_entries"] == 6


def test_runs_end_in_the_order_they_came(simulator, published):
    simulator.call("POST", f"/simulator/dags/{SERVICE_DAG}", {"max_active_runs": 1})
    simulator.call("PATCH", f"/api/v2/dags/{SERVICE_DAG}", {"is_paused": True})
    for number in range(20):
        simulator.trigger(SERVICE_DAG, f"job-{number}", CONF)
    assert simulator.run(SERVICE_DAG, "job-0")["state"] == "queued"
    assert simulator.call("GET", f"/api/v2/dags/{SERVICE_DAG}")[1]["is_paused"] is True
    simulator.call("PATCH", f"/api/v2/dags/{SERVICE_DAG}", {"is_paused": False})
    simulator.ended(SERVICE_DAG, "job-19")
    assert [message["jobId"] for message in published.messages] == [f"job-{number}" for number in range(20)]


def test_a_queued_run_can_be_failed_and_then_never_runs(simulator, published, files):
    folder = files("tenants/tenant-1/srv-1/a")
    simulator.call("PATCH", f"/api/v2/dags/{SERVICE_DAG}", {"is_paused": True})
    simulator.trigger(SERVICE_DAG, "job", CONF)
    path = f"/api/v2/dags/{SERVICE_DAG}/dagRuns/job"
    assert simulator.call("PATCH", path, {"state": "running"})[0] == 422
    assert simulator.call("PATCH", path, {"state": "failed"})[1]["state"] == "failed"
    simulator.call("PATCH", f"/api/v2/dags/{SERVICE_DAG}", {"is_paused": False})
    simulator.trigger(SERVICE_DAG, "other", {**CONF, "target_instance": "srv-2"})
    simulator.ended(SERVICE_DAG, "other")
    assert simulator.tasks(SERVICE_DAG, "job")["erase"] == "skipped"
    assert published.by_job("job") is None and (folder / "tenants/tenant-1/srv-1/a").exists()


def test_a_running_run_that_is_failed_stops_and_gives_its_place_back(simulator, published):
    simulator.call("POST", f"/simulator/dags/{SERVICE_DAG}", {"max_active_runs": 1})
    simulator.call("POST", "/simulator/silent", {"subject": "srv-1", "end": "running"})
    simulator.trigger(SERVICE_DAG, "hangs", CONF)
    simulator.trigger(SERVICE_DAG, "waits", CONF)
    wait_for(lambda: simulator.run(SERVICE_DAG, "hangs")["state"] == "running")
    simulator.call("PATCH", f"/api/v2/dags/{SERVICE_DAG}/dagRuns/hangs", {"state": "failed"})
    assert simulator.ended(SERVICE_DAG, "waits") == "success"
    assert simulator.run(SERVICE_DAG, "hangs")["state"] == "failed" and published.by_job("hangs") is None


def test_a_failed_run_can_be_cleared_and_runs_again(simulator, published):
    simulator.call("POST", "/simulator/fail", {"subject": "srv-1", "error": "AccessDenied: bucket", "error_code": "DAG_FAILED"})
    simulator.trigger(SERVICE_DAG, "job", CONF)
    assert simulator.ended(SERVICE_DAG, "job") == "failed"
    assert published.by_job("job")["error"] == "AccessDenied: bucket"
    simulator.call("POST", f"/api/v2/dags/{SERVICE_DAG}/dagRuns/job/clear", {"dry_run": False})
    wait_for(lambda: len(published.messages) == 2)
    assert published.messages[1]["status"] == "SUCCESS"


def test_the_next_runs_of_a_subject_fail_as_often_as_asked(simulator, published):
    simulator.call("POST", "/simulator/fail", {"subject": "srv-1", "times": 2})
    for number in range(3):
        simulator.trigger(SERVICE_DAG, f"job-{number}", CONF)
        simulator.ended(SERVICE_DAG, f"job-{number}")
    simulator.trigger(SERVICE_DAG, "other", {**CONF, "target_instance": "srv-2"})
    simulator.ended(SERVICE_DAG, "other")
    assert [message["status"] for message in published.messages] == ["FAILURE", "FAILURE", "SUCCESS", "SUCCESS"]


@pytest.mark.parametrize(
    ("end", "run_state", "erase_state"),
    [("success", "success", "success"), ("publish_failed", "failed", "success"), ("failed", "failed", "failed")],
)
def test_a_silent_run_publishes_nothing_and_its_tasks_tell_what_was_done(simulator, published, end, run_state, erase_state):
    simulator.call("POST", "/simulator/silent", {"end": end})
    simulator.trigger(SERVICE_DAG, "job", CONF)
    assert simulator.ended(SERVICE_DAG, "job") == run_state
    assert simulator.tasks(SERVICE_DAG, "job")["erase"] == erase_state
    assert published.messages == []
    simulator.trigger(SERVICE_DAG, "next", CONF)
    simulator.ended(SERVICE_DAG, "next")
    assert published.by_job("next")


def test_the_answer_mode_asks_nobody_and_erases_nothing(simulator, files, fence_server, published):
    folder = files("tenants/tenant-1/srv-1/a")
    simulator.call("POST", "/simulator/knobs", {"mode": "answer"})
    simulator.trigger(SERVICE_DAG, "job", CONF)
    assert simulator.ended(SERVICE_DAG, "job") == "success"
    assert published.by_job("job")["metadata"] == {"files_deleted": 0, "db_rows_purged": 0}
    assert fence_server.asked == [] and (folder / "tenants/tenant-1/srv-1/a").exists()


def test_posts_misbehave_as_asked_and_recover(simulator):
    simulator.call("POST", "/simulator/http", {"status": 503, "times": 2})
    assert [simulator.trigger(SERVICE_DAG, "job", CONF)[0] for _ in range(3)] == [503, 503, 200]
    simulator.call("POST", "/simulator/http", {"status": 500, "times": 1, "after": True})
    assert simulator.trigger(SERVICE_DAG, "done", CONF)[0] == 500
    assert simulator.trigger(SERVICE_DAG, "done", CONF)[0] == 409
    simulator.call("POST", "/simulator/http", {"status": 0, "times": 1})
    with pytest.raises(OSError):
        simulator.trigger(SERVICE_DAG, "cut", CONF)
    simulator.call("POST", "/simulator/http", {"status": 429, "for_ms": 1})
    wait_for(lambda: simulator.trigger(SERVICE_DAG, "later", CONF)[0] in (200, 409))


def test_a_dag_can_be_missing_for_a_while(simulator):
    simulator.call("POST", f"/simulator/dags/{HEAVY_DAG}", {"present": False})
    assert simulator.trigger(HEAVY_DAG, "job", CONF)[0] == 404
    simulator.call("POST", "/simulator/reset")
    assert simulator.trigger(HEAVY_DAG, "job", CONF)[0] == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("knobs", {"mode": "x"}),
        ("knobs", {"duration": 1}),
        ("knobs", {"durations": {"a": -1}}),
        ("fail", {"times": 0}),
        ("silent", {"end": "x"}),
        ("http", {"status": 200}),
    ],
)
def test_knobs_that_make_no_sense_are_refused(simulator, path, body):
    assert simulator.call("POST", f"/simulator/{path}", body)[0] == 422


def test_reset_forgets_runs_when_asked(simulator):
    simulator.call("POST", "/simulator/silent", {"times": None, "end": "running"})
    simulator.trigger(SERVICE_DAG, "job", CONF)
    knobs = simulator.call("POST", "/simulator/reset", {"runs": True})[1]
    assert knobs["silent"] == []
    assert simulator.call("GET", "/simulator/stats")[1]["runs"] == 0
    assert simulator.trigger(SERVICE_DAG, "job", CONF)[0] == 200
    assert simulator.ended(SERVICE_DAG, "job") == "success"


def test_a_token_is_wanted_when_there_are_credentials(simulators):
    simulator = simulators(credentials=("expunge", "s3cret"))
    assert simulator.call("GET", "/api/v2/monitor/health")[0] == 200
    assert simulator.call("GET", f"/api/v2/dags/{SERVICE_DAG}")[0] == 401
    assert simulator.call("GET", "/simulator/stats")[0] == 401
    assert simulator.call("GET", "/auth/token")[0] == 403
    assert simulator.call("POST", "/auth/token", {"username": "expunge", "password": "wrong"})[0] == 401
    status, answer = simulator.call("POST", "/auth/token", {"username": "expunge", "password": "s3cret"})
    assert status == 201
    simulator.token = answer["access_token"]
    assert simulator.call("GET", f"/api/v2/dags/{SERVICE_DAG}")[0] == 200
    simulator.call("POST", "/simulator/expire-tokens")
    assert simulator.call("GET", f"/api/v2/dags/{SERVICE_DAG}") == (403, {"detail": "Invalid JWT token"})


def test_runs_survive_a_restart_and_what_ran_runs_again(simulators, published, tmp_path):
    state = str(tmp_path / "state.db")
    first = simulators(state=state)
    first.trigger(SERVICE_DAG, "done", CONF)
    first.ended(SERVICE_DAG, "done")
    first.call("POST", "/simulator/silent", {"end": "running"})
    first.trigger(SERVICE_DAG, "cut-off", CONF)
    wait_for(lambda: first.tasks(SERVICE_DAG, "cut-off")["erase"] == "running")
    first.call("PATCH", f"/api/v2/dags/{HEAVY_DAG}", {"is_paused": True})
    first.trigger(HEAVY_DAG, "queued", CONF)
    first.stop()
    second = simulators(state=state)
    assert second.run(SERVICE_DAG, "done")["state"] == "success"
    assert second.trigger(SERVICE_DAG, "done", CONF)[0] == 409
    assert second.ended(SERVICE_DAG, "cut-off") == "success"
    assert published.by_job("cut-off") and published.by_job("queued") is None
    assert second.run(HEAVY_DAG, "queued")["state"] == "queued"


def test_a_result_that_kafka_does_not_take_is_tried_again(simulators):
    class Flaky(Recorder):
        refusals = 1

        def publish(self, message, conf):
            if self.refusals:
                self.refusals -= 1
                raise PublishFailed("no brokers")
            super().publish(message, conf)

    flaky = Flaky()
    simulator = simulators(publisher=flaky)
    simulator.trigger(SERVICE_DAG, "job", CONF)
    assert simulator.ended(SERVICE_DAG, "job") == "success"
    assert len(flaky.messages) == 1
