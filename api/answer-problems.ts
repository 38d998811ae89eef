import type { FastifyInstance, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { PROBLEMS } from '../contracts/api/problems.js';
import type { FieldError, ProblemName } from '../contracts/api/problems.js';
import type { Log } from '../platform/log.js';
import { Problem, problemBody } from './problem.js';

const RETRY_AFTER_SECONDS = '5';

export function answerProblem(reply: FastifyReply, problem: ProblemName, detail: string, errors?: readonly FieldError[]): FastifyReply {
  if (problem === 'unavailable') reply.header('retry-after', RETRY_AFTER_SECONDS);
  // As text: Fastify would name a character set behind the media type, which RFC 9457 has none of.
  return reply.code(PROBLEMS[problem].status).header('content-type', 'application/problem+json').serializer(String).send(JSON.stringify(problemBody(problem, detail, errors)));
}

/** Has every error of a route, and of Fastify itself, answered as a problem. */
export function answerProblems(api: FastifyInstance, log: Log): void {
  api.setErrorHandler((error, _request, reply) => {
    const found = problemOf(error);
    if (!found) {
      log.error({ err: error }, 'a request failed');
      return answerProblem(reply, 'internal', 'The API failed; its log says more.');
    }
    if (found.cause !== undefined) log.error({ err: found.cause, problem: found.problem }, 'a request could not be answered');
    return answerProblem(reply, found.problem, found.message, found.errors);
  });
  api.setNotFoundHandler((_request, reply) => answerProblem(reply, 'unknown-path', 'The API has no such path; /openapi.json and /docs list those that it has.'));
}

/** @returns undefined for a fault of the API itself */
function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const part = error.validationContext ?? 'request';
    const errors = error.validation.map(({ instancePath, message = 'is not valid', params }): FieldError => ({ field: [part, ...instancePath.split('/').filter((step) => step !== '')].join('.'), message: wordsOf(message, params) }));
    const [first] = errors;
    if (part === 'params') return new Problem('invalid-id', first ? `${first.field.replace(/^params\./, '')} ${first.message}.` : 'The id is not valid.', { errors });
    return new Problem('invalid-request', first ? `${first.field} ${first.message}.` : 'The request is not valid.', { errors });
  }
  const status = statusCodeOf(error);
  if (status === 413) return new Problem('too-large', 'The body is larger than any request needs to be.');
  if (status === 415) return new Problem('unsupported-media-type', 'Send the body as Content-Type: application/json.');
  return status >= 400 && status < 500 ? new Problem('bad-request', 'The request is not one that this API understands.') : undefined;
}

/** What Fastify and its plugins would answer with; 500 for what is none of theirs. */
function statusCodeOf(error: unknown): number {
  const { statusCode } = (error ?? {}) as { readonly statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}

/** zod names unknown fields in its parameters; a value is never repeated. */
function wordsOf(message: string, params: Readonly<Record<string, unknown>>): string {
  const { keys } = params;
  if (Array.isArray(keys)) return `has a field that this API does not know: ${keys.map((key) => String(key).slice(0, 50)).join(', ')}`;
  return message;
}
