import { deadLetterAnswer, deadLetterId, deadLetterList, replayedAnswer } from '../contracts/api/dead-letters.js';
import type { DeadLetterAnswer, DeadLetterList, ReplayedAnswer, ReplayRequest } from '../contracts/api/dead-letters.js';
import { segment } from './api-call.js';
import type { ApiCall, Query } from './api-call.js';

/** What could not be handled, through the API; it takes a token of role operator. All throw ClientFault. */
export interface DeadLetters {
  /** The newest. */
  list(query?: Query): Promise<DeadLetterList>;
  show(id: string): Promise<DeadLetterAnswer>;
  /** Hands one to its topic again. */
  replay(id: string): Promise<ReplayedAnswer>;
  /** Hands those of a topic to it again; refused when they are not as many as expected. */
  replayAll(request: ReplayRequest): Promise<ReplayedAnswer>;
}

export const deadLettersOf = (api: ApiCall): DeadLetters => ({
  list: async (query) => api.get(deadLetterList, '/api/v1/dead-letters', query),
  show: async (id) => api.get(deadLetterAnswer, `/api/v1/dead-letters/${segment(deadLetterId, 'The id', id)}`),
  replay: async (id) => api.post(replayedAnswer, `/api/v1/dead-letters/${segment(deadLetterId, 'The id', id)}/replay`, {}),
  replayAll: async (request) => api.post(replayedAnswer, '/api/v1/dead-letters/replay', request),
});
