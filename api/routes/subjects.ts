import { z } from 'zod';
import { subjectAnswer } from '../../contracts/api/subjects.js';
import { personId, subjectRef } from '../../contracts/topics/index.js';
import { mayAccess } from '../access/caller.rules.js';
import type { Caller } from '../access/caller.rules.js';
import { fromLedger } from '../from-ledger.js';
import { answers, SECURED } from '../openapi.js';
import { Problem } from '../problem.js';
import type { ApiReads } from '../reads.js';
import { subjectAnswerOf } from '../subject-answer.rules.js';
import { callerIn } from './routes.js';
import type { RouteDeps, Routes } from './routes.js';

/** What is stored about users, by the events of the Nova bus. */
export function addSubjectRoutes(routes: Routes, { reads }: Pick<RouteDeps, 'reads'>): void {
  const described = { ...SECURED, tags: ['subjects'], description: 'Ids and counts by kind, without content. Users are of no tenant: a token that is fenced to tenants does not see them.', response: answers(200, 'What is stored', subjectAnswer, 'invalid-id', 'unknown-subject') } as const;

  routes.get('/api/v1/subjects/:subjectRef', {
    config: { role: 'viewer' },
    schema: { ...described, operationId: 'getSubject', summary: 'What is stored about a subject, by its reference', params: z.object({ subjectRef: subjectRef.meta({ examples: ['v1.0a1b2c3d4e5f60718293a4b5c6d7e8f9'] }) }) },
  }, async (request) => answerFor(callerIn(request), reads, { subjectRef: request.params.subjectRef }));

  routes.get('/api/v1/subjects/by-user/:userId', {
    config: { role: 'viewer' },
    schema: { ...described, operationId: 'getSubjectOfUser', summary: 'What is stored about a user', params: z.object({ userId: personId.meta({ examples: ['user_888'] }) }) },
  }, async (request) => answerFor(callerIn(request), reads, { userId: request.params.userId }));
}

async function answerFor(caller: Caller, reads: Pick<ApiReads, 'subject'>, of: Parameters<ApiReads['subject']>[0]) {
  if (!mayAccess(caller, null)) throw new Problem('unknown-subject', 'A user is of no tenant: only a token without a tenant claim may see what is stored about one.');
  return subjectAnswerOf(await fromLedger(() => reads.subject(of)));
}
