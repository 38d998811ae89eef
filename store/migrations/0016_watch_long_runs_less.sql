-- A run that lasts is looked at less often the longer it does. From here on the next look is counted: the post, or the last look, put off.
ALTER TABLE attempts ADD COLUMN watch_from timestamptz;
DROP INDEX attempts_awaiting;
CREATE INDEX attempts_awaiting ON attempts (coalesce(watch_from, posted_at)) WHERE result IS NULL AND revoked_at IS NULL AND posted_at IS NOT NULL;
