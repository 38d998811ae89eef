import type { DeletionAnswer } from '../../contracts/api/deletions.js';
import type { TenantAnswer } from '../../contracts/api/tenants.js';
import type { SeenMessages } from './bus.js';
import type { DeletionCase, DemoCase, Script } from './cases.js';
import type { Holding } from './cast.js';
import { deadLetterOf } from './rows.rules.js';

/** Everything that the demo saw. */
export interface Seen {
  readonly deletions: ReadonlyMap<string, DeletionAnswer>;
  /** The database's deletion as it was while the app was still there, and the data at that moment. */
  readonly blocked: { readonly deletion: DeletionAnswer; readonly holding: Holding } | undefined;
  readonly tenants: ReadonlyMap<string, TenantAnswer>;
  readonly before: ReadonlyMap<string, Holding>;
  readonly after: ReadonlyMap<string, Holding>;
  readonly messages: SeenMessages;
}

/** One thing that has to be so, and whether it is. */
export interface Expectation {
  /** The case's title, or the owner whose data it is about. */
  readonly about: string;
  readonly text: string;
  readonly holds: boolean;
  /** What was found where it does not hold. */
  readonly found: string;
}

const NOTHING: Holding = { rows: 0, files: 0 };
const shown = ({ rows, files }: Holding): string => `${rows} rows and ${files} files`;
const same = (a: Holding, b: Holding): boolean => a.rows === b.rows && a.files === b.files;

/** Judges all that was seen by what the script says has to come of it. */
export function judge(script: Script, seen: Seen): Expectation[] {
  return [
    ...script.cases.flatMap((one) => (one.kind === 'deletion' ? ofDeletion(one, seen) : ofMalformed(one, seen))),
    ...ofRedelivered(script, seen),
    ...ofDatabaseInUse(script, seen),
    ...ofFailingDag(script, seen),
    ...ofTenant(script, seen),
    ...ofOthers(script, seen),
    ofDeadLetters(script.cases, seen),
    { about: 'all messages', text: 'everything that came out keeps to its contract', holds: seen.messages.faults.length === 0, found: seen.messages.faults.join('; ') },
  ];
}

function ofDeletion({ title: about, owner, requestId, attempts }: DeletionCase, { deletions, before, after, messages }: Seen): Expectation[] {
  const deletion = deletions.get(requestId);
  const was = before.get(owner) ?? NOTHING;
  const is = after.get(owner) ?? NOTHING;
  const counted = { rows: deletion?.counts?.['db_rows_purged'] ?? 0, files: deletion?.counts?.['files_deleted'] ?? 0 };
  const told = messages.notifications.filter((one) => one.requestId === requestId && one.status === 'COMPLETED').length;
  const triggers = messages.triggers.filter(({ jobId }) => deletion?.attempts.some((attempt) => attempt.jobId === jobId)).length;
  return [
    { about, text: `is COMPLETED on attempt ${attempts}`, holds: deletion?.status === 'COMPLETED' && deletion.attempts.length === attempts, found: deletion ? `${deletion.status}, ${deletion.attempts.length} attempts` : 'not in the ledger' },
    { about, text: `erased ${shown(was)}`, holds: same(is, NOTHING) && !same(was, NOTHING), found: `${shown(is)} are left` },
    { about, text: 'Airflow counted as many', holds: same(counted, was) && !same(was, NOTHING), found: shown(counted) },
    { about, text: 'one notification says so', holds: told === 1, found: `${told} notifications` },
    { about, text: attempts === 1 ? 'one trigger went to Airflow' : `${attempts} triggers went to Airflow`, holds: triggers === attempts, found: `${triggers} triggers` },
  ];
}

function ofMalformed(one: Extract<DemoCase, { kind: 'malformed' }>, { messages }: Seen): Expectation[] {
  const kept = deadLetterOf(one, messages.deadLetters);
  return [{ about: one.title, text: `is kept byte for byte in ${one.record.topic}.dlq as ${one.faultCode}`, holds: kept?.code === one.faultCode, found: kept ? kept.code : 'not there' }];
}

function ofRedelivered(script: Script, { deletions, messages }: Seen): Expectation[] {
  const one = script.cases.find((candidate) => candidate.kind === 'deletion' && candidate.requestId === script.requests.redelivered);
  const deletion = deletions.get(script.requests.redelivered);
  const received = deletion?.history.filter(({ what }) => what === 'received').length ?? 0;
  const triggers = messages.triggers.filter(({ payload }) => payload.conf.user_id === one?.owner).length;
  const holds = received === 1 && triggers === 1 && deletion?.joined.length === 0;
  return [{ about: one?.title ?? script.requests.redelivered, text: 'three messages were one request', holds, found: `received ${received} times, ${triggers} triggers for the user, ${deletion?.joined.length ?? 0} joined` }];
}

