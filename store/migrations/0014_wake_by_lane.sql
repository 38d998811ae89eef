-- Says in which lanes there is something to send: a relay that holds others of them sleeps on.
CREATE OR REPLACE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('expunge_outbox', target || ' ' || lane) FROM (SELECT DISTINCT target, lane FROM written) AS written_to;
  RETURN NULL;
END $$;
