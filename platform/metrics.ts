import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From one second to thirty days: a deletion may take a moment or its whole legal month. */
const DELETION_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 4 * 3_600, 12 * 3_600, 86_400, 3 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400];

/** From what is hardly noticed to what calls for attention. */
const DELAY_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];

/** An answer takes some milliseconds. */
const ANSWER_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5];

/** All that Expunge counts. Labels hold kinds, lanes, statuses, topics and codes; never an id. */
export type Metrics = ReturnType<typeof createMetrics>;

/** A registry of its own for one process; two in one process do not disturb one another. */
export function createMetrics({ processMetrics = false }: { readonly processMetrics?: boolean } = {}) {
  const registry = new Registry();
  const registers = [registry];
  if (processMetrics) collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) => new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) => {
    const made = new Gauge({ name, help, labelNames, registers });
    // One without labels begins as 0, also in a process that knows nothing of it.
    if (labelNames.length === 0) made.remove();
    return made;
  };
  return {
    registry,
    deletionsEnded: counter('expunge_deletions_ended_total', 'Deletions that ended, by how', 'kind', 'lane', 'status'),
    deletionDuration: new Histogram({ name: 'expunge_deletion_duration_seconds', help: 'Request received to deletion completed', labelNames: ['kind', 'lane'], buckets: DELETION_SECONDS, registers }),
    deletionsParked: counter('expunge_deletions_parked_total', 'Deletions that were parked, by failure code', 'kind', 'lane', 'code'),
    triggers: counter('expunge_triggers_total', 'Attempts whose trigger was written', 'kind', 'lane'),
    deadLetters: counter('expunge_dead_letters_total', 'Messages kept in a dead letter topic, by the topic they came on', 'topic', 'class'),
    messages: counter('expunge_messages_total', 'Messages read, by what became of them', 'group', 'topic', 'outcome'),
    consumerLag: gauge('kafka_consumer_lag', 'Messages in a partition that its consumer group has not committed', 'group', 'topic', 'partition'),
    outboxUnsent: gauge('expunge_outbox_unsent', 'Outbox rows to be sent'),
    outboxOldest: gauge('expunge_outbox_oldest_seconds', 'Age of the oldest outbox row to be sent; 0 when there is none'),
    outboxDead: gauge('expunge_outbox_dead', 'Outbox rows that were refused too often and wait for a person'),
    outboxSent: counter('expunge_outbox_sent_total', 'Outbox rows sent, by topic or signal', 'target'),
    tenantUnknown: counter('expunge_tenant_unknown_total', 'Wakings for a tenant that the inventory has never heard of'),
    tenantDecisionsNeeded: counter('expunge_tenant_decisions_needed_total', 'Emptyings of which only some deletions were in gdprMode: a person decides'),
    erasedAfterCancel: counter('expunge_erased_after_cancel_total', 'Results that say something was erased after its deletion was cancelled'),
    reconcilerLooked: counter('expunge_reconciler_looked_total', 'Live deletions that were compared with Temporal'),
    reconcilerMended: counter('expunge_reconciler_mended_total', 'Live deletions that Temporal did not carry out as the ledger had it, by how they were mended', 'kind', 'mend'),
    reconcilerFailed: counter('expunge_reconciler_failed_total', 'Live deletions that could not be mended'),
    requestConflicts: counter('expunge_request_conflicts_total', 'Request ids that came for a second subject'),
    subjectEvents: counter('expunge_subject_events_total', 'Events of the Nova bus, by what became of them', 'type', 'outcome'),
    subjectEventDelay: new Histogram({ name: 'expunge_subject_event_delay_seconds', help: 'Stamp of an event in Kafka to its place in the subject inventory', buckets: DELAY_SECONDS, registers }),
    eventsAhead: counter('expunge_events_ahead_total', 'Events whose producer’s clock was more than five minutes ahead: they count as of now', 'topic'),
    resurrections: counter('expunge_resurrections_total', 'Events that tell of something that exists about a subject after its erasure', 'kind'),
    triggersHandled: counter('expunge_triggers_handled_total', 'Triggers that the trigger bridge is done with: posted, known already, skipped or failed', 'lane', 'outcome'),
    resultsSpoken: counter('expunge_results_spoken_total', 'Results that the watcher published because a run could not', 'lane', 'status'),
    results: counter('expunge_results_total', 'Results from Airflow, by what became of them', 'status', 'outcome'),
    airflowRequests: counter('expunge_airflow_requests_total', 'Requests to Airflow, by operation and outcome', 'operation', 'outcome'),
    verifications: counter('expunge_verifications_total', 'Completed deletions of users of which it was stated what is left', 'verdict'),
    residual: counter('expunge_residual_total', 'What was left of users after completed deletions', 'kind'),
    ownerCountsFailed: counter('expunge_owner_counts_failed_total', 'Questions of what exists of a user that an owning service did not answer', 'owner'),
    identityEchoes: counter('expunge_identity_echoes_total', 'Deletions of users that the service of identities told of after everything of that time was erased'),
    inFlight: gauge('expunge_in_flight', 'Deletions that have not ended', 'kind', 'status'),
    overdue: gauge('expunge_overdue', 'Deletions past their due date that have not ended'),
    dueSoon: gauge('expunge_due_soon', 'Deletions whose due date is near and that have not ended'),
    parkedNow: gauge('expunge_parked', 'Deletions that are parked, by failure code', 'kind', 'code'),
    noProgress: gauge('expunge_no_progress_seconds', 'How long deletions have waited for Airflow while none has ended; 0 when none waits'),
    tenantsUnknown: gauge('expunge_tenants_unknown', 'Tenants of which services were deleted that the inventory has never heard of; counted up to 10000'),
    verdictsRecent: gauge('expunge_verdicts_last_day', 'Statements of the last day that somebody has to look at, by verdict; counted up to 10000', 'verdict'),
    resurrectedRecent: gauge('expunge_resurrected_last_day', 'Erased subjects of whom something was told in the last day that exists since their erasure, by kind; counted up to 10000', 'kind'),
    deadLettersKept: gauge('expunge_dead_letters_kept', 'Messages that a dead letter topic holds, by the topic they came on', 'topic'),
    deadLettersEnd: gauge('expunge_dead_letters_end_offset', 'End of a dead letter topic: how many messages it was ever given, by the topic they came on', 'topic'),
    apiRequests: new Histogram({ name: 'expunge_api_request_duration_seconds', help: 'A call of the API to its answer, by route', labelNames: ['route', 'method', 'status'], buckets: ANSWER_SECONDS, registers }),
    roleReady: gauge('expunge_role_ready', 'Whether a role of this process does its work: 1 or 0', 'role'),
  };
}
