import { z } from 'zod';
import { incomingId, personId, storableText } from '../topics/index.js';

const reason = z.string({ error: 'must be a text' }).min(1, 'must not be empty').max(1_000, 'must be 1,000 characters at the most').transform((text) => storableText(text, 1_000).trim()).refine((text) => text !== '', 'must not be empty');
const dryRun = z.boolean({ error: 'must be true or false' }).optional().meta({ description: 'Count what would be erased, erase nothing' });
const traceId = incomingId.optional().meta({ description: 'The trace that this belongs to; a new one when left out' });

/** `POST /api/v1/deletions`. A field that is unknown is refused: a misspelt `dryRun` must not erase. */
export const deletionRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('user'),
    userId: personId.meta({ examples: ['user_888'] }),
    reason: reason.meta({ examples: ['gdpr_request'] }),
    eventId: incomingId.optional().meta({ description: 'Becomes the requestId: asking again under the same one asks only once' }),
    traceId,
    dryRun,
  }),
  z.strictObject({
    kind: z.literal('service'),
    tenantId: incomingId.meta({ examples: ['tenant-1'] }),
    serviceType: incomingId.meta({ examples: ['database'] }),
    serviceInstanceId: incomingId.meta({ examples: ['srv-db-1'] }),
    gdprMode: z.boolean({ error: 'must be true or false' }),
    eventId: incomingId.optional().meta({ description: 'As `traceId`, by another name: give one of them. The requestId is `<traceId>_<serviceInstanceId>`: asking again under the same one asks only once' }),
    traceId,
    dryRun,
  }),
], { error: 'must be an object whose kind is "user" or "service"' });
export type DeletionRequest = z.output<typeof deletionRequest>;

/** The request is in Kafka, and will be in the ledger once the ingress has read it. */
export const requestedAnswer = z.object({
  requestId: z.string(),
  traceId: z.string(),
  links: z.object({ self: z.string() }),
});
export type RequestedAnswer = z.output<typeof requestedAnswer>;

/** The body of `…/retry`, `…/hold` and `…/release`; `{}` will do. */
export const actRequest = z.strictObject({ reason: reason.optional().meta({ description: 'Why; kept in the timeline, so no personal data', examples: ['bucket policy fixed'] }) }, { error: 'must be an object; {} will do' });
/** The body of `…/cancel` and of a tenant's `…/erase`. */
export const reasonedActRequest = z.strictObject({ reason: reason.meta({ description: 'Why; kept in the timeline, so no personal data', examples: ['bucket policy fixed'] }) }, { error: 'must be an object with a reason' });

/** What the workflow answered. */
export const actAnswer = z.object({ requestId: z.string(), status: z.string().meta({ description: 'The phase that the workflow is in now' }), message: z.string() });