function ofDatabaseInUse(script: Script, { blocked, deletions, before, messages }: Seen): Expectation[] {
  const { database: requestId, app } = script.requests;
  const one = script.cases.find((candidate) => candidate.kind === 'deletion' && candidate.requestId === requestId);
  const about = one?.title ?? requestId;
  const was = before.get(one?.owner ?? '') ?? NOTHING;
  const deletion = deletions.get(requestId);
  const told = messages.notifications.filter((notification) => notification.requestId === requestId && notification.failureCode === 'DEPENDENCY_BLOCKED').length;
  const [appEnd, databaseEnd] = [deletions.get(app)?.timeline.completed, deletion?.timeline.completed];
  // Whoever asked is in its first entry.
  const persons = deletion?.history.slice(1).filter(({ by }) => by !== null).length ?? 0;
  return [
    { about, text: 'was FAILED, DEPENDENCY_BLOCKED and parked while the app ran', holds: blocked?.deletion.status === 'FAILED' && blocked.deletion.failure?.code === 'DEPENDENCY_BLOCKED' && blocked.deletion.parked, found: blocked ? `${blocked.deletion.status} ${blocked.deletion.failure?.code ?? ''}` : 'never seen so' },
    { about, text: 'lost nothing until then', holds: blocked !== undefined && same(blocked.holding, was) && blocked.deletion.attempts.length === 0, found: blocked ? `${shown(blocked.holding)} of ${shown(was)}, ${blocked.deletion.attempts.length} attempts` : 'never seen so' },
    { about, text: 'one notification told of it', holds: told === 1, found: `${told} notifications` },
    { about, text: 'went through by itself once the app was gone', holds: persons === 0 && appEnd !== undefined && databaseEnd !== undefined && appEnd !== null && databaseEnd !== null && Date.parse(appEnd) < Date.parse(databaseEnd), found: `app ended ${appEnd ?? 'never'}, database ${databaseEnd ?? 'never'}, ${persons} acts of persons` },
  ];
}

function ofFailingDag({ cases, requests }: Script, { deletions }: Seen): Expectation[] {
  const about = cases.find((one) => one.kind === 'deletion' && one.requestId === requests.failsOnce)?.title ?? requests.failsOnce;
  const [first, second] = deletions.get(requests.failsOnce)?.attempts ?? [];
  return [
    { about, text: 'attempt 1 is a FAILURE, with what PostgreSQL said', holds: first?.result === 'FAILURE' && /locked by a backup/.test(first.failure?.message ?? ''), found: `${first?.result ?? 'no result'} ${first?.failure?.message ?? ''}` },
    { about, text: 'attempt 2 is a SUCCESS', holds: second?.result === 'SUCCESS', found: second?.result ?? 'no result' },
  ];
}

function ofTenant({ cases, requests, erasedTenant }: Script, { tenants, messages }: Seen): Expectation[] {
  const about = cases.find((one) => one.kind === 'deletion' && one.requestId === requests.cleanUp)?.title ?? erasedTenant;
  const events = messages.lifecycle.filter(({ tenantId }) => tenantId === erasedTenant);
  const order = events.map(({ eventType }) => eventType).join(', ');
  const others = messages.lifecycle.filter(({ tenantId }) => tenantId !== erasedTenant).map(({ tenantId, eventType }) => `${eventType} of ${tenantId}`);
  const alive = [...tenants.values()].filter(({ tenantId }) => tenantId !== erasedTenant);
  return [
    { about, text: 'TENANT_EMPTY in gdprMode, then TENANT_ERASED, once each', holds: order === 'TENANT_EMPTY, TENANT_ERASED' && events.every(({ gdprMode }) => gdprMode), found: order === '' ? 'no events' : order },
    { about, text: `${erasedTenant} is ERASED`, holds: tenants.get(erasedTenant)?.status === 'ERASED', found: tenants.get(erasedTenant)?.status ?? 'unknown' },
    { about: 'other tenants', text: 'no lifecycle event, and ACTIVE', holds: others.length === 0 && alive.length > 0 && alive.every(({ status }) => status === 'ACTIVE'), found: [...others, ...alive.filter(({ status }) => status !== 'ACTIVE').map(({ tenantId, status }) => `${tenantId} is ${status}`)].join(', ') },
  ];
}

/** Whoever was not asked to be erased has all that it had. */
function ofOthers({ cases }: Script, { before, after }: Seen): Expectation[] {
  const erased = new Set(cases.map(({ owner }) => owner));
  const owners = new Set([...before.keys(), ...after.keys()]);
  return [...owners].filter((owner) => !erased.has(owner)).map((owner) => {
    const [was, is] = [before.get(owner) ?? NOTHING, after.get(owner) ?? NOTHING];
    return { about: owner, text: `still has ${shown(was)}`, holds: same(was, is), found: `has ${shown(is)}` };
  });
}

function ofDeadLetters(cases: readonly DemoCase[], { messages }: Seen): Expectation {
  const expected = cases.filter(({ kind }) => kind === 'malformed').length;
  const found = messages.deadLetters.length;
  return { about: 'dead letters', text: `${expected} of them, and no other message`, holds: found === expected, found: `${found}: ${messages.deadLetters.map(({ code, topic }) => `${code} in ${topic}`).join(', ')}` };
}
