-- One row per deletion request of any kind. Temporal decides what happens next; this row arbitrates what has happened.
CREATE TABLE deletions (
  request_id          text PRIMARY KEY,
  kind                text NOT NULL CHECK (kind IN ('user', 'service', 'tenant')),
  workflow_id         text NOT NULL,
  subject_ref         text,
  user_id             text,
  tenant_id           text,
  service_type        text,
  service_instance_id text,
  -- tenant only: which of the tenant's emptyings this clean-up belongs to
  emptying            integer,
  -- service only: the incarnation of the instance that was asked to be deleted (services.generation); 0 when it was unknown
  generation          integer NOT NULL DEFAULT 0,
  source              text,
  reason              text,
  requested_by        text,
  gdpr_mode           boolean NOT NULL,
  dry_run             boolean NOT NULL,
  trace_id            text NOT NULL,
  traceparent         text,
  -- what a start or a join of this request carries to Temporal
  input               jsonb NOT NULL,
  status              text NOT NULL DEFAULT 'PENDING' CHECK (status IN
                        ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT', 'COMPLETED', 'CANCELLED', 'DUPLICATE')),
  attempt             integer NOT NULL DEFAULT 0,
  -- the job of the current attempt
  job_id              text,
  -- the workflow chain that owns the row, the last of its steps that was committed, and the answer that it was given
  claimed_run         text,
  step                integer NOT NULL DEFAULT 0,
  answer              jsonb,
  failure_code        text,
  failure_message     text,
  duplicate_of        text REFERENCES deletions,
  outcome             text,
  notifications       integer NOT NULL DEFAULT 0,
  events              integer NOT NULL DEFAULT 0,
  airflow_run_id      text,
  counts              jsonb,
  requested_at        timestamptz NOT NULL,
  received_at         timestamptz NOT NULL DEFAULT now(),
  sent_at             timestamptz,
  parked_at           timestamptz,
  completed_at        timestamptz,
  duration_ms         bigint,
  due_at              timestamptz NOT NULL,
  updated_at          timestamptz NOT NULL DEFAULT now(),
  CHECK ((kind = 'user') = (user_id IS NOT NULL AND subject_ref IS NOT NULL)),
  CHECK ((kind IN ('service', 'tenant')) = (tenant_id IS NOT NULL)),
  CHECK ((kind = 'service') = (service_instance_id IS NOT NULL)),
  CHECK ((status = 'DUPLICATE') = (duplicate_of IS NOT NULL))
);

-- Temporal keeps one open run per workflow id; this keeps one live owner per subject even against Temporal.
CREATE UNIQUE INDEX deletions_one_live_owner ON deletions (workflow_id)
  WHERE claimed_run IS NOT NULL AND status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT');
CREATE INDEX deletions_by_duplicate_of ON deletions (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX deletions_by_instance ON deletions (tenant_id, service_instance_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX deletions_by_user ON deletions (user_id, status) WHERE user_id IS NOT NULL;
CREATE INDEX deletions_live ON deletions (due_at)
  WHERE status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT');

-- One row per attempt; its job id is the Airflow run id.
CREATE TABLE attempts (
  job_id         text PRIMARY KEY,
  request_id     text NOT NULL REFERENCES deletions,
  attempt        integer NOT NULL,
  dag_id         text NOT NULL,
  lane           text NOT NULL,
  generation     integer NOT NULL,
  cause          text NOT NULL,
  sent_at        timestamptz NOT NULL DEFAULT now(),
  -- when Airflow took the run, and when it was last asked about it
  posted_at      timestamptz,
  watched_at     timestamptz,
  airflow_run_id text,
  result         text CHECK (result IN ('SUCCESS', 'FAILURE')),
  result_at      timestamptz,
  failure_code   text,
  -- Airflow's own words: may name a user, so they stay here
  error_text     text,
  counts         jsonb,
  timed_out_at   timestamptz,
  -- the fence: a revoked job must not run any more
  revoked_at     timestamptz,
  revoked_why    text,
  UNIQUE (request_id, attempt)
);
CREATE INDEX attempts_awaiting ON attempts (sent_at) WHERE result IS NULL AND revoked_at IS NULL;

-- Append only: what happened to a request, why, and by whom when it was a person.
CREATE TABLE timeline (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  request_id text NOT NULL REFERENCES deletions,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  what       text NOT NULL,
  status     text NOT NULL,
  attempt    integer NOT NULL,
  cause      text NOT NULL,
  person     text,
  reason     text
);
CREATE INDEX timeline_by_request ON timeline (request_id, id);

CREATE FUNCTION timeline_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the timeline is append-only';
END $$;
CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE ON timeline
  FOR EACH ROW EXECUTE FUNCTION timeline_is_append_only();

-- The tables of the source documents, for those who query by their columns.
CREATE VIEW deletion_requests AS
  SELECT d.request_id, d.user_id, d.source AS source_service, d.trace_id, d.airflow_run_id AS airflow_job_id,
         d.status, d.failure_message AS error_message, d.received_at AS created_at, d.completed_at AS finished_at, d.duration_ms
  FROM deletions d WHERE d.kind = 'user';

CREATE VIEW service_deletion_requests AS
  SELECT d.request_id, d.tenant_id, d.service_instance_id, d.service_type, d.trace_id, d.airflow_run_id AS airflow_job_id,
         d.status, greatest(d.attempt - 1, 0) AS retry_count, d.received_at AS created_at, d.updated_at,
         d.completed_at AS finished_at, d.duration_ms, d.failure_message AS failure_reason
  FROM deletions d WHERE d.kind = 'service';
