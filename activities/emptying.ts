import { tenantRequestId, tenantWorkflowId, type DeletionInput, type PersonAct } from '../contracts/names/index.js';
import { lockTenant, type LockedTenant } from '../store/inventory/locked-tenant.js';
import { wakeTenantIfEmpty } from '../store/inventory/service-events.js';
import { writeMessages } from '../store/ledger/flush.js';
import { deletionEvent, lifecycleEvent } from '../store/ledger/outgoing.js';
import type { LockedDeletion } from '../store/ledger/locked-deletion.js';
import { placeNow } from '../store/ledger/places.js';
import { insertCleanUp, latestCleanUp } from '../store/ledger/clean-ups.js';
import type { Activities, TenantAnswer } from './answers.js';
import type { ActivityDeps } from './deps.js';
import { refreshInventory } from './refresh-inventory.js';
import { causeOf } from './wake-tenant.js';
import { decideOnTenant, purgeAfter } from './emptying.rules.js';

/**
 * Decides, under the tenant's row lock, what is to be done for a tenant now. The flip to EMPTY, the number of the emptying
 * and TENANT_EMPTY are one transaction. What is to be done follows from what is written, so the answer is the same when
 * it is asked again after a crash.
 */
export const decideEmptying =
  (deps: ActivityDeps): Activities['decideEmptying'] =>
  async (tenantId) => {
    await refreshInventory(deps, tenantId);
    return deps.database.transaction(async (tx): Promise<TenantAnswer> => {
      const tenant = await lockTenant(tx, tenantId);
      const activeServices = (await tenant.activeServices()).length;
      const verdict = decideOnTenant(tenant.row, activeServices, await tenant.deletionsUnderWay());
      const latest = await latestCleanUp(tx, tenantId, tenant.row.emptyings);
      // Whatever the tenant is by now: a clean-up that has begun is carried to its end, be it that it is cancelled.
      if (latest && !latest.ended) return { outcome: 'clean-up', input: latest.input };
      switch (verdict) {
        case 'unknown':
          return { outcome: 'nothing', why: 'the inventory never heard of the tenant' };
        case 'has-services':
          return { outcome: 'nothing', why: `the tenant has ${activeServices} active services` };
        case 'deletions-under-way':
          return { outcome: 'nothing', why: 'deletions of its services are under way; the last of them asks again' };
        case 'becomes-empty':
          if (becomeEmpty(deps, tenant) !== 'automatic') return { outcome: 'nothing', why: 'the tenant is empty, and nobody asked to erase it' };
          return { outcome: 'clean-up', input: openCleanUp(deps, tenant, tenantRequestId(tenantId, tenant.row.emptyings), deps.tenantPurgeGraceMs) };
        case 'empty':
          return { outcome: 'nothing', why: latest ? `the clean-up ${latest.requestId} has ended` : 'the tenant is empty, and nobody asked to erase it' };
      }
    });
  };

/**
 * Empties a tenant in the transaction of the deletion that erased its last service, when nothing is to follow. Otherwise the
 * tenant's workflow is woken to decide: it has the clean-up to carry out, or deletions to wait for.
 */
export async function emptyAfter(deps: ActivityDeps, deletion: LockedDeletion, tenant: LockedTenant): Promise<void> {
  if (tenant.row.status !== 'ACTIVE') return;
  const verdict = decideOnTenant(tenant.row, 0, await tenant.deletionsUnderWay(deletion.row.requestId));
  if (verdict === 'becomes-empty' && purgeAfter(tenant.row) !== 'automatic') becomeEmpty(deps, tenant);
  else wakeTenantIfEmpty(tenant, false, causeOf(deletion));
}

/** The flip, the number of the emptying and TENANT_EMPTY. @returns whether the tenant is to be erased as well */
function becomeEmpty(deps: ActivityDeps, tenant: LockedTenant): ReturnType<typeof purgeAfter> {
  const { tenantId, emptyings } = tenant.row;
  const emptying = emptyings + 1;
  const now = new Date();
  const purge = purgeAfter(tenant.row);
  const requestId = tenantRequestId(tenantId, emptying);
  tenant.change({ status: 'EMPTY', emptyings: emptying, emptiedAt: now });
  writeMessages(tenant.tx, [
    lifecycleEvent('TENANT_EMPTY', {
      requestId,
      tenantId,
      emptying,
      gdprMode: purge === 'automatic',
      traceId: tenant.row.lastTraceId ?? requestId,
      occurredAt: now,
    }),
  ]);
  if (purge === 'ask-a-person') tenant.tx.afterCommit(() => deps.events.tenantDecisionNeeded(tenantId));
  return purge;
}

/** A person has an empty tenant erased: what `tenant erase` asks for. Asked again, it answers with the clean-up that runs. */
export const requestErasure =
  (deps: ActivityDeps): Activities['requestErasure'] =>
  async ({ tenantId, act }) => {
    await refreshInventory(deps, tenantId);
    return deps.database.transaction(async (tx) => {
      const tenant = await lockTenant(tx, tenantId);
      const active = await tenant.activeServices();
      if (tenant.row.status === 'UNKNOWN') return refused(`the inventory has never heard of tenant ${tenantId}`);
      if (active.length > 0) {
        return refused(`tenant ${tenantId} has ${active.length} active services (${active.map((one) => one.serviceInstanceId).join(', ')}): delete them first`);
      }
      if (tenant.row.status === 'ACTIVE') return refused(`tenant ${tenantId} is not marked as empty yet: deletions of its services are under way`);
      if (tenant.row.status === 'ERASED') return refused(`tenant ${tenantId} is erased already`);
      const latest = await latestCleanUp(tx, tenantId, tenant.row.emptyings);
      if (latest && !latest.ended) return { outcome: 'clean-up', input: latest.input };
      const requestId = tenantRequestId(tenantId, tenant.row.emptyings, (latest?.turns ?? 0) + 1);
      return { outcome: 'clean-up', input: openCleanUp(deps, tenant, requestId, 0, act) };
    });
  };

const refused = (why: string) => ({ outcome: 'refused' as const, why });

function openCleanUp(deps: ActivityDeps, tenant: LockedTenant, requestId: string, graceMs: number, act?: PersonAct): DeletionInput {
  const { tenantId, emptyings, lastTraceId, lastTraceparent, lastTracestate } = tenant.row;
  const place = placeNow({ traceparent: lastTraceparent, tracestate: lastTracestate });
  const input: DeletionInput = {
    requestId,
    traceId: lastTraceId ?? requestId,
    subject: { kind: 'tenant', tenantId, emptying: emptyings },
    gdprMode: true,
    dryRun: false,
    graceMs,
    policy: deps.tenantPolicy,
  };
  insertCleanUp(tenant.tx, {
    input,
    workflowId: tenantWorkflowId(tenantId),
    cause: act ? 'a person had the empty tenant erased' : 'the last service went by GDPR deletions',
    person: act?.by,
    reason: act?.reason,
    place,
  });
  writeMessages(tenant.tx, [
    deletionEvent(deps.topicPrefix, {
      requestId,
      n: 1,
      eventType: 'deletion.requested',
      input,
      status: 'PENDING',
      attempt: 0,
      jobId: null,
      occurredAt: new Date(),
    }),
  ]);
  return input;
}
