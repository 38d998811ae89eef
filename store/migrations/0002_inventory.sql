-- A row exists for every tenant that was ever named; only service.provisioned makes it known.
CREATE TABLE tenants (
  tenant_id        text PRIMARY KEY,
  status           text NOT NULL DEFAULT 'UNKNOWN' CHECK (status IN ('UNKNOWN', 'ACTIVE', 'EMPTY', 'ERASED')),
  -- how often the tenant has become empty
  emptyings        integer NOT NULL DEFAULT 0,
  -- completed deletions since the tenant last became active
  gdpr_deletions   integer NOT NULL DEFAULT 0,
  other_deletions  integer NOT NULL DEFAULT 0,
  last_trace_id    text,
  emptied_at       timestamptz,
  erased_at        timestamptz,
  updated_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE services (
  tenant_id           text NOT NULL REFERENCES tenants,
  service_instance_id text NOT NULL,
  service_type        text NOT NULL,
  depends_on          text[] NOT NULL DEFAULT '{}',
  status              text NOT NULL CHECK (status IN ('ACTIVE', 'DEPROVISIONED', 'ERASED')),
  -- counts the incarnations of this instance id
  generation          integer NOT NULL DEFAULT 1,
  -- the timestamp of the event that began this incarnation, and of the latest event, by the producer's clock
  provisioned_at      timestamptz NOT NULL,
  event_at            timestamptz NOT NULL,
  gone_at             timestamptz,
  gone_by             text,
  updated_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, service_instance_id)
);
CREATE INDEX services_active ON services (tenant_id) WHERE status = 'ACTIVE';

-- When the reader of a feed was last known to have everything that had been written to it.
CREATE TABLE inventory_feed (
  source       text PRIMARY KEY,
  caught_up_at timestamptz NOT NULL
);

-- Memory of handled events, per consumer group.
CREATE TABLE processed_events (
  consumer_group text NOT NULL,
  event_id       text NOT NULL,
  at             timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_group, event_id)
);
CREATE INDEX processed_events_by_age ON processed_events (at);
