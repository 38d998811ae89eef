import { z } from 'zod';

/** What a token allows, each more than the one before: viewer reads; operator asks for deletions and acts on them; admin decides about tenants. */
export const API_ROLES = ['viewer', 'operator', 'admin'] as const;
export type ApiRole = (typeof API_ROLES)[number];

/** `GET /api/v1/me`: who calls, as the API sees it, and what that allows. */
export const meAnswer = z.object({
  person: z.string().meta({ description: 'As timelines have it: the token’s subject', examples: ['ann'] }),
  role: z.enum(API_ROLES).meta({ description: 'The highest that the token names' }),
  tenants: z.array(z.string()).nullable().meta({ description: 'The only tenants that may be seen and acted on; null without a fence, which shows users’ deletions too' }),
  authentication: z.boolean().meta({ description: 'Whether the API asks for a token; without, whoever calls from this machine is an admin' }),
});
export type MeAnswer = z.output<typeof meAnswer>;
