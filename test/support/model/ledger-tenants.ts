import { isFinal, tenantRequestId, tenantWorkflowId, TOPICS, type DeletionInput, type PersonAct } from '../../../contracts/names/index.js';
import type { EraseAnswer, EraseCall, TenantAnswer } from '../../../activities/answers.js';
import { decideOnTenant, purgeAfter } from '../../../activities/emptying.rules.js';
import { isIncarnationAskedFor } from '../../../store/inventory/incarnation.rules.js';
import { LedgerTables, type Row, type TenantRow } from './ledger-tables.js';

/** What happens to tenants and their services: the inventory’s events, the emptying, the clean-up. */
export class LedgerTenants extends LedgerTables {
  provision(tenantId: string, serviceInstanceId: string, dependsOn: readonly string[]): void {
    const tenant = this.tenant(tenantId);
    const known = this.service(tenantId, serviceInstanceId);
    const provisionedAt = new Date(this.clock());
    const isAnew = known?.status !== 'ACTIVE';
    if (!known) this.services.push({ tenantId, serviceInstanceId, dependsOn, status: 'ACTIVE', generation: 1, provisionedAt });
    else if (known.status === 'ACTIVE') known.dependsOn = dependsOn;
    else Object.assign(known, { dependsOn, status: 'ACTIVE', generation: known.generation + 1, provisionedAt });
    if (isAnew) this.revokeForOlderIncarnations(tenantId, serviceInstanceId);
    if (tenant.status === 'ACTIVE') return;
    const wasEmptied = tenant.status !== 'UNKNOWN';
    Object.assign(tenant, { status: 'ACTIVE', gdprDeletions: 0, otherDeletions: 0 });
    if (!wasEmptied) return;
    for (const row of this.deletions) if (row.kind === 'tenant' && row.tenantId === tenantId) this.revoke(row);
    this.wakeTenant(tenantId);
  }

  protected revokeForOlderIncarnations(tenantId: string, serviceInstanceId: string): void {
    const service = this.service(tenantId, serviceInstanceId);
    for (const row of this.deletions) {
      if (row.tenantId !== tenantId || row.serviceInstanceId !== serviceInstanceId) continue;
      for (const attempt of this.attemptsOf(row)) {
        if (!isIncarnationAskedFor({ generation: attempt.generation, requestedAt: row.requestedAt }, service)) attempt.revoked = true;
      }
    }
  }

  deprovision(tenantId: string, serviceInstanceId: string): void {
    const tenant = this.tenant(tenantId);
    const service = this.service(tenantId, serviceInstanceId);
    if (service?.status !== 'ACTIVE') return;
    service.status = 'DEPROVISIONED';
    this.wakeDependencies(service);
    this.wakeTenantIfEmpty(tenant);
  }

  protected settleService(row: Row, attemptNumber: number): void {
    const tenant = this.tenant(row.tenantId ?? '');
    const gdpr = [row, ...this.joinedTo(row)].some(({ gdprMode }) => gdprMode);
    if (gdpr) tenant.gdprDeletions++;
    else tenant.otherDeletions++;
    if (tenant.status === 'UNKNOWN') return;
    const attempt = this.attemptsOf(row).find((one) => one.attempt === attemptNumber);
    const service = this.service(tenant.tenantId, row.serviceInstanceId ?? '');
    if (service && isIncarnationAskedFor({ generation: attempt?.generation ?? 0, requestedAt: row.requestedAt }, service)) {
      service.status = 'ERASED';
      this.wakeDependencies(service);
    }
    if (tenant.status !== 'ACTIVE' || this.activeServices(tenant.tenantId).length > 0) return;
    if (this.underWay(tenant.tenantId).length === 0 && purgeAfter(tenant) !== 'automatic') this.becomeEmpty(tenant);
    else this.wakeTenant(tenant.tenantId);
  }

