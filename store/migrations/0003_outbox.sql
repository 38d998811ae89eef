-- What must be sent, written in the transaction that it belongs to. A row goes to a Kafka topic, or wakes a workflow.
CREATE TABLE outbox (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id    text NOT NULL UNIQUE,
  -- rows of one request are sent in the order of their ids
  request_id  text NOT NULL,
  lane        smallint NOT NULL,
  target      text NOT NULL CHECK (target IN ('kafka', 'signal')),
  -- kafka: topic and key; signal: signal name and workflow id
  destination text NOT NULL,
  key         text NOT NULL,
  headers     jsonb NOT NULL DEFAULT '{}',
  body        text NOT NULL,
  refusals    integer NOT NULL DEFAULT 0,
  last_error  text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  sent_at     timestamptz,
  dead_at     timestamptz
);
CREATE INDEX outbox_unsent ON outbox (lane, id) WHERE sent_at IS NULL;
CREATE INDEX outbox_dead ON outbox (request_id, id) WHERE dead_at IS NOT NULL AND sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

-- Lanes are held under leases, so that several relays may run and none sends another's rows.
CREATE TABLE outbox_lanes (
  lane        smallint PRIMARY KEY,
  holder      text,
  held_until  timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO outbox_lanes (lane) SELECT generate_series(0, 15);

CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('expunge_outbox', '');
  RETURN NULL;
END $$;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();
