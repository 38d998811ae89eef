import { meAnswer } from '../../contracts/api/me.js';
import { answers, SECURED } from '../openapi.js';
import { Problem } from '../problem.js';
import { callerIn } from './routes.js';
import type { Routes } from './routes.js';

/** Who calls. @param authentication whether anyone is asked for a token */
export function addMeRoute(routes: Routes, { authentication }: { readonly authentication: boolean }): void {
  routes.get('/api/v1/me', {
    config: { role: 'viewer' },
    schema: {
      ...SECURED, tags: ['about'], operationId: 'getMe', summary: 'Who calls, and what that allows',
      description: 'By it a page knows which acts to offer. What is refused is refused whatever it says.',
      response: answers(200, 'The caller', meAnswer),
    },
  }, (request) => {
    const { person, role, tenants } = callerIn(request);
    if (role === undefined) throw new Problem('forbidden', 'The token has no role that this API knows.');
    return { person, role, tenants: tenants === undefined ? null : [...tenants], authentication };
  });
}
