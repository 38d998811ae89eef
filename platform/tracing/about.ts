import type { Attributes } from '@opentelemetry/api';
import { describeSpan, isTracing } from './spans.js';

/** What spans say of a deletion. Nothing else is to be said of one: no user id, no content, nobody's words. */
export interface About {
  readonly requestId?: string | null | undefined;
  readonly jobId?: string | null | undefined;
  readonly kind?: string | null | undefined;
  readonly subjectRef?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
  readonly lane?: string | null | undefined;
  readonly attempt?: number | null | undefined;
  readonly step?: number | null | undefined;
  readonly status?: string | null | undefined;
  readonly outcome?: string | null | undefined;
  readonly failureCode?: string | null | undefined;
  readonly verdict?: string | null | undefined;
}

const NAMES: Readonly<Record<keyof About, string>> = {
  requestId: 'expunge.request_id',
  jobId: 'expunge.job_id',
  kind: 'expunge.kind',
  subjectRef: 'expunge.subject_ref',
  tenantId: 'expunge.tenant_id',
  lane: 'expunge.lane',
  attempt: 'expunge.attempt',
  step: 'expunge.step',
  status: 'expunge.status',
  outcome: 'expunge.outcome',
  failureCode: 'expunge.failure_code',
  verdict: 'expunge.verdict',
};

/** The attributes of a span by the names that they have on spans; what is not known is left out. */
export function about(fields: About): Attributes {
  const found = (Object.keys(NAMES) as (keyof About)[]).flatMap((field) => {
    const value = fields[field];
    return value === undefined || value === null ? [] : [[NAMES[field], value] as const];
  });
  return Object.fromEntries(found);
}

/** Says more of a deletion in the span that is open. While nothing is traced, its names are not even looked up. */
export function describeDeletion(fields: About): void {
  if (isTracing()) describeSpan(about(fields));
}
