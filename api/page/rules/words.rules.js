// @ts-check

/** @typedef {import('../../../contracts/api/deletions.js').DeletionAnswer} Deletion */
/** @typedef {import('../../../contracts/api/lists.js').DeletionList['items'][number]} ListedDeletion */
/** @typedef {Deletion['status']} Status */
/** @typedef {'wait' | 'hold' | 'busy' | 'bad' | 'good' | 'off'} Tone */

/**
 * How a status is named to a person, what it means, and how it looks.
 * @type {Readonly<Record<Status, { label: string, tone: Tone, about: string }>>}
 */
export const STATUSES = {
  PENDING: { label: 'Pending', tone: 'wait', about: 'Received; in its grace period, waiting for services that depend on it, or between two attempts.' },
  ON_HOLD: { label: 'On hold', tone: 'hold', about: 'A person stopped it before its trigger. It goes on when it is released.' },
  SENT_TO_AIRFLOW: { label: 'With Airflow', tone: 'busy', about: 'The trigger is sent; the result of this attempt is awaited.' },
  FAILED: { label: 'Failed', tone: 'bad', about: 'Parked: it waits for a person, or for what blocks it to go.' },
  TIMEOUT: { label: 'Timed out', tone: 'bad', about: 'Parked: Airflow gave no result in time. A late success still completes it.' },
  COMPLETED: { label: 'Completed', tone: 'good', about: 'Everything that was asked for is erased.' },
  CANCELLED: { label: 'Cancelled', tone: 'off', about: 'A person withdrew it.' },
  DUPLICATE: { label: 'Joined another', tone: 'off', about: 'Another request for the same was under way already; it shares its outcome.' },
};

/**
 * Why a deletion is parked and what to do about it, in words for whoever sees it for the first time.
 * @type {Readonly<Record<NonNullable<Deletion['failure']>['code'], { title: string, remedy: string }>>}
 */
export const FAILURES = {
  DEPENDENCY_BLOCKED: { title: 'Other services depend on it', remedy: 'Active services of the tenant need this one. Have them deleted or deprovisioned first: it then goes through by itself.' },
  DAG_FAILED: { title: 'The clean-up failed in Airflow', remedy: 'Mend what Airflow complains of, then retry.' },
  NO_ERASER: { title: 'Nothing is configured to erase this', remedy: 'Add an eraser for the type to erasers.yaml of the DAGs, then retry.' },
  DAG_NOT_FOUND: { title: 'Airflow has no such DAG', remedy: 'Deploy the DAG that the policy names, or unpause its folder, then retry.' },
  CONF_REFUSED: { title: 'Airflow refused the run', remedy: 'The DAG does not take these parameters. Look at what Airflow said, mend the DAG, then retry.' },
  RUN_MISMATCH: { title: 'Airflow has another run under this id', remedy: 'Find out who started that run, then retry: the next attempt has an id of its own.' },
  RESULT_TIMEOUT: { title: 'No result came in time', remedy: 'Look at the run in Airflow. If it still works, wait: a late success completes the deletion. If it is stuck, clear or fail it, then retry.' },
  RUN_ENDED_WITHOUT_RESULT: { title: 'The run ended without a result', remedy: 'The DAG ended in Airflow and did not say what it erased. Look at its log, then retry.' },
  PROVISIONED_ANEW: { title: 'The instance was provisioned anew', remedy: 'It came after the request. Retry only if the new one is to be erased as well; otherwise cancel.' },
  WORKFLOW_TERMINATED: { title: 'Its workflow was terminated', remedy: 'Somebody ended the workflow from outside. See in Temporal why, then retry, or cancel.' },
};

/** @type {Readonly<Record<string, string>>} */
const STEPS = {
  received: 'Received', claimed: 'Taken up', 'sent to Airflow': 'Sent to Airflow', 'attempt failed': 'Attempt failed', parked: 'Parked', 'told again': 'Told again', 'still-parked': 'Still parked',
  retry: 'Retried', held: 'Held', 'on hold': 'On hold', released: 'Released', cancelled: 'Cancelled', completed: 'Completed', 'joined by': 'Joined by another', joined: 'Joined another', outcome: 'Outcome',
  'set free': 'Set free', 'carries on': 'Carries on', 'taken over': 'Taken over',
};

/** With a capital at its beginning. @param {string} text */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** How a line of the history is headed. @param {string} what */
export const stepTitle = (what) => STEPS[what] ?? sentence(what.replaceAll('-', ' '));

/**
 * What a deletion is of, in one phrase.
 * @param {{ kind: string, userId?: string | null, tenantId?: string | null, serviceType?: string | null, serviceInstanceId?: string | null, emptying?: number | null }} deletion
 */
export function subjectWords({ kind, userId, tenantId, serviceType, serviceInstanceId, emptying }) {
  if (kind === 'user') return `user ${userId ?? '?'}`;
  if (kind === 'service') return `service ${serviceInstanceId ?? '?'} (${serviceType ?? '?'}) of ${tenantId ?? '?'}`;
  return `tenant ${tenantId ?? '?'}${emptying === null || emptying === undefined ? '' : `, emptying ${emptying}`}`;
}

/** @type {readonly (readonly [string, number])[]} */
const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]];

/**
 * A length of time for a person: its two largest units.
 * @param {number} ms
 */
export function durationWords(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [unit = 's', size = 1_000] = UNITS[first] ?? [];
  if (unit === 's') return ms < 10_000 && ms % 1_000 >= 50 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.floor(ms / 1_000)} s`;
  const [nextUnit = 's', nextSize = 1_000] = UNITS[first + 1] ?? [];
  const rest = Math.floor((ms % size) / nextSize);
  return rest === 0 ? `${Math.floor(ms / size)} ${unit}` : `${Math.floor(ms / size)} ${unit} ${rest} ${nextUnit}`;
}

/** Counts, as `posts 12, media 3`. @param {Readonly<Record<string, number>>} counts */
export const countWords = (counts) => Object.entries(counts).map(([name, count]) => `${name.replaceAll('_', ' ')} ${count}`).join(', ');

/**
 * Whether it is past its due date and not over.
 * @param {{ final: boolean, dueAt: string }} deletion
 * @param {number} nowMs
 */
export const isOverdue = ({ final, dueAt }, nowMs) => !final && Date.parse(dueAt) < nowMs;
