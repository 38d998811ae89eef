-- Finds the active services that depend on an instance, however many services its tenant has.
CREATE INDEX services_dependants ON services USING gin (depends_on) WHERE status = 'ACTIVE' AND depends_on <> '{}';
