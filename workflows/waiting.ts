import { condition } from '@temporalio/workflow';
import type { DeletionInput } from '../contracts/names/index.js';
import { refusalOf } from './deletion.rules.js';
import { end, isOurs, mustBeUpToDate, nextStep, type Deletion } from './deletion.js';
import { isEmpty, type PendingAct } from './inbox.js';
import { call } from './ledger-activities.js';

/**
 * Waits until `over` holds, the deletion has ended, or the time is up, and does meanwhile what comes in: joins, acts of
 * persons, results.
 * @returns 'time' when the time was up first
 */
export async function waitUntil(deletion: Deletion, over: () => boolean, timer?: { ms: number; summary: string }): Promise<'over' | 'time'> {
  const deadline = timer && Date.now() + timer.ms;
  for (;;) {
    await absorb(deletion);
    if (deletion.outcome || over()) return 'over';
    mustBeUpToDate(deletion);
    await deletion.startOverWhenLong();
    const wake = () => !isEmpty(deletion.inbox) || deletion.inbox.reclaim || over();
    if (deadline === undefined) {
      await condition(wake);
      continue;
    }
    const leftMs = deadline - Date.now();
    if (leftMs <= 0 || !(await condition(wake, leftMs, { summary: timer?.summary ?? '' }))) return 'time';
  }
}

/** Does what came in. What comes after the end stays where it is: whoever ends the run answers it. */
export async function absorb(deletion: Deletion): Promise<void> {
  const { inbox } = deletion;
  while (!deletion.outcome && inbox.joins.length > 0) await takeOut(inbox.joins, inbox.joins.length, (inputs) => join(deletion, inputs));
  while (!deletion.outcome && inbox.acts.length > 0) await takeOut(inbox.acts, 1, ([act]) => (act ? perform(deletion, act) : undefined));
  for (const result of inbox.results.splice(0)) {
    if (!deletion.ownRequests.has(result.requestId)) continue;
    if (result.status === 'SUCCESS') deletion.succeededAttempt ??= result.attempt;
    else if (result.attempt === deletion.attempt && deletion.phase === 'sent') {
      deletion.failure = { attempt: result.attempt, code: result.failureCode ?? 'DAG_FAILED' };
    }
  }
}

/** What could not be done, because the ledger was ahead, is put back for another time. */
async function takeOut<Item>(waiting: Item[], count: number, work: (items: readonly Item[]) => Promise<void> | undefined): Promise<void> {
  const items = waiting.splice(0, count);
  try {
    await work(items);
  } catch (error) {
    waiting.unshift(...items);
    throw error;
  }
}

/** The strongest terms win: a hard request ends a grace period, and any request moves a parked deletion. */
async function join(deletion: Deletion, inputs: readonly DeletionInput[]): Promise<void> {
  // A request that was delivered twice may be there twice.
  const others = [...new Map(inputs.map((input) => [input.requestId, input])).values()].filter(({ requestId }) => !deletion.ownRequests.has(requestId));
  if (others.length === 0) return;
  const answer = await call('join', { ...nextStep(deletion), requestIds: others.map(({ requestId }) => requestId) });
  if (!isOurs(deletion, answer)) {
    deletion.inbox.joins.push(...others);
    return;
  }
  deletion.joined.push(...answer.joined.filter((requestId) => !deletion.joined.includes(requestId)));
  const joined = others.filter(({ requestId }) => answer.joined.includes(requestId));
  if (joined.some(({ graceMs }) => graceMs === 0)) deletion.graceWaived = true;
  const [first] = joined;
  if (first && deletion.phase === 'parked') deletion.moved ??= { cause: `request ${first.requestId} joined`, cameAt: deletion.reopened };
}

type Answer = Parameters<PendingAct['settle']>[0];
const OVER: Answer = { refused: 'the deletion has ended' };

async function perform(deletion: Deletion, pending: PendingAct): Promise<void> {
  pending.settle(await answerTo(deletion, pending));
}

async function answerTo(deletion: Deletion, { name, act, cameAt }: PendingAct): Promise<Answer> {
  // It asked for an attempt that was made since; what that one found, whoever asked could not know.
  if (name === 'retry' && cameAt < deletion.reopened) return { done: 'another attempt was made' };
  const refused = refusalOf(name, deletion);
  if (refused !== undefined) return { refused };
  switch (name) {
    case 'retry':
      deletion.moved = { cause: act.by === undefined ? 'a person asked for a retry' : `${act.by} asked for a retry`, cameAt, act };
      return { done: 'another attempt is made now' };
    case 'hold':
      if (!isOurs(deletion, await call('hold', { ...nextStep(deletion), act }))) return OVER;
      deletion.held = true;
      deletion.holdShown = deletion.phase !== 'sent' && deletion.phase !== 'parked';
      return { done: 'on hold before the next trigger' };
    case 'release':
      if (!isOurs(deletion, await call('release', { ...nextStep(deletion), act }))) return OVER;
      deletion.held = false;
      deletion.holdShown = false;
      return { done: 'released' };
    case 'cancel':
      return cancel(deletion, act);
  }
}

async function cancel(deletion: Deletion, act: PendingAct['act']): Promise<Answer> {
  const answer = await call('cancel', { ...nextStep(deletion), act });
  if (!isOurs(deletion, answer)) return OVER;
  switch (answer.outcome) {
    case 'cancelled':
      end(deletion, 'CANCELLED');
      return { done: 'cancelled' };
    case 'withdrawn':
      goOnUnder(deletion, answer.requestId);
      deletion.joined.splice(0, Infinity, ...deletion.joined.filter((id) => id !== answer.withdrawn && id !== answer.requestId));
      return { done: `request ${answer.withdrawn} is withdrawn; the deletion goes on for ${answer.requestId}` };
    case 'succeeded':
      deletion.succeededAttempt ??= answer.attempt;
      return { refused: `too late to cancel: attempt ${answer.attempt} has succeeded` };
    case 'unknown-request':
      return { refused: `request ${answer.requestId} is not part of this deletion` };
  }
}

/** The heir has a story of its own: what came meanwhile comes at its beginning. */
function goOnUnder(deletion: Deletion, requestId: string): void {
  deletion.requestId = requestId;
  deletion.ownRequests.add(requestId);
  deletion.reopened = 0;
}
