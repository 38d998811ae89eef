-- What exists about each user, by the events that have passed: ids and times, no content.
CREATE TABLE subject_items (
  kind        text COLLATE "C" NOT NULL CHECK (kind IN ('post', 'media', 'message', 'profile')),
  -- of a profile its subjectRef
  item_id     text COLLATE "C" NOT NULL,
  -- 0 stored, 1 stored and hidden (a soft deletion), 2 gone. Of two events of the same time the higher counts.
  state       smallint NOT NULL CHECK (state BETWEEN 0 AND 2),
  -- by the producer's clock: of the event that the row is by
  event_at    timestamptz NOT NULL,
  -- unknown of what is gone, so that nothing links it to anybody
  subject_ref text COLLATE "C" CHECK ((subject_ref IS NULL) = (state = 2)),
  -- the earliest event that told of it as stored
  since_at    timestamptz,
  -- by our clock
  noted_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, item_id)
) WITH (fillfactor = 90);
CREATE INDEX subject_items_by_subject ON subject_items (subject_ref, kind, state, since_at) WHERE subject_ref IS NOT NULL;
-- What is gone is remembered until no older event of it can come any more.
CREATE INDEX subject_items_gone ON subject_items (noted_at) WHERE state = 2;

-- The only place beside the ledger that names the user; erased with the subject.
CREATE TABLE subject_ids (
  subject_ref text COLLATE "C" PRIMARY KEY,
  user_id     text NOT NULL
);
-- One user has several references while the pepper is being changed.
CREATE INDEX subject_ids_by_user ON subject_ids (user_id);

-- Subjects that were erased: what is told of them and is older brings nothing back.
CREATE TABLE subject_tombstones (
  subject_ref text COLLATE "C" PRIMARY KEY,
  erased_at   timestamptz NOT NULL,
  request_id  text NOT NULL
);

-- Memory of handled events, in a ring of days: a day that has passed is forgotten by emptying its table
-- (docs/decisions/0009-events-are-remembered-in-a-ring-of-days.md).
CREATE TABLE subject_events (
  slot     smallint NOT NULL,
  -- the first half of the SHA-256 of the event's id
  event_id uuid NOT NULL,
  PRIMARY KEY (slot, event_id)
) PARTITION BY LIST (slot);
DO $$
BEGIN
  FOR slot IN 0..15 LOOP
    EXECUTE format('CREATE TABLE subject_events_%s PARTITION OF subject_events FOR VALUES IN (%s)', slot, slot);
  END LOOP;
END $$;
