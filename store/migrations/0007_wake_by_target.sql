-- Says which sender has something to send: the relay's other one is left alone.
CREATE OR REPLACE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('expunge_outbox', target) FROM (SELECT DISTINCT target FROM written) AS targets;
  RETURN NULL;
END $$;
DROP TRIGGER outbox_wake ON outbox;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();
