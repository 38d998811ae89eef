import { TOPICS, workflowIdFor, tenantWorkflowId, type DeletionInput, type DeletionPolicy, type DeletionStatus, type PersonAct } from '../../../contracts/names/index.js';
import type { ActiveService } from '../../../store/inventory/locked-tenant.js';
import type { AnsweredStep } from '../../../store/ledger/rows.js';
import type { SeenAttempt, SeenDeletion, SeenLine, SeenMessage } from './ledger-view.js';

export type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A deletion's row: what is seen of it, and what only the ledger needs. Times are in ms, by the walk's clock. */
export interface Row extends Writable<SeenDeletion> {
  readonly receivedAtMs: number;
  readonly requestedAt: Date;
  dueAtMs: number;
  generation: number;
  step: number;
  answers: AnsweredStep[];
  sentAtMs: number | undefined;
  parkedAtMs: number | undefined;
}
export interface ServiceRow {
  readonly tenantId: string;
  readonly serviceInstanceId: string;
  dependsOn: readonly string[];
  status: ActiveService['status'];
  generation: number;
  provisionedAt: Date;
}
export interface TenantRow {
  readonly tenantId: string;
  status: 'UNKNOWN' | 'ACTIVE' | 'EMPTY' | 'ERASED';
  emptyings: number;
  gdprDeletions: number;
  otherDeletions: number;
}
export interface WakeUp {
  readonly workflowId: string;
  readonly tenantId?: string;
}

const LIVE: readonly DeletionStatus[] = ['PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW', 'FAILED', 'TIMEOUT'];
export const isLive = ({ status }: { status: DeletionStatus }): boolean => LIVE.includes(status);

/** The tables in memory, and what is found and written in them again and again. */
export class LedgerTables {
  readonly deletions: Row[] = [];
  readonly attempts: Writable<SeenAttempt>[] = [];
  readonly timeline: (SeenLine & { readonly atMs: number })[] = [];
  readonly outbox: SeenMessage[] = [];
  readonly tenants: TenantRow[] = [];
  readonly services: ServiceRow[] = [];
  /** Signals that the relay has not sent yet. */
  readonly wakeUps: WakeUp[] = [];
  inventoryIsStale = false;
  /** Hears of each line and message when it is written, in the middle of its transaction. */
  onWritten: (written: { readonly line?: SeenLine; readonly message?: SeenMessage }) => void = () => undefined;
  protected readonly clock: () => number;
  protected readonly purgeGraceMs: number;
  protected readonly tenantPolicy: DeletionPolicy;

  constructor({ clock, purgeGraceMs, tenantPolicy }: { clock: () => number; purgeGraceMs: number; tenantPolicy: DeletionPolicy }) {
    this.clock = clock;
    this.purgeGraceMs = purgeGraceMs;
    this.tenantPolicy = tenantPolicy;
  }

  protected row(requestId: string): Row | undefined {
    return this.deletions.find((row) => row.requestId === requestId);
  }

  protected joinedTo(row: Row): Row[] {
    const all = this.deletions.filter(({ duplicateOf, outcome }) => duplicateOf === row.requestId && outcome === null);
    return all.sort((a, b) => a.receivedAtMs - b.receivedAtMs || (a.requestId < b.requestId ? -1 : 1));
  }

  protected attemptsOf(row: Row): Writable<SeenAttempt>[] {
    return this.attempts.filter(({ requestId }) => requestId === row.requestId);
  }

  protected revoke(row: Row, except = 0): void {
    for (const attempt of this.attemptsOf(row)) if (attempt.attempt !== except) attempt.revoked = true;
  }

  protected markTimedOut(row: Row, number: number): void {
    for (const attempt of this.attemptsOf(row)) if (attempt.attempt === number && attempt.result === null) attempt.timedOut = true;
  }

  protected note(row: Row, what: string, cause: string, act?: PersonAct): void {
    const line = { requestId: row.requestId, what, status: row.status, attempt: row.attempt, cause, person: act?.by ?? null, atMs: this.clock() };
    this.timeline.push(line);
    this.onWritten({ line });
  }

