-- Relays that run, whether they hold lanes or not: what a fair share is counted from.
CREATE TABLE outbox_relays (
  holder     text PRIMARY KEY,
  seen_until timestamptz NOT NULL
);

-- Finds what holds a row back: an earlier one of its request that is dead, or that another sender has not sent yet.
CREATE INDEX outbox_unsent_by_request ON outbox (request_id, id) WHERE sent_at IS NULL;
DROP INDEX outbox_dead;
