"""What can go wrong with an erasure. `error_code` is what the result message carries; see contracts/names."""


class ErasureError(Exception):
    """An erasure that ends in a FAILURE result. `retryable`: trying the same again may help."""

    error_code = "DAG_FAILED"
    retryable = True


class ConfigError(ErasureError):
    """erasers.yaml or the environment is wrong; names every fault at once."""

    retryable = False

    def __init__(self, source: str, faults: list[str]):
        self.faults = faults
        super().__init__(f"{source}: " + "; ".join(faults))


class NoEraser(ErasureError):
    """Nobody has said how to erase this. Never an empty SUCCESS."""

    error_code = "NO_ERASER"
    retryable = False


class ConfRefused(ErasureError):
    """The run's conf lacks a field, or holds a value that could reach beyond its subject."""

    error_code = "CONF_REFUSED"
    retryable = False


class FenceUnavailable(ErasureError):
    """Nobody could say whether the job still stands, so nothing was erased."""


class PublishFailed(ErasureError):
    """Kafka did not acknowledge the result."""


class JobRevoked(Exception):
    """The job does not stand any more: no failure, the run ends as skipped and says nothing."""

    def __init__(self, job_id: str, reason: str):
        self.job_id = job_id
        self.reason = reason
        super().__init__(f"Job {job_id} does not stand: {reason}. Nothing more is erased for it.")
