import type { StepCall } from '../../activities/answers.js';
import { jobIdFor } from '../../contracts/names/index.js';
import { recordResult } from '../../store/ledger/results.js';
import { provision, receiveRequest, serviceEvent, serviceSubject, type TestRequest } from './deletions.js';
import type { Ledger, World } from './fault-runs.js';

/** The workflow run that claims them. */
export const RUN = 'run-of-the-workflow';
/** A moment of a day long past; requests are made at second 30 of it. */
export const at = (second: number): Date => new Date(Date.UTC(2026, 1, 11, 10, 0, second));

/** A deletion of which a workflow asks one step after another. */
export interface Claimed {
  readonly requestId: string;
  /** The call of the next step. */
  next(): StepCall;
}

/** A deletion that a workflow has claimed. */
export async function claimed({ database, activities }: World, request: TestRequest): Promise<Claimed> {
  const { input: { requestId } } = await receiveRequest(database, request);
  let step = 0;
  const next = (): StepCall => ({ requestId, runId: RUN, step: step++ });
  await activities.claim(next());
  return { requestId, next };
}
/** A user's request; all of one run of a scene are about the same user. */
export const userOf = (world: World, request = 'req'): TestRequest => ({ requestId: world.id(request), subject: { kind: 'user', subjectRef: world.id('ref') }, userId: world.id('user') });
/** A request for a service of the scene's tenant. */
export const serviceOf = (world: World, instance: string, more: Partial<TestRequest> = {}): TestRequest => ({ requestId: world.id(`req-${instance}`), subject: serviceSubject(world.id('tenant'), instance), requestedAt: at(30), ...more });
/** A user's deletion that a workflow has claimed. */
export const claimedUser = (world: World): Promise<Claimed> => claimed(world, userOf(world));

/** A deletion whose first attempt was sent. */
export async function sent(world: World, request: TestRequest): Promise<Claimed> {
  const deletion = await claimed(world, request);
  const answer = await world.activities.trigger({ ...deletion.next(), cause: 'the request' });
  if (answer.outcome !== 'sent') throw new Error(`not sent: ${JSON.stringify(answer)}`);
  return deletion;
}
/** Airflow's SUCCESS of the first attempt enters the ledger. */
export const succeeded = ({ database }: Pick<Ledger, 'database'>, { requestId }: Pick<Claimed, 'requestId'>) =>
  recordResult(database, { jobId: jobIdFor(requestId, 1), airflowRunId: jobIdFor(requestId, 1), status: 'SUCCESS', counts: { rows: 3 }, errorText: null, failureCode: 'DAG_FAILED' });
/** The deletion is parked, after a failure. */
export const parked = async (world: World, deletion: Claimed): Promise<void> => {
  await world.activities.park({ ...deletion.next(), status: 'FAILED', failureCode: 'DAG_FAILED', blockedBy: [] });
};
/** A second request for the same subject, which has joined. */
export async function joined(world: World, deletion: Claimed, request: TestRequest): Promise<string> {
  const { input } = await receiveRequest(world.database, request);
  await world.activities.join({ ...deletion.next(), requestIds: [input.requestId] });
  return input.requestId;
}

/** A tenant whose last service has gone by a GDPR deletion, as the tenant's workflow finds it. */
export async function emptied(world: World, gdprMode: boolean): Promise<string> {
  const tenantId = world.id('tenant');
  await provision(world.database, tenantId, { db: [] }, at(1));
  const deletion = await sent(world, serviceOf(world, 'db', { gdprMode }));
  await succeeded(world, deletion);
  await world.activities.complete({ ...deletion.next(), attempt: 1 });
  return tenantId;
}
/** The clean-up of an emptied tenant, claimed. */
export async function cleanUp(world: World): Promise<Claimed & { readonly tenantId: string }> {
  const tenantId = await emptied(world, true);
  const answer = await world.activities.decideEmptying(tenantId);
  if (answer.outcome !== 'clean-up') throw new Error(`no clean-up: ${JSON.stringify(answer)}`);
  const { requestId } = answer.input;
  let step = 0;
  const next = (): StepCall => ({ requestId, runId: RUN, step: step++ });
  await world.activities.claim(next());
  return { requestId, next, tenantId };
}
/** The tenant gets a service again. */
export const refilled = (world: World, tenantId: string): Promise<string> => serviceEvent(world.database, { tenantId, serviceInstanceId: 'new', eventId: world.id('evt'), timestamp: at(50) });