  protected settleTenant(row: Row): void {
    const tenant = this.tenant(row.tenantId ?? '');
    if (tenant.status === 'ACTIVE' || tenant.emptyings !== row.emptying) return;
    tenant.status = 'ERASED';
    this.send(row, TOPICS.tenantLifecycle, 'TENANT_ERASED', `${row.requestId}/TENANT_ERASED/1`, tenant.tenantId);
  }

  protected cancelWhenRefilled(row: Row): boolean {
    const tenant = this.tenant(row.tenantId ?? '');
    if (this.activeServices(tenant.tenantId).length === 0 && tenant.status !== 'ACTIVE' && tenant.emptyings === row.emptying) return false;
    this.revoke(row);
    this.endAsCancelled(row, 'the tenant has services again');
    return true;
  }

  decideEmptying(tenantId: string): TenantAnswer {
    const tenant = this.tenant(tenantId);
    const verdict = decideOnTenant(tenant, this.activeServices(tenantId).length, this.underWay(tenantId).length);
    const begun = this.latestCleanUp(tenant);
    if (begun && !isFinal(begun.status)) return { outcome: 'clean-up', input: begun.input };
    if (verdict !== 'becomes-empty' && verdict !== 'empty') return { outcome: 'nothing', why: verdict };
    if (verdict === 'becomes-empty') {
      this.becomeEmpty(tenant);
      if (purgeAfter(tenant) === 'automatic') this.openCleanUp(tenant, tenantRequestId(tenantId, tenant.emptyings), this.purgeGraceMs);
    }
    const latest = this.latestCleanUp(tenant);
    if (!latest) return { outcome: 'nothing', why: 'nobody asked to erase it' };
    return isFinal(latest.status) ? { outcome: 'nothing', why: 'the clean-up has ended' } : { outcome: 'clean-up', input: latest.input };
  }

  protected underWay(tenantId: string): Row[] {
    return this.deletions.filter((row) => row.tenantId === tenantId && row.kind === 'service' && (row.status === 'PENDING' || row.status === 'SENT_TO_AIRFLOW'));
  }

  protected becomeEmpty(tenant: TenantRow): void {
    Object.assign(tenant, { status: 'EMPTY', emptyings: tenant.emptyings + 1 });
    const { tenantId } = tenant;
    const requestId = tenantRequestId(tenantId, tenant.emptyings);
    const message = { requestId, destination: TOPICS.tenantLifecycle, key: tenantId, eventType: 'TENANT_EMPTY', eventId: `${requestId}/TENANT_EMPTY/1` };
    this.outbox.push(message);
    this.onWritten({ message });
  }

  requestErasure({ tenantId, act }: EraseCall): EraseAnswer {
    const tenant = this.tenant(tenantId);
    const latest = this.latestCleanUp(tenant);
    if (tenant.status !== 'EMPTY' || this.activeServices(tenantId).length > 0) return { outcome: 'refused', why: tenant.status };
    if (latest && !isFinal(latest.status)) return { outcome: 'clean-up', input: latest.input };
    const turns = this.deletions.filter((row) => row.kind === 'tenant' && row.tenantId === tenantId && row.emptying === tenant.emptyings).length;
    return { outcome: 'clean-up', input: this.openCleanUp(tenant, tenantRequestId(tenantId, tenant.emptyings, turns + 1), 0, act) };
  }

  protected openCleanUp({ tenantId, emptyings }: TenantRow, requestId: string, graceMs: number, act?: PersonAct): DeletionInput {
    const input: DeletionInput = {
      requestId, traceId: requestId, subject: { kind: 'tenant', tenantId, emptying: emptyings }, gdprMode: true, dryRun: false, graceMs, policy: this.tenantPolicy,
    };
    const row = this.insert(input, tenantWorkflowId(tenantId), { tenantId, serviceInstanceId: null, generation: 0, emptying: emptyings, requestedAtMs: this.clock() });
    if (act) this.note(row, 'asked for', 'a person had it erased', act);
    return input;
  }

  protected latestCleanUp({ tenantId, emptyings }: TenantRow): Row | undefined {
    return this.deletions.findLast((row) => row.kind === 'tenant' && row.tenantId === tenantId && row.emptying === emptyings);
  }
}
