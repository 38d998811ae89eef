import type { IncomingMessage } from '../../bus/messages.js';
import { derivedId, eventTypeOf, headerText, incomingId, MessageFault, novaEventIdOf, parseNovaEvent } from '../../contracts/topics/index.js';
import type { UserDeleted } from './requests.js';

const TYPE = 'identity.user.deleted';

/** A deletion of a user that the service of identities has told of. */
export interface UserDeletedFound {
  /** What its request goes by. */
  readonly requestId: string;
  readonly value: UserDeleted;
}

/**
 * Reads the deletion of a user out of a message of the identity events. Its request goes by the event's id, or, without one,
 * by where the message lies.
 * @returns undefined for what tells of something else
 * @throws MessageFault
 */
export function userDeletedIn(message: IncomingMessage): UserDeletedFound | undefined {
  if (!isOfDeletedUser(message)) return undefined;
  const event = parseNovaEvent(message);
  if (event?.type !== TYPE) return undefined;
  return { requestId: requestIdOf(message), value: event.value };
}

/** What does not even say what it is, the role that keeps the index of users puts into the dead letters. */
function isOfDeletedUser(message: IncomingMessage): boolean {
  try {
    return eventTypeOf(message) === TYPE;
  } catch (error) {
    if (error instanceof MessageFault) return false;
    throw error;
  }
}

function requestIdOf(message: IncomingMessage): string {
  const requestId = novaEventIdOf(message);
  const isGiven = headerText(message.headers, 'event_id') === requestId;
  const checked = (isGiven ? incomingId : derivedId).safeParse(requestId);
  if (checked.success) return checked.data;
  const remedy = isGiven ? checked.error.issues[0]?.message ?? 'is no id' : 'is missing, and the topic’s name is too long to name the message by its place: send one';
  throw new MessageFault('INVALID_FIELD', `The header event_id ${remedy}.`, 'header event_id');
}
