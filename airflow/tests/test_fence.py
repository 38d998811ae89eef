import pytest
from conftest import free_port

from expunge_erasers.errors import FenceUnavailable, JobRevoked
from expunge_erasers.fence import Fence

JOB = "del_req_t:1~2"


def fence(server, **settings):
    return Fence(server.url, sleep=lambda _: None, **settings)


def test_a_standing_job_passes_and_its_id_is_encoded(fence_server):
    fence_server.answers["a b/c"] = [(200, {"jobId": "a b/c", "stands": True, "reason": ""})]
    assert fence(fence_server, token="secret").check("a b/c").stands
    assert fence_server.asked == [("/api/v1/jobs/a%20b%2Fc", "Bearer secret")]
    assert fence(fence_server).check(JOB).stands


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"jobId": JOB, "stands": False, "reason": "cancelled"}),
        (404, {"type": "about:blank", "title": "Not Found", "status": 404}),
        (404, b""),
    ],
)
def test_a_job_that_does_not_stand_is_revoked(fence_server, answer):
    fence_server.answers[JOB] = [answer]
    assert not fence(fence_server).check(JOB).stands
    with pytest.raises(JobRevoked):
        fence(fence_server).guard(JOB).before_step()


def test_an_outage_is_waited_out(fence_server):
    fence_server.answers[JOB] = [(503, {}), (500, b"oops"), (429, {}), (200, {"jobId": JOB, "stands": True})]
    assert fence(fence_server).check(JOB).stands
    assert len(fence_server.asked) == 4


def test_without_the_fences_word_nothing_is_said_to_stand(fence_server):
    fence_server.answers[JOB] = [(503, {})]
    with pytest.raises(FenceUnavailable, match="HTTP 503"):
        fence(fence_server, patience_s=0).check(JOB)
    with pytest.raises(FenceUnavailable, match="Connection refused"):
        Fence(f"http://127.0.0.1:{free_port()}", patience_s=0).check(JOB)


@pytest.mark.parametrize(
    "answer",
    [
        (404, b"<html>not here</html>"),
        (401, {"title": "Unauthorized"}),
        (200, {"jobId": "another", "stands": True}),
        (200, {"jobId": JOB, "stands": "true"}),
        (200, []),
    ],
)
def test_an_answer_that_is_not_the_fences_is_no_word(fence_server, answer):
    fence_server.answers[JOB] = [answer]
    with pytest.raises(FenceUnavailable):
        fence(fence_server, patience_s=0).check(JOB)


def test_a_long_step_asks_again_after_a_while(fence_server):
    guard = fence(fence_server).guard(JOB)
    guard.before_step()
    guard.between_batches()
    assert len(fence_server.asked) == 1
    impatient = fence(fence_server)
    impatient.recheck_s = -1
    guard = impatient.guard(JOB)
    fence_server.answers[JOB] = [(200, {"jobId": JOB, "stands": True}), (200, {"jobId": JOB, "stands": False, "reason": "cancelled"})]
    guard.before_step()
    with pytest.raises(JobRevoked, match="cancelled"):
        guard.between_batches()
