import { ContentRefused } from '../store/database.js';
import { Problem } from './problem.js';

/** Reads, and says that the ledger cannot be read when it cannot. @throws Problem `unavailable`, `bad-request` */
export async function fromLedger<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ContentRefused) throw new Problem('bad-request', 'The ledger cannot take a value of the request.', { cause: error });
    throw new Problem('unavailable', 'The ledger cannot be read at the moment; nothing is wrong with the request. Try again shortly.', { cause: error });
  }
}
