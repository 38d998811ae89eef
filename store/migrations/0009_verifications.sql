-- What was known to exist of a user, by kind, when an attempt was sent; of a deletion, when its current one was.
ALTER TABLE attempts ADD COLUMN expected jsonb;
ALTER TABLE deletions ADD COLUMN expected jsonb;
-- The completed request that this one follows, because something was left after it.
ALTER TABLE deletions ADD COLUMN linked_to text REFERENCES deletions;
CREATE INDEX deletions_by_link ON deletions (linked_to) WHERE linked_to IS NOT NULL;

-- One row per completed deletion of a user: what is left of the user, once that is stated.
CREATE TABLE verifications (
  request_id   text PRIMARY KEY REFERENCES deletions,
  opened_at    timestamptz NOT NULL DEFAULT now(),
  deadline_at  timestamptz NOT NULL,
  stated_at    timestamptz,
  verdict      text CHECK (verdict IN ('CLEAN', 'RESIDUAL', 'UNVERIFIABLE', 'NOTHING_KNOWN')),
  -- by kind: what is left, and of what nobody can tell whether it is
  residual     jsonb NOT NULL DEFAULT '{}',
  unverifiable jsonb NOT NULL DEFAULT '{}',
  CHECK ((stated_at IS NULL) = (verdict IS NULL))
);
CREATE INDEX verifications_open ON verifications (deadline_at) WHERE stated_at IS NULL;
