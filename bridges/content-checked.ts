import { MessageFault } from '../contracts/topics/index.js';
import { ContentRefused } from '../store/database.js';

/** What PostgreSQL refuses for its content is the message's fault; all else that it throws is an outage. */
export async function contentChecked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ContentRefused)) throw error;
    throw new MessageFault('REFUSED_BY_DATABASE', `${error.message}. Mend the message's content, then send it again.`);
  }
}
