import { z } from 'zod';

/** The kinds of problem that the API answers with. Their addresses are stable: programs match on them. */
export const PROBLEMS = {
  'unknown-request': { status: 404, title: 'No such request', about: 'The ledger has no request of this id. It may not have been read from Kafka yet, or may be in the dead letters.' },
  'unknown-job': { status: 404, title: 'No such job', about: 'The ledger never sent this job: it must not erase anything.' },
  'unknown-tenant': { status: 404, title: 'No such tenant', about: 'No request and no provisioning event has ever named this tenant.' },
  'unknown-path': { status: 404, title: 'Nothing here', about: 'No route of the API has this method and path.' },
  'invalid-id': { status: 400, title: 'Not an id', about: 'The id in the path breaks the rules for ids.' },
  'bad-request': { status: 400, title: 'Not understood', about: 'The request is not well-formed HTTP for this API.' },
  unavailable: { status: 503, title: 'Not available now', about: 'The ledger cannot be read at the moment. Nothing is wrong with the request: try it again.' },
  internal: { status: 500, title: 'Failed', about: 'A fault of the API itself; its log says more.' },
} as const;
export type ProblemName = keyof typeof PROBLEMS;

/** The `type` of a problem. */
export const problemType = (name: ProblemName): string => `/problems/${name}`;

/** A problem by RFC 9457 (application/problem+json). */
export const problemAnswer = z.object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string() });
export type ProblemAnswer = z.output<typeof problemAnswer>;
