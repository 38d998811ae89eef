import { z } from 'zod';
import { problemAbout, problemAnswer, PROBLEMS, problemType } from '../../contracts/api/problems.js';
import type { ProblemName } from '../../contracts/api/problems.js';
import type { Health } from '../../platform/health.js';
import { Problem } from '../problem.js';
import type { Routes } from './routes.js';

/** What anyone may ask: what a problem means, and whether the process is well. */
export function addAboutRoutes(routes: Routes, health: Health): void {
  routes.get('/problems/:name', {
    schema: {
      tags: ['about'], operationId: 'getProblem', summary: 'What a problem’s type means', security: [],
      params: z.object({ name: z.string().meta({ examples: ['unknown-request'] }) }),
      response: {
        200: { description: 'The kind of problem', content: { 'application/json': { schema: problemAbout } } },
        404: { description: 'There is none of this name', content: { 'application/problem+json': { schema: problemAnswer } } },
      },
    },
  }, ({ params }) => {
    const name = (Object.keys(PROBLEMS) as ProblemName[]).find((known) => known === params.name);
    if (!name) throw new Problem('unknown-path', 'There is no problem of this name.');
    const { title, status, about } = PROBLEMS[name];
    return { type: problemType(name), title, status, about };
  });

  for (const path of ['/livez', '/readyz', '/metrics']) {
    routes.get(path, { schema: { hide: true } }, async (_request, reply) => {
      const answer = await health.answer(path);
      if (!answer) throw new TypeError(`Health has no answer for ${path}`);
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    });
  }
}
