-- What W3C's tracestate adds to the traceparent that a request was received at.
ALTER TABLE deletions ADD COLUMN tracestate text;
-- The place in a trace of a tenant's latest completed deletion: its emptying and its clean-up go on from there.
ALTER TABLE tenants ADD COLUMN last_traceparent text;
ALTER TABLE tenants ADD COLUMN last_tracestate text;
