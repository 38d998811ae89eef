import { z } from 'zod';
import { DELETION_STATUSES, SERVICE_STATUSES, TENANT_STATUSES } from '../names/index.js';

const time = z.iso.datetime({ offset: true });

/** One instance, and the deletion of it that is under way or was the last. Dry runs are left out. */
const service = z.object({
  serviceInstanceId: z.string(),
  serviceType: z.string(),
  status: z.enum(SERVICE_STATUSES),
  dependsOn: z.array(z.string()),
  /** By the producer's clock. */
  provisionedAt: time,
  goneAt: time.nullable(),
  deletion: z.object({ requestId: z.string(), status: z.enum(DELETION_STATUSES) }).nullable(),
});

/** `GET /api/v1/tenants/{tenantId}`. */
export const tenantAnswer = z.object({
  tenantId: z.string(),
  /** UNKNOWN: named by a request, but never provisioned with a service. */
  status: z.enum(TENANT_STATUSES),
  /** How often the tenant has become empty. */
  emptyings: z.int(),
  /** Completed deletions since it last became active. */
  gdprDeletions: z.int(),
  otherDeletions: z.int(),
  emptiedAt: time.nullable(),
  erasedAt: time.nullable(),
  /** Its clean-ups, the latest first. */
  cleanUps: z.array(z.object({ requestId: z.string(), emptying: z.int().nullable(), status: z.enum(DELETION_STATUSES), receivedAt: time, completedAt: time.nullable() })),
  services: z.array(service),
  workflowId: z.string(),
  links: z.object({ temporal: z.url().optional() }),
});
export type TenantAnswer = z.output<typeof tenantAnswer>;

/** `GET /api/v1/tenants/{tenantId}/services`. */
export const serviceList = z.object({ items: z.array(service), next: z.string().nullable().meta({ description: 'The cursor of the next page; null behind the last row' }) });
export type ServiceList = z.output<typeof serviceList>;
