-- Pages of the API's lists, newest first. A list reads one short range for each status (and kind, or tenant) that it asks for and merges
-- them: so each page is found by an index whatever is asked, and one index serves all combinations with its first column.
CREATE INDEX deletions_by_kind_status ON deletions (kind, status, received_at, request_id);
CREATE INDEX deletions_by_tenant_status ON deletions (tenant_id, status, received_at, request_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX deletions_by_type_status ON deletions (service_type, status, received_at, request_id) WHERE service_type IS NOT NULL;
CREATE INDEX tenants_by_status ON tenants (status, tenant_id);
