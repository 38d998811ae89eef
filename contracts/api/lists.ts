import { z } from 'zod';
import { DELETION_KINDS, DELETION_STATUSES, FAILURE_CODES, SERVICE_STATUSES, TENANT_STATUSES } from '../names/index.js';
import { incomingId, isoTime, personId, subjectRef } from '../topics/index.js';

const time = z.iso.datetime({ offset: true });
/** One of some words, named where another was sent. */
export const oneOf = <const Words extends readonly string[]>(words: Words) => z.enum(words, `must be one of ${words.join(', ')}`);
const status = oneOf(DELETION_STATUSES);

/** `true` or `false` in a query. */
const flagInQuery = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
/** How many rows are wanted, in a query. */
export const rowLimit = z.coerce.number({ error: 'must be a whole number' }).int('must be a whole number').min(1, 'must be 1 to 200').max(200, 'must be 1 to 200').default(50);
const limit = rowLimit.meta({ description: 'Rows to a page' });
const cursor = z.string().min(1).max(600).optional().meta({ description: '`next` of the page before; the filters stay the same' });
/** As RFC 3339 has it; some more of ISO 8601 is taken as well. */
const { pattern } = z.toJSONSchema(z.iso.datetime({ offset: true }));
const moment = isoTime.optional();
const next = z.string().nullable().meta({ description: 'The cursor of the next page; null behind the last row' });
const page = { limit, cursor };

/** What `GET /api/v1/deletions` can be asked. An unknown parameter is refused: a filter that was misspelt would pass for one that matched everything. */
export const deletionListQuery = z.strictObject({
  status: z.array(status).min(1).optional().meta({ description: 'Any of these; repeat it for several' }),
  kind: z.array(oneOf(DELETION_KINDS)).min(1).optional().meta({ description: 'Any of these; repeat it for several' }),
  tenantId: incomingId.optional(),
  serviceType: incomingId.optional(),
  userId: personId.optional(),
  subjectRef: subjectRef.optional(),
  serviceInstanceId: incomingId.optional().meta({ description: 'Of whatever tenant, unless `tenantId` is given too' }),
  traceId: incomingId.optional(),
  parked: flagInQuery.optional().meta({ description: 'Stopped until something or someone moves it: FAILED or TIMEOUT' }),
  overdue: flagInQuery.optional().meta({ description: 'Past its due date and not ended. With `true` what is overdue the longest comes first; all other lists begin with the newest' }),
  since: moment.meta({ format: 'date-time', pattern, description: 'Received at or after' }),
  until: moment.meta({ format: 'date-time', pattern, description: 'Received before' }),
  ...page,
});
export type DeletionListQuery = z.output<typeof deletionListQuery>;

/** A deletion in a list; `GET /api/v1/deletions/{requestId}` says the rest. */
const listedDeletion = z.object({
  requestId: z.string(),
  kind: z.enum(DELETION_KINDS),
  userId: z.string().nullable(),
  tenantId: z.string().nullable(),
  serviceType: z.string().nullable(),
  serviceInstanceId: z.string().nullable(),
  /** Tenants' clean-ups only: which emptying. */
  emptying: z.int().nullable(),
  status,
  parked: z.boolean(),
  final: z.boolean(),
  overdue: z.boolean(),
  attempt: z.int(),
  timeline: z.object({ received: time, completed: time.nullable(), duration_ms: z.number().nullable() }),
  airflow_ref: z.string().nullable(),
  dueAt: time,
  gdprMode: z.boolean(),
  dryRun: z.boolean(),
  failure: z.object({ code: z.enum(FAILURE_CODES), message: z.string() }).nullable(),
  duplicateOf: z.string().nullable(),
  outcome: status.nullable(),
  workflowId: z.string(),
  links: z.object({ temporal: z.url().optional() }),
});

/** `GET /api/v1/deletions`. */
export const deletionList = z.object({ items: z.array(listedDeletion), next });
export type DeletionList = z.output<typeof deletionList>;

export const tenantListQuery = z.strictObject({
  status: z.array(oneOf(TENANT_STATUSES)).min(1).optional().meta({ description: 'Any of these; repeat it for several' }),
  ...page,
});

/** `GET /api/v1/tenants`. */
export const tenantList = z.object({
  items: z.array(z.object({
    tenantId: z.string(),
    status: z.enum(TENANT_STATUSES),
    emptyings: z.int(),
    activeServices: z.int(),
    emptiedAt: time.nullable(),
    erasedAt: time.nullable(),
  })),
  next,
});
export type TenantList = z.output<typeof tenantList>;

export const serviceListQuery = z.strictObject({
  status: z.array(oneOf(SERVICE_STATUSES)).min(1).optional().meta({ description: 'Any of these; repeat it for several' }),
  ...page,
});
