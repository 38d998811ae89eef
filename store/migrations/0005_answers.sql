-- The latest steps with what was asked and answered, newest last: a workflow task that failed may run several steps again.
ALTER TABLE deletions DROP COLUMN answer;
ALTER TABLE deletions ADD COLUMN answers jsonb NOT NULL DEFAULT '[]';
-- A person's hold outlives a run of the workflow; the status says ON_HOLD only while nothing else is to be said.
ALTER TABLE deletions ADD COLUMN held boolean NOT NULL DEFAULT false;

-- Finds revoked jobs whose run may still be queued in Airflow.
CREATE INDEX attempts_revoked ON attempts (revoked_at) WHERE revoked_at IS NOT NULL AND posted_at IS NOT NULL AND result IS NULL;
