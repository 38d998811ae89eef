import type { FastifyInstance } from 'fastify';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deadLetterAnswer, deadLetterList } from '../contracts/api/dead-letters.js';
import { deletionAnswer, jobAnswer } from '../contracts/api/deletions.js';
import { deletionList, tenantList } from '../contracts/api/lists.js';
import { meAnswer } from '../contracts/api/me.js';
import { problemAnswer, PROBLEMS } from '../contracts/api/problems.js';
import type { ProblemName } from '../contracts/api/problems.js';
import { actAnswer, deletionRequest, requestedAnswer } from '../contracts/api/requests.js';
import { subjectAnswer } from '../contracts/api/subjects.js';
import { serviceList, tenantAnswer } from '../contracts/api/tenants.js';

/** The page and its document load nothing from elsewhere. `unsafe-inline` is for styles only: Swagger UI sets them. */
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Schemas that the document names once. In zod's own registry, where descriptions and examples are. */
for (const [id, schema] of Object.entries({
  Deletion: deletionAnswer, DeletionList: deletionList, DeletionRequest: deletionRequest, Requested: requestedAnswer, Done: actAnswer, Job: jobAnswer,
  Tenant: tenantAnswer, TenantList: tenantList, ServiceList: serviceList, Subject: subjectAnswer, DeadLetter: deadLetterAnswer, DeadLetterList: deadLetterList, Me: meAnswer, Problem: problemAnswer,
})) z.globalRegistry.add(schema, { id });

const withComponents = createJsonSchemaTransformObject({});

/** The library names each schema for both directions; those that no route speaks of are left out. */
const withUsedComponents: typeof withComponents = (document) => {
  const whole = withComponents(document);
  if (!('components' in whole) || !whole.components.schemas) return whole;
  const paths = JSON.stringify(whole.paths);
  const schemas = Object.fromEntries(Object.entries(whole.components.schemas).filter(([id]) => paths.includes(`"#/components/schemas/${id}"`)));
  return { ...whole, components: { ...whole.components, schemas } } as typeof whole;
};

/** Describes the routes that are added after it as OpenAPI 3.1, at /openapi.json, with a page for people at /docs. */
export function describeRoutes(api: FastifyInstance, { version }: { readonly version: string }): void {
  void api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Expunge',
        version,
        description: 'Carries data deletions through: where is each request, what was done, when, by whom, and what is left?\n\nAll times are ISO 8601. Problems are RFC 9457; each `type` can be looked up under its own path. docs/api.md tells who may do what.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'deletions', description: 'Requests, their state and their history' },
        { name: 'acts', description: 'What a person does to a deletion; the token’s subject is kept in its timeline' },
        { name: 'tenants', description: 'The inventory of services, and the clean-up of tenants' },
        { name: 'subjects', description: 'What is stored about users' },
        { name: 'dead letters', description: 'What could not be handled, and its replay' },
        { name: 'fence', description: 'Asked by DAGs before they erase' },
        { name: 'about', description: 'What the API says of itself' },
      ],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Roles viewer, operator, admin; a tenant claim fences what is seen. Not needed where the API runs without authentication, on one machine.' } } },
    },
    transform: createJsonSchemaTransform({ skipList: [] }),
    transformObject: withUsedComponents,
  });
  void api.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Expunge API' },
    uiConfig: { deepLinking: true, docExpansion: 'list', persistAuthorization: false },
    uiHooks: {
      onRequest: (_request, reply, next) => {
        void reply.header('content-security-policy', PAGE_POLICY);
        next();
      },
    },
  });
  void api.register((routes, _options, done) => {
    routes.get('/openapi.json', { schema: { hide: true } }, () => api.swagger());
    done();
  });
}

interface ProblemResponse {
  readonly description: string;
  readonly content: { readonly 'application/problem+json': { readonly schema: typeof problemAnswer } };
}

/** What any route under /api/ may answer. */
const ALWAYS: readonly ProblemName[] = ['invalid-request', 'unauthenticated', 'forbidden', 'wrong-host', 'too-many-requests', 'unavailable', 'internal'];

/** The answers of a route: what it gives when all is well, and the problems that it may have beside those of all routes. */
export function answers<Status extends number, Schema extends z.ZodType>(status: Status, description: string, schema: Schema, ...problems: readonly ProblemName[]) {
  const byStatus = new Map<number, ProblemName[]>();
  for (const name of [...ALWAYS, ...problems]) byStatus.set(PROBLEMS[name].status, [...(byStatus.get(PROBLEMS[name].status) ?? []), name]);
  const described = Object.fromEntries([...byStatus].map(([code, names]): [number, ProblemResponse] => [code, {
    description: names.map((name) => `\`${name}\`: ${PROBLEMS[name].about}`).join('\n\n'),
    content: { 'application/problem+json': { schema: problemAnswer } },
  }]));
  // Problems are thrown, so only the good answer is of a type that a route returns.
  return { ...described, [status]: { description, content: { 'application/json': { schema } } } } as Record<Status, { description: string; content: { 'application/json': { schema: Schema } } }>;
}

/** What every route under /api/ says of itself in the same words. */
export const SECURED = { security: [{ bearer: [] }] } as const;
