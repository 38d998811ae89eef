import { ApplicationFailure, CancellationScope, condition, defineQuery, defineSignal, defineUpdate, log, setDefaultSignalHandler, setHandler, workflowInfo } from '@temporalio/workflow';
import {
  QUERIES,
  SIGNALS,
  UPDATES,
  workflowIdFor,
  type ActAnswer,
  type AirflowResultSignal,
  type DeletionInput,
  type PersonAct,
  type WorkflowStatus,
} from '../contracts/names/index.js';
import { refusalOf, type ActName, type DeletionView } from './deletion.rules.js';
import { airflowResultOf, joinOf, personActOf } from './inputs.rules.js';

/** What a person asked, waiting to be done. */
export interface PendingAct {
  readonly name: ActName;
  readonly act: PersonAct;
  /** How often the deletion had been moved when this came. */
  readonly cameAt: number;
  /** Answers the update that asked; a signal needs no answer. */
  readonly settle: (answer: { readonly done: string } | { readonly refused: string }) => void;
}

/** What has come to a workflow and was not looked at yet. Handlers only put things in; the main path takes them out. */
export interface Inbox {
  readonly results: AirflowResultSignal[];
  readonly joins: DeletionInput[];
  readonly acts: PendingAct[];
  rechecks: number;
  /** The ledger is to be asked anew where the deletion is. */
  reclaim: boolean;
  /** The deletion that acts are about; undefined while there is none. */
  view: () => (DeletionView & { readonly joined: readonly string[]; readonly reopened: number }) | undefined;
}

export const emptyInbox = (joins: readonly DeletionInput[] = []): Inbox => ({
  results: [],
  joins: [...joins],
  acts: [],
  rechecks: 0,
  reclaim: false,
  view: () => undefined,
});

/** Whether nothing waits to be looked at; rechecks are looked at in their own time. */
export const isEmpty = ({ results, joins, acts }: Inbox): boolean => results.length + joins.length + acts.length === 0;

const NO_DELETION = 'no deletion is under way in this workflow';

/** Registers every signal, update and query of a deletion. Call it when the state that they read is ready. */
export function openInbox(inbox: Inbox): void {
  /** @returns whether it is a result */
  const takeResult = (input: unknown): boolean => {
    const result = airflowResultOf(input);
    if (result) inbox.results.push(result);
    else log.warn('a result of no known form was ignored');
    return result !== undefined;
  };
  const ofAResult = { description: 'Sent by the result bridge: {requestId, attempt, status: SUCCESS | FAILURE, failureCode?}.' };
  setHandler(defineSignal<[unknown]>(SIGNALS.airflowResult), (input) => void takeResult(input), ofAResult);
  setHandler(defineUpdate<boolean, [unknown]>(UPDATES.airflowResult), takeResult, ofAResult);
  setHandler(
    defineSignal<[unknown]>(SIGNALS.join),
    (input) => {
      const join = joinOf(input);
      if (join && isOfThisWorkflow(join.input)) inbox.joins.push(join.input);
      else log.warn('a join signal of no known form, or for another subject, was ignored');
    },
    { description: 'Sent by the ingress: another request for the same subject, which shares the outcome.' },
  );
  setHandler(defineSignal(SIGNALS.recheck), () => {
    inbox.rechecks++;
  }, {
    description: 'Looks again at what is waited for: dependants, or the services of the tenant. Needs no input.',
  });
  setHandler(defineSignal(SIGNALS.reclaim), () => {
    inbox.reclaim = true;
  }, {
    description: 'Sent by the reconciler: asks the ledger anew where the deletion is, and goes on from there. Needs no input.',
  });
  openAct(inbox, 'retry', 'Tries a parked deletion again, now.');
  openAct(inbox, 'cancel', 'Withdraws a request (the oldest, or {requestId}); the deletion stops when none is left. Not while Airflow runs.');
  openAct(inbox, 'hold', 'Stops the deletion before its next trigger.');
  openAct(inbox, 'release', 'Lets a held deletion go on.');
  setHandler(defineQuery<WorkflowStatus>(QUERIES.status), () => statusOf(inbox), {
    description: 'Where the deletion is: phase, attempt, whether it is parked or on hold, and which requests joined it.',
  });
  setDefaultSignalHandler((name) => log.warn('a signal of an unknown name was ignored', { name }));
}

