-- What the alerts watch is read off the ledger, so that no crash loses an alert: each of these is a short range of an index.

-- Something that exists about a subject after its erasure, written with the event that told of it; by kind, for what has to be looked at.
CREATE TABLE subject_resurrections (
  subject_ref text COLLATE "C" NOT NULL,
  kind        text COLLATE "C" NOT NULL CHECK (kind IN ('post', 'media', 'message', 'profile')),
  -- by the producer's clock: the latest event that told of it
  last_at     timestamptz NOT NULL,
  events      integer NOT NULL,
  -- by our clock
  noted_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (subject_ref, kind)
);
CREATE INDEX subject_resurrections_by_time ON subject_resurrections (noted_at);

-- The live rows are counted from the index alone.
DROP INDEX deletions_live;
CREATE INDEX deletions_live ON deletions (due_at, request_id) INCLUDE (kind, status, failure_code, dry_run, sent_at)
  WHERE status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT');
-- The latest end.
CREATE INDEX deletions_ended ON deletions (completed_at) WHERE completed_at IS NOT NULL;
-- Tenants of which services were deleted that the inventory has never heard of.
CREATE INDEX tenants_unknown ON tenants (tenant_id) WHERE status = 'UNKNOWN' AND gdpr_deletions + other_deletions > 0;
-- Statements that somebody has to look at.
CREATE INDEX verifications_to_look_at ON verifications (stated_at) INCLUDE (verdict) WHERE verdict IN ('RESIDUAL', 'UNVERIFIABLE');
