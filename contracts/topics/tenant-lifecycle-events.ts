import { z } from 'zod';
import { count, derivedId, eventId, flag, incomingId, isoTime } from './fields.js';

/** TENANT_EMPTY once per emptying; TENANT_ERASED when what was left of the tenant is erased as well. */
export const TENANT_EVENT_TYPES = ['TENANT_EMPTY', 'TENANT_ERASED'] as const;
export type TenantEventType = (typeof TENANT_EVENT_TYPES)[number];

/** `tenant.lifecycle.events`. */
export const tenantLifecycleEvent = z.object({
  eventId,
  eventType: z.enum(TENANT_EVENT_TYPES),
  tenantId: incomingId,
  /** Counts the emptyings of this tenant, from 1. */
  emptying: count,
  /** Every deletion of this emptying was in gdprMode. */
  gdprMode: flag,
  traceId: incomingId,
  occurredAt: isoTime,
  /** With TENANT_ERASED: the clean-up's request. */
  requestId: derivedId.optional(),
});
export type TenantLifecycleEvent = z.output<typeof tenantLifecycleEvent>;

/** Partition key: the tenant. */
export const partitionKeyOf = (value: TenantLifecycleEvent): string => value.tenantId;