/** A deletion of one subject is never shared by another's request, whoever signals it. */
const isOfThisWorkflow = ({ subject, dryRun }: DeletionInput): boolean => !dryRun && workflowIdFor(subject) === workflowInfo().workflowId;

function openAct(inbox: Inbox, name: ActName, description: string): void {
  setHandler(
    defineSignal<[unknown]>(SIGNALS[name]),
    (input) => {
      const settle: PendingAct['settle'] = (answer) => {
        if ('refused' in answer) log.warn('a signal was ignored', { signal: name, why: answer.refused });
      };
      inbox.acts.push({ name, act: actOf(inbox, name, input), cameAt: movesSoFar(inbox), settle });
    },
    { description: `${description} Input, if any: {by, reason}.` },
  );
  setHandler(defineUpdate<ActAnswer, [unknown]>(UPDATES[name]), (input) => ask(inbox, name, actOf(inbox, name, input)), {
    validator: (_input: unknown) => {
      const view = inbox.view();
      const refusal = view ? refusalOf(name, view) : NO_DELETION;
      if (refusal !== undefined) throw ApplicationFailure.nonRetryable(refusal, 'Refused');
    },
    description: `${description} Input, if any: {by, reason}.`,
  });
}

const movesSoFar = (inbox: Inbox): number => inbox.view()?.reopened ?? 0;

/** Which request a cancel withdraws is decided when it comes: done again, it must not withdraw the heir as well. */
function actOf(inbox: Inbox, name: ActName, input: unknown): PersonAct {
  const act = personActOf(input);
  const oldest = inbox.view()?.requestId;
  return name === 'cancel' && oldest !== undefined ? { requestId: oldest, ...act } : act;
}

async function ask(inbox: Inbox, name: ActName, act: PersonAct): Promise<ActAnswer> {
  let answer: Parameters<PendingAct['settle']>[0] | undefined;
  inbox.acts.push({ name, act, cameAt: movesSoFar(inbox), settle: (given) => (answer = given) });
  await CancellationScope.nonCancellable(() => condition(() => answer !== undefined));
  const given = answer;
  if (!given || 'refused' in given) throw ApplicationFailure.nonRetryable(given?.refused ?? NO_DELETION, 'Refused');
  const view = inbox.view();
  return { requestId: view?.requestId ?? '', status: view?.phase ?? 'ended', message: given.done };
}

function statusOf(inbox: Inbox): WorkflowStatus {
  const view = inbox.view();
  return {
    requestId: view?.requestId ?? '',
    phase: view?.phase ?? 'idle',
    attempt: view?.attempt ?? 0,
    parked: view?.phase === 'parked',
    onHold: view?.held ?? false,
    joined: view?.joined ?? [],
  };
}

/**
 * Does work that no cancellation of the workflow itself can break off: one that is asked of Temporal (in its Web UI, for
 * instance) counts as a person's `cancel`, so that the ledger hears of it and a deletion with Airflow goes on.
 */
export async function cancelFromOutside<T>(inbox: Inbox, work: () => Promise<T>): Promise<T> {
  CancellationScope.current().cancelRequested.catch(() => {
    inbox.acts.push({ name: 'cancel', act: { reason: 'the workflow was cancelled at Temporal' }, cameAt: movesSoFar(inbox), settle: () => undefined });
  });
  return CancellationScope.nonCancellable(work);
}

/** Answers what nobody will look at any more, so that no update is left without one. */
export function refusePendingActs(inbox: Inbox, why: string): void {
  for (const pending of inbox.acts.splice(0)) pending.settle({ refused: why });
}
