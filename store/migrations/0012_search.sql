-- What a person searches the ledger by: a service instance of whatever tenant, a user's reference, a trace. Users are found by deletions_by_user.
CREATE INDEX deletions_by_service_instance ON deletions (service_instance_id, received_at, request_id) WHERE service_instance_id IS NOT NULL;
CREATE INDEX deletions_by_subject ON deletions (subject_ref, received_at, request_id) WHERE subject_ref IS NOT NULL;
CREATE INDEX deletions_by_trace ON deletions (trace_id, received_at, request_id);