  protected send(row: Row, destination: string, eventType: string, eventId: string, key = row.workflowId): void {
    this.outbox.push({ requestId: row.requestId, destination, key, eventType, eventId });
  }

  protected notify(row: Row, eventType: string): void {
    const n = this.outbox.filter((message) => message.requestId === row.requestId && message.destination === TOPICS.notifications).length;
    this.send(row, TOPICS.notifications, eventType, `${row.requestId}/notification/${n + 1}`);
  }

  protected endAsCancelled(row: Row, cause: string, act?: PersonAct): void {
    Object.assign(row, { status: 'CANCELLED', duplicateOf: null, parkedAtMs: undefined });
    this.note(row, 'cancelled', cause, act);
    this.notify(row, 'deletion.cancelled');
  }

  protected tenant(tenantId: string): TenantRow {
    const known = this.tenants.find((tenant) => tenant.tenantId === tenantId);
    if (known) return known;
    const tenant: TenantRow = { tenantId, status: 'UNKNOWN', emptyings: 0, gdprDeletions: 0, otherDeletions: 0 };
    this.tenants.push(tenant);
    return tenant;
  }

  protected service(tenantId: string, id: string): ServiceRow | undefined {
    return this.services.find((one) => one.tenantId === tenantId && one.serviceInstanceId === id);
  }

  protected activeServices(tenantId: string): Pick<ActiveService, 'serviceInstanceId' | 'dependsOn' | 'deletion'>[] {
    return this.services.filter((one) => one.tenantId === tenantId && one.status === 'ACTIVE').map(({ serviceInstanceId, dependsOn }) => {
      const live = this.deletions.filter((row) => row.tenantId === tenantId && row.serviceInstanceId === serviceInstanceId && isLive(row));
      const isBusy = live.some(({ status }) => status !== 'FAILED' && status !== 'TIMEOUT');
      const isBlocked = live.every(({ failureCode }) => failureCode === 'DEPENDENCY_BLOCKED');
      return { serviceInstanceId, dependsOn, deletion: live.length === 0 ? 'none' : isBusy ? 'live' : isBlocked ? 'blocked' : 'parked' };
    });
  }

  protected wakeDependencies({ tenantId, dependsOn }: ServiceRow): void {
    for (const id of dependsOn) this.wakeUps.push({ workflowId: workflowIdFor({ kind: 'service', tenantId, serviceType: '', serviceInstanceId: id }) });
  }

  protected wakeTenantOf(row: Row): void {
    if (row.kind === 'service' && row.tenantId !== null) this.wakeTenantIfEmpty(this.tenant(row.tenantId));
  }

  protected wakeTenantIfEmpty({ tenantId, status }: TenantRow): void {
    if (status === 'ACTIVE' && this.activeServices(tenantId).length === 0) this.wakeTenant(tenantId);
  }

  protected wakeTenant(tenantId: string): void {
    this.wakeUps.push({ workflowId: tenantWorkflowId(tenantId), tenantId });
  }

  protected insert(input: DeletionInput, workflowId: string, { requestedAtMs, ...of }: Pick<Row, 'tenantId' | 'serviceInstanceId' | 'generation' | 'emptying'> & { requestedAtMs: number }): Row {
    const row: Row = {
      requestId: input.requestId, kind: input.subject.kind, workflowId, gdprMode: input.gdprMode, input, ...of,
      status: 'PENDING', attempt: 0, claimedRun: null, held: false, failureCode: null, duplicateOf: null, outcome: null,
      receivedAtMs: this.clock(), requestedAt: new Date(requestedAtMs), dueAtMs: this.clock() + input.policy.dueInMs + (input.subject.kind === 'tenant' ? 0 : input.graceMs),
      step: 0, answers: [], sentAtMs: undefined, parkedAtMs: undefined,
    };
    this.deletions.push(row);
    this.note(row, 'received', 'request received');
    return row;
  }
}
