import { z } from 'zod';
import type { StoredMessage } from '../../bus/read-topic.js';
import { deadLetterAnswer, deadLetterId, deadLetterList, deadLetterListQuery, replayedAnswer, replayRequest } from '../../contracts/api/dead-letters.js';
import type { Caller } from '../access/caller.rules.js';
import type { DeadLetterShelf } from '../dead-letters.js';
import { letterAnswerOf, letterIdOf, listedLetterOf, sameMessage } from '../dead-letter-view.rules.js';
import { answers, SECURED } from '../openapi.js';
import { Problem } from '../problem.js';
import { callerIn } from './routes.js';
import type { Routes } from './routes.js';

/** How far back a list and a replay look in each topic. */
const LOOK_BACK = 500;

/** What could not be handled. */
export function addDeadLetterRoutes(routes: Routes, shelf: DeadLetterShelf): void {
  routes.get('/api/v1/dead-letters', {
    config: { role: 'operator' },
    schema: {
      ...SECURED, tags: ['dead letters'], operationId: 'listDeadLetters', summary: 'Messages that could not be handled', description: 'The newest first, read from their topics. One that was replayed stays where it lies; should it die again, it is there once more with one replay more. For tokens without a tenant claim.',
      querystring: deadLetterListQuery(shelf.topics),
      response: answers(200, 'The newest', deadLetterList),
    },
  }, async (request) => {
    refuseFenced(callerIn(request));
    const { topic, errorClass, limit } = request.query;
    const found = await shelf.newest(topic === undefined ? shelf.topics : [topic], LOOK_BACK);
    return { items: found.map(listedLetterOf).filter((letter) => errorClass === undefined || letter.errorClass === errorClass).slice(0, limit) };
  });

  routes.get('/api/v1/dead-letters/:id', {
    config: { role: 'operator' },
    schema: {
      ...SECURED, tags: ['dead letters'], operationId: 'getDeadLetter', summary: 'One of them, personal data masked',
      params: z.object({ id: deadLetterId }),
      response: answers(200, 'The dead letter', deadLetterAnswer, 'invalid-id', 'unknown-dead-letter'),
    },
  }, async (request) => {
    refuseFenced(callerIn(request));
    return letterAnswerOf((await letterAt(shelf, request.params.id)).letter);
  });

  routes.post('/api/v1/dead-letters/:id/replay', {
    config: { role: 'operator' },
    schema: {
      ...SECURED, tags: ['dead letters'], operationId: 'replayDeadLetter', summary: 'Hand one to its topic again', description: 'As it came, with one more replay counted and the token’s subject beside it.',
      params: z.object({ id: deadLetterId }),
      response: answers(202, 'Handed to its topic', replayedAnswer, 'invalid-id', 'bad-request', 'unknown-dead-letter', 'too-large', 'unsupported-media-type'),
    },
  }, async (request, reply) => {
    const caller = callerIn(request);
    refuseFenced(caller);
    const { topic, letter } = await letterAt(shelf, request.params.id);
    await shelf.replay(topic, [letter], caller.person);
    void reply.code(202);
    return { replayed: [letterIdOf(letter)], letters: [listedLetterOf(letter)] };
  });

  routes.post('/api/v1/dead-letters/replay', {
    config: { role: 'operator' },
    schema: {
      ...SECURED, tags: ['dead letters'], operationId: 'replayDeadLetters', summary: 'Hand those of a topic to it again', description: 'The oldest first; of a message that died several times only its latest letter. Look first with `dryRun`, then say with `expect` how many it was.',
      body: replayRequest(shelf.topics),
      response: answers(202, 'Handed to their topic; with `dryRun` nothing was', replayedAnswer, 'bad-request', 'refused', 'too-large', 'unsupported-media-type'),
    },
  }, async (request, reply) => {
    const caller = callerIn(request);
    refuseFenced(caller);
    const { topic, errorClass, maxReplays, limit, dryRun, expect } = request.body;
    const found = await shelf.newest([topic], LOOK_BACK);
    const latest = [...new Map([...found].reverse().map((letter) => [sameMessage(letter), letter])).values()];
    const chosen = latest.filter((letter) => {
      const { errorClass: found, replays } = listedLetterOf(letter);
      return (errorClass === undefined || found === errorClass) && (maxReplays === undefined || replays <= maxReplays);
    }).slice(0, limit);
    if (expect !== undefined && expect !== chosen.length) throw new Problem('refused', `${chosen.length} would be replayed, where ${expect} were expected: nothing was. Look at them again.`);
    if (dryRun !== true) await shelf.replay(topic, chosen, caller.person);
    void reply.code(202);
    return { replayed: dryRun === true ? [] : chosen.map(letterIdOf), letters: chosen.map(listedLetterOf) };
  });
}

/** What a dead letter is of nobody can say for sure. */
function refuseFenced({ tenants }: Caller): void {
  if (tenants !== undefined) throw new Problem('forbidden', 'Dead letters are of no tenant: this takes a token without a tenant claim.');
}

async function letterAt(shelf: DeadLetterShelf, id: string): Promise<{ topic: string; letter: StoredMessage }> {
  const [topic = '', partition = '', offset = ''] = id.split(':');
  const letter = shelf.topics.includes(topic) ? await shelf.one(topic, Number(partition), BigInt(offset)) : undefined;
  if (!letter) throw new Problem('unknown-dead-letter', `There is no dead letter "${id}"; they are kept for 90 days.`);
  return { topic, letter };
}
