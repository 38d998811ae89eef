import { z } from 'zod';

/** The kinds of problem that the API answers with. Their addresses are stable: programs match on them. */
export const PROBLEMS = {
  'unknown-request': { status: 404, title: 'No such request', about: 'The ledger has no request of this id that the caller may see. It may not have been read from Kafka yet, or may be in the dead letters.' },
  'unknown-job': { status: 404, title: 'No such job', about: 'The ledger never sent this job: it must not erase anything.' },
  'unknown-tenant': { status: 404, title: 'No such tenant', about: 'No request and no provisioning event has ever named this tenant, or it is not one of the caller’s.' },
  'unknown-subject': { status: 404, title: 'No such subject', about: 'The caller may see no user: a user is of no tenant, and the token is fenced to tenants.' },
  'unknown-dead-letter': { status: 404, title: 'No such dead letter', about: 'No dead letter lies there: it was kept for 90 days, or never.' },
  'unknown-path': { status: 404, title: 'Nothing here', about: 'The API has no such path.' },
  'method-not-allowed': { status: 405, title: 'Not with this method', about: 'The path exists, but not for this method; the header Allow names those that it takes.' },
  'invalid-id': { status: 400, title: 'Not an id', about: 'The id in the path breaks the rules for ids.' },
  'invalid-request': { status: 400, title: 'Not valid', about: 'Parameters or body break the rules; `errors` names each field and its rule.' },
  'bad-request': { status: 400, title: 'Not understood', about: 'The request is not well-formed HTTP or JSON for this API.' },
  unauthenticated: { status: 401, title: 'Who are you?', about: 'The call has no bearer token, or one that is not accepted: the header WWW-Authenticate and the detail say why.' },
  forbidden: { status: 403, title: 'Not allowed', about: 'The token is good, but its role does not allow this.' },
  refused: { status: 409, title: 'Refused', about: 'What was asked does not fit what the deletion or the tenant is doing now, or how many dead letters there are; the detail says why.' },
  'request-id-taken': { status: 409, title: 'The id is taken', about: 'The ledger has a request of this id for another subject. Ask again under another eventId or traceId.' },
  'too-large': { status: 413, title: 'Too large', about: 'The body is larger than any request needs to be.' },
  'unsupported-media-type': { status: 415, title: 'Not JSON', about: 'A body is taken as application/json only.' },
  'wrong-host': { status: 421, title: 'Not for this host', about: 'Without authentication the API answers only calls that name this machine (localhost, 127.0.0.1, [::1]) as their host, and none from pages of other origins: a web page that rebinds its name must not read it.' },
  'too-many-requests': { status: 429, title: 'Too many requests', about: 'The caller has asked more than API_RATE_LIMIT times in a minute; Retry-After says when to ask again.' },
  unavailable: { status: 503, title: 'Not available now', about: 'The ledger, Kafka, Temporal or the keys of the token’s issuer cannot be reached at the moment; the detail says which. Nothing is wrong with the request: try it again.' },
  internal: { status: 500, title: 'Failed', about: 'A fault of the API itself; its log says more.' },
} as const;
export type ProblemName = keyof typeof PROBLEMS;

/** The `type` of a problem. */
export const problemType = (name: ProblemName): string => `/problems/${name}`;

/** What is wrong with one field. */
const fieldError = z.object({ field: z.string().meta({ description: 'Where it is: `body.userId`, `querystring.limit`' }), message: z.string() });
export type FieldError = z.output<typeof fieldError>;

/** A problem by RFC 9457 (application/problem+json). */
export const problemAnswer = z.object({
  type: z.string().meta({ description: 'Stable; can be looked up under this path', examples: ['/problems/unknown-request'] }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'What happened here, for a person' }),
  errors: z.array(fieldError).optional(),
});
export type ProblemAnswer = z.output<typeof problemAnswer>;

/** `GET /problems/{name}`. */
export const problemAbout = z.object({ type: z.string(), title: z.string(), status: z.int(), about: z.string() });
