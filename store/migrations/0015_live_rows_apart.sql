-- Only those who go through all that is live say `due_at > '-infinity'`, which holds of every row. Without it any statement about live rows could be
-- served by this index, and was: it looks as small as the one of a single deletion when statistics are gathered while few are live.
DROP INDEX deletions_live;
CREATE INDEX deletions_live ON deletions (due_at, request_id) INCLUDE (kind, status, failure_code, dry_run, sent_at)
  WHERE status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT') AND due_at > '-infinity';
