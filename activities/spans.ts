import { inBatches } from '../platform/batching.js';
import { about, describeDeletion } from '../platform/tracing/about.js';
import { inSpan, isTracing, SpanKind } from '../platform/tracing/spans.js';
import type { TraceContext } from '../contracts/topics/index.js';
import type { Database } from '../store/database.js';
import { readPlaceOfTenant, readTraced, type TracedDeletion } from '../store/ledger/places.js';
import { aboutAnswer, aboutCall, askedOf, type Asked } from './span-attributes.rules.js';

type Traced = Pick<TracedDeletion, 'place'> & Partial<Pick<TracedDeletion, 'kind' | 'subjectRef' | 'lane'>>;

const MOST_AT_ONCE = 200;

/**
 * Gives each activity a span of its own, where the ledger says that its deletion was received: Temporal carries no trace, so that
 * a deletion of weeks, over restarts and new runs, stays one trace. While nothing is traced the activity is only done.
 */
export function createActivitySpans(database: Database): <Answer>(name: string, call: unknown, activity: () => Promise<Answer>) => Promise<Answer> {
  const ofRequest = inBatches<string, { readonly found: TracedDeletion | undefined }>(async (requestIds) => {
    const found = await readTraced(database, requestIds);
    return requestIds.map((requestId) => ({ found: found.get(requestId) }));
  }, { mostItems: MOST_AT_ONCE });

  const read = async ({ requestId, tenantId }: Asked): Promise<Traced | undefined> => {
    if (requestId !== undefined) return (await ofRequest(requestId)).found;
    const place: TraceContext | undefined = tenantId === undefined ? undefined : await readPlaceOfTenant(database, tenantId);
    return place && { place };
  };

  return async (name, call, activity) => {
    if (!isTracing()) return activity();
    // Where the ledger cannot be read the activity says so itself.
    const traced = await read(askedOf(call)).catch(() => undefined);
    if (!traced) return activity();
    const { place, kind, subjectRef, lane } = traced;
    return inSpan(`RunActivity:${name}`, { kind: SpanKind.INTERNAL, place, attributes: about({ ...aboutCall(call), kind, subjectRef, lane }) }, async () => {
      const answer = await activity();
      describeDeletion(aboutAnswer(answer));
      return answer;
    });
  };
}
