import type { Activities } from '../../activities/answers.js';
import { DEFAULT_VERIFICATION, type PersonAct, type VerificationPolicy } from '../../contracts/names/index.js';
import { provision, receiveRequest, serviceEvent } from './deletions.js';
import type { Ledger, Scene, World } from './fault-runs.js';
import { stored } from './subjects.js';
import { at, claimed, claimedUser, cleanUp, emptied, joined, parked, refilled, RUN, sent, serviceOf, succeeded, userOf } from './prepared-deletions.js';

const ACT: PersonAct = { by: 'olga', reason: 'asked to' };

type Make = (world: World) => Promise<(ledger: Ledger) => Promise<unknown>>;

/** Scenes of each activity; the type sees to it that none is left out. */
const SCENES: Readonly<Record<keyof Activities, Readonly<Record<string, Make>>>> = {
  claim: {
    'of a new request': async (world) => {
      const { input: { requestId } } = await receiveRequest(world.database, userOf(world));
      return ({ activities }) => activities.claim({ requestId, runId: RUN, step: 0 });
    },
    'that takes over from a run that was lost': async (world) => {
      const lost = await sent(world, userOf(world, 'lost'));
      await joined(world, lost, userOf(world, 'joined'));
      const { input: { requestId } } = await receiveRequest(world.database, userOf(world));
      return ({ activities }) => activities.claim({ requestId, runId: 'another-run', step: 0 });
    },
    "that sends a user's first attempt": async (world) => {
      const { input: { requestId } } = await receiveRequest(world.database, userOf(world));
      return ({ activities }) => activities.claim({ requestId, runId: RUN, step: 0, kind: 'user', sendFor: 'the request' });
    },
    "that sends a service's first attempt": async (world) => {
      await provision(world.database, world.id('tenant'), { app: [], db: [] }, at(1));
      const { input: { requestId } } = await receiveRequest(world.database, serviceOf(world, 'db'));
      return ({ activities }) => activities.claim({ requestId, runId: RUN, step: 0, kind: 'service', sendFor: 'the request' });
    },
    'that finds its service blocked': async (world) => {
      await provision(world.database, world.id('tenant'), { app: ['db'], db: [] }, at(1));
      const { input: { requestId } } = await receiveRequest(world.database, serviceOf(world, 'db'));
      return ({ activities }) => activities.claim({ requestId, runId: RUN, step: 0, kind: 'service', sendFor: 'the request' });
    },
    "of a tenant's clean-up, for a tenant that has services again": async (world) => {
      const tenantId = await emptied(world, true);
      const answer = await world.activities.decideEmptying(tenantId);
      if (answer.outcome !== 'clean-up') throw new Error('no clean-up');
      await refilled(world, tenantId);
      const { requestId } = answer.input;
      return ({ activities }) => activities.claim({ requestId, runId: RUN, step: 0, kind: 'tenant', sendFor: 'the last service has gone' });
    },
  },
  trigger: {
    'of a user': async (world) => {
      const call = { ...(await claimedUser(world)).next(), cause: 'the request' };
      return ({ activities }) => activities.trigger(call);
    },
    'of a service, for the second time': async (world) => {
      await provision(world.database, world.id('tenant'), { db: [] }, at(1));
      const deletion = await sent(world, serviceOf(world, 'db'));
      await world.activities.noteFailedAttempt({ ...deletion.next(), attempt: 1, failureCode: 'DAG_FAILED', retryInMs: 1_000 });
      const call = { ...deletion.next(), cause: 'a retry' };
      return ({ activities }) => activities.trigger(call);
    },
    'of a service that is blocked': async (world) => {
      await provision(world.database, world.id('tenant'), { app: ['db'], db: [] }, at(1));
      const call = { ...(await claimed(world, serviceOf(world, 'db'))).next(), cause: 'the request' };
      return ({ activities }) => activities.trigger(call);
    },
    "of a tenant's clean-up": async (world) => {
      const call = { ...(await cleanUp(world)).next(), cause: 'the last service has gone' };
      return ({ activities }) => activities.trigger(call);
    },
  },
  confirmEmpty: {
    'of a tenant that is empty': async (world) => {
      const call = (await cleanUp(world)).next();
      return ({ activities }) => activities.confirmEmpty(call);
    },
    'of a tenant that has services again': async (world) => {
      const deletion = await cleanUp(world);
      await refilled(world, deletion.tenantId);
      const call = deletion.next();
      return ({ activities }) => activities.confirmEmpty(call);
    },
  },
  complete: {
    'of a user whom two requests are about': async (world) => {
      const deletion = await sent(world, userOf(world));
      await joined(world, deletion, userOf(world, 'joined'));
      await succeeded(world, deletion);
      const call = { ...deletion.next(), attempt: 1, subjectRef: world.id('ref') };
      return ({ activities }) => activities.complete(call);
    },
    'of a user of whom something is known': async (world) => {
      await stored(world.database, { userId: world.id('user'), subjectRef: world.id('ref'), posts: 1 });
      const deletion = await sent(world, userOf(world));
      await succeeded(world, deletion);
      const call = { ...deletion.next(), attempt: 1, subjectRef: world.id('ref') };
      return ({ activities }) => activities.complete(call);
    },
    'of the last service of a tenant, for which another waits': async (world) => {
      await provision(world.database, world.id('tenant'), { app: ['db'], db: [] }, at(1));
      const [app, db] = [await sent(world, serviceOf(world, 'app')), await claimed(world, serviceOf(world, 'db'))];
      await world.activities.trigger({ ...db.next(), cause: 'the request' });
      await succeeded(world, app);
      const call = { ...app.next(), attempt: 1 };
      return ({ activities }) => activities.complete(call);
    },
    "of a tenant's clean-up": async (world) => {
      const deletion = await cleanUp(world);
      await world.activities.trigger({ ...deletion.next(), cause: 'the last service has gone' });
      await succeeded(world, deletion);
      const call = { ...deletion.next(), attempt: 1 };
      return ({ activities }) => activities.complete(call);
    },
  },
  noteFailedAttempt: {
    'that timed out': async (world) => {
      const call = { ...(await sent(world, userOf(world))).next(), attempt: 1, failureCode: 'RESULT_TIMEOUT', retryInMs: 1_000 } as const;
      return ({ activities }) => activities.noteFailedAttempt(call);
    },
  },
  park: {
    'after a timeout': async (world) => {
      await provision(world.database, world.id('tenant'), { db: [] }, at(1));
      const call = { ...(await sent(world, serviceOf(world, 'db'))).next(), status: 'TIMEOUT', failureCode: 'RESULT_TIMEOUT', blockedBy: [] } as const;
      return ({ activities }) => activities.park(call);
    },
  },
  remind: {
    'of what is overdue': async (world) => {
      const deletion = await sent(world, userOf(world));
      await parked(world, deletion);
      const call = { ...deletion.next(), what: 'overdue' } as const;
      return ({ activities }) => activities.remind(call);
    },
  },
  join: {
    'of two requests': async (world) => {
      const deletion = await claimedUser(world);
      for (const name of ['second', 'third']) await receiveRequest(world.database, userOf(world, name));
      const call = { ...deletion.next(), requestIds: [world.id('third'), world.id('second')] };
      return ({ activities }) => activities.join(call);
    },
  },
  reopen: {
    'by a person, after the service was provisioned anew': async (world) => {
      const tenantId = world.id('tenant');
      await provision(world.database, tenantId, { db: [] }, at(1));
      const deletion = await sent(world, serviceOf(world, 'db'));
      await serviceEvent(world.database, { tenantId, serviceInstanceId: 'db', eventId: world.id('gone'), eventType: 'service.deprovisioned', timestamp: at(40) });
      await serviceEvent(world.database, { tenantId, serviceInstanceId: 'db', eventId: world.id('again'), timestamp: at(50) });
      await world.activities.park({ ...deletion.next(), status: 'FAILED', failureCode: 'PROVISIONED_ANEW', blockedBy: [] });
      const call = { ...deletion.next(), act: ACT, cause: 'a person asked for it' };
      return ({ activities }) => activities.reopen(call);
    },
  },
  hold: {
    'before the trigger': async (world) => {
      await provision(world.database, world.id('tenant'), { db: [] }, at(1));
      const call = { ...(await claimed(world, serviceOf(world, 'db'))).next(), act: ACT };
      return ({ activities }) => activities.hold(call);
    },
  },
  showHold: {
    'when the attempt has ended': async (world) => {
      const deletion = await sent(world, userOf(world));
      await world.activities.hold({ ...deletion.next(), act: ACT });
      const call = deletion.next();
      return ({ activities }) => activities.showHold(call);
    },
  },
  release: {
    'of what is on hold': async (world) => {
      const deletion = await claimedUser(world);
      await world.activities.hold({ ...deletion.next(), act: ACT });
      const call = { ...deletion.next(), act: ACT };
      return ({ activities }) => activities.release(call);
    },
  },
  cancel: {
    'of a parked deletion': async (world) => {
      await provision(world.database, world.id('tenant'), { db: [] }, at(1));
      const deletion = await sent(world, serviceOf(world, 'db'));
      await parked(world, deletion);
      const call = { ...deletion.next(), act: ACT };
      return ({ activities }) => activities.cancel(call);
    },
    'of one request of three: another carries on': async (world) => {
      const deletion = await sent(world, userOf(world));
      for (const name of ['second', 'third']) await joined(world, deletion, userOf(world, name));
      await parked(world, deletion);
      const call = { ...deletion.next(), act: ACT };
      return ({ activities }) => activities.cancel(call);
    },
    'of a request that had joined': async (world) => {
      const deletion = await claimedUser(world);
      const requestId = await joined(world, deletion, userOf(world, 'second'));
      const call = { ...deletion.next(), act: { ...ACT, requestId } };
      return ({ activities }) => activities.cancel(call);
    },
  },
  decideEmptying: {
    'after GDPR deletions': async (world) => {
      const tenantId = await emptied(world, true);
      return ({ activities }) => activities.decideEmptying(tenantId);
    },
    'after others': async (world) => {
      const tenantId = await emptied(world, false);
      return ({ activities }) => activities.decideEmptying(tenantId);
    },
  },
  requestErasure: {
    'by a person': async (world) => {
      const tenantId = await emptied(world, false);
      await world.activities.decideEmptying(tenantId);
      return ({ activities }) => activities.requestErasure({ tenantId, act: ACT });
    },
  },
  verify: {
    'of a user of whom something may still go': async (world) => {
      const requestId = await completed(world, { deadlineMs: 86_400_000 });
      return ({ activities }) => activities.verify({ requestId });
    },
    'of a user of whom something is left': async (world) => {
      const requestId = await completed(world);
      return ({ activities }) => activities.verify({ requestId });
    },
    'of a user who is deleted again': async (world) => {
      const requestId = await completed(world, { onResidual: 'delete-again' });
      return ({ activities }) => activities.verify({ requestId });
    },
  },
};

/** A user's completed deletion, of which so much is left. */
async function completed(world: World, policy: Partial<VerificationPolicy> = {}): Promise<string> {
  const request = userOf(world);
  await stored(world.database, { userId: world.id('user'), subjectRef: world.id('ref'), posts: 2 });
  const verification = { ...DEFAULT_VERIFICATION, deadlineMs: 1, ...policy };
  const deletion = await sent(world, { ...request, policy: { verification } });
  await succeeded(world, deletion);
  const call = { ...deletion.next(), attempt: 1 };
  await world.activities.complete(call);
  return call.requestId;
}

/** The activities of the worker. */
export const ACTIVITY_SCENES: readonly Scene[] = Object.entries(SCENES).flatMap(([activity, scenes]) => Object.entries(scenes).map(([what, prepare]) => ({ name: `${activity} ${what}`, prepare })));
