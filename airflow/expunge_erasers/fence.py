"""The fence: asks Expunge whether a job still stands, because it may have waited in Airflow while it was withdrawn."""

from __future__ import annotations

import http.client
import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Callable

from .errors import FenceUnavailable, JobRevoked

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """Whether the job stands, and why not."""

    stands: bool
    reason: str


class Fence:
    """
    `GET <api_url>/api/v1/jobs/<jobId>`. An outage is waited out for `patience_s` with doubling pauses,
    then it is FenceUnavailable: nothing is ever erased without the fence's word.
    """

    def __init__(
        self,
        api_url: str,
        token: str | None = None,
        *,
        timeout_s: float = 10,
        patience_s: float = 60,
        recheck_s: float = 30,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._api_url = api_url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._sleep = sleep
        self.recheck_s = recheck_s

    def check(self, job_id: str) -> Standing:
        """Whether the job stands. Raises FenceUnavailable."""
        deadline = time.monotonic() + self._patience_s
        pause_s = 0.5
        while True:
            try:
                return self._ask(job_id)
            except _Outage as outage:
                if time.monotonic() + pause_s > deadline:
                    raise FenceUnavailable(f"The fence gave no answer, so nothing is erased: {outage}") from outage
                log.warning("the fence gave no answer (%s), asking again in %.1f s", outage, pause_s)
                self._sleep(pause_s)
                pause_s = min(pause_s * 2, 10)

    def guard(self, job_id: str) -> JobGuard:
        """A guard for one job's erasure."""
        return JobGuard(self, job_id)

    def _ask(self, job_id: str) -> Standing:
        url = f"{self._api_url}/api/v1/jobs/{urllib.parse.quote(job_id, safe='')}"
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                return _standing(job_id, response.read())
        except urllib.error.HTTPError as error:
            body = error.read()
            if error.code == 404 and _is_the_apis_own(body):
                return Standing(False, "Expunge knows no such job")
            if error.code in (408, 425, 429) or error.code >= 500:
                raise _Outage(f"HTTP {error.code}") from error
            remedy = "check EXPUNGE_API_TOKEN" if error.code in (401, 403) else "check EXPUNGE_API_URL"
            raise FenceUnavailable(f"The fence answered HTTP {error.code}, so nothing is erased: {remedy}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _Outage(f"{type(error).__name__}: {error}") from error


class JobGuard:
    """The guard of one job: asks before every step, and in a long step again every `recheck_s`."""

    def __init__(self, fence: Fence, job_id: str):
        self._fence = fence
        self._job_id = job_id
        self._checked_at = float("-inf")

    def before_step(self) -> None:
        """Raises JobRevoked when the job does not stand, FenceUnavailable when nobody can say."""
        standing = self._fence.check(self._job_id)
        if not standing.stands:
            raise JobRevoked(self._job_id, standing.reason)
        self._checked_at = time.monotonic()

    def between_batches(self) -> None:
        """As before_step, when the last word is older than `recheck_s`."""
        if time.monotonic() - self._checked_at > self._fence.recheck_s:
            self.before_step()


class _Outage(Exception):
    pass


def _standing(job_id: str, body: bytes) -> Standing:
    answer = json.loads(body)
    if not isinstance(answer, dict) or answer.get("jobId") != job_id or not isinstance(answer.get("stands"), bool):
        raise FenceUnavailable("The fence gave an answer that does not speak of this job: check EXPUNGE_API_URL")
    return Standing(answer["stands"], str(answer.get("reason") or ("it stands" if answer["stands"] else "no reason given")))


def _is_the_apis_own(body: bytes) -> bool:
    # A proxy's HTML page is a wrong address, not the word that a job is unknown.
    if not body.strip():
        return True
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
