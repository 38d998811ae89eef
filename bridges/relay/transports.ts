import { WorkflowIdConflictPolicy, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { RecordRefused } from '../../bus/producer-errors.js';
import type { Producer } from '../../bus/producer.js';
import { SIGNALS, WORKFLOW_TYPES, type JoinSignal, type VerificationInput } from '../../contracts/names/index.js';
import { grpcErrorOf } from '../../platform/grpc-error.js';
import type { UnsentRow } from '../../store/outbox.js';
import { sendTraced } from '../spans.js';
import { askingTemporal, placeIn } from '../temporal-spans.js';
import { deletionStart, tenantStart, verificationStart, type StartDetails } from '../workflow-starts.js';

/** What became of a row: sent; refused for what it is; or not sent because the other side is out. */
export type Sent = { readonly outcome: 'sent' } | { readonly outcome: 'refused'; readonly why: string } | { readonly outcome: 'outage'; readonly error: Error };

/** Sends rows that need not wait for one another; one answer for each, never throws. */
export type Transport = (rows: readonly UnsentRow[]) => Promise<readonly Sent[]>;

const SENT: Sent = { outcome: 'sent' };

/** Rows to Kafka topics, in one acknowledged batch. */
export const kafkaTransport = (producer: Pick<Producer, 'send'>): Transport => async (rows) => {
  const results = await sendTraced(producer, rows.map(({ destination, key, headers, body }) => ({ topic: destination, key, value: body, headers })));
  return results.map((result): Sent => {
    if (result.ok) return SENT;
    return result.error instanceof RecordRefused ? { outcome: 'refused', why: result.error.message } : { outcome: 'outage', error: result.error };
  });
};

const ABREAST = 16;
const CALL_TIMEOUT_MS = 10_000;
const INVALID_ARGUMENT = 3;
const TENANT = /^tenant\/(.+)$/;
const VERIFICATION = /^verification\//;

/** Rows to workflows, as signals. A tenant's, a verification's, and a deletion's that is joined, are started for it; any other that does not run has nothing to be told. */
export const signalTransport = (client: Pick<Client, 'workflow' | 'withDeadline'>): Transport => async (rows) => {
  const sent = new Map<UnsentRow, Sent>();
  const waiting = [...rows];
  const next = async (): Promise<void> => {
    for (let row = waiting.shift(); row; row = waiting.shift()) sent.set(row, await signalOne(client, row));
  };
  await Promise.all(Array.from({ length: ABREAST }, next));
  return rows.map((row) => sent.get(row) ?? { outcome: 'outage', error: new Error('not tried') });
};

/** What a workflow is started with, when the signal may have to start it. */
function startFor({ key: workflowId, destination: signal }: UnsentRow, input: unknown): { readonly type: string; readonly details: StartDetails; readonly args: unknown[] } | undefined {
  const tenantId = TENANT.exec(workflowId)?.[1];
  if (tenantId !== undefined) return { type: WORKFLOW_TYPES.tenant, details: tenantStart(tenantId), args: [{ tenantId }] };
  if (VERIFICATION.test(workflowId)) return { type: WORKFLOW_TYPES.verification, details: verificationStart(input as VerificationInput), args: [input] };
  if (signal !== SIGNALS.join) return undefined;
  const { input: deletion } = input as JoinSignal;
  return { type: WORKFLOW_TYPES[deletion.subject.kind], details: deletionStart(deletion, workflowId), args: [deletion] };
}

async function signalOne(client: Pick<Client, 'workflow' | 'withDeadline'>, row: UnsentRow): Promise<Sent> {
  const { key: workflowId, destination: signal } = row;
  let starts = false;
  try {
    const input = JSON.parse(row.body) as unknown;
    const start = startFor(row, input);
    starts = start !== undefined;
    const send = async (): Promise<void> => {
      if (!start) await client.workflow.getHandle(workflowId).signal(signal, input);
      else {
        await client.workflow.signalWithStart(start.type, {
          ...start.details,
          args: start.args,
          signal,
          signalArgs: [input],
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        });
      }
    };
    const place = placeIn(row.headers);
    const asked = () => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, send);
    await (place ? askingTemporal(start ? 'SignalWithStartWorkflow' : 'SignalWorkflow', signal, workflowId, asked, place) : asked());
    return SENT;
  } catch (error) {
    if (!starts && error instanceof WorkflowNotFoundError) return SENT;
    const fault = error instanceof Error ? error : new Error(String(error));
    const cause = grpcErrorOf(fault);
    const refused = fault instanceof SyntaxError || cause?.code === INVALID_ARGUMENT;
    return refused ? { outcome: 'refused', why: `Temporal refused the signal: ${(cause ?? fault).message}` } : { outcome: 'outage', error: fault };
  }
}
