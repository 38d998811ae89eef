import { MessageFault } from './message-fault.js';

/** The broker's default limit for a record batch: nothing larger arrives unless a topic was configured for it. */
export const MAX_VALUE_BYTES = 1_048_588;
/** Beyond this depth nothing that these topics mean can be found, and recursive code downstream is at risk. */
export const MAX_JSON_DEPTH = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a message's value as one JSON object, without a chance for it to mean two things: fields named twice are
 * refused, a field named `__proto__` is dropped. A byte order mark before it is skipped.
 * @throws MessageFault NULL_VALUE, TOO_LARGE, INVALID_UTF8, NOT_JSON, NOT_AN_OBJECT, TOO_DEEP, DUPLICATE_FIELD
 */
export function decodeJsonObject(value: Buffer | null): Record<string, unknown> {
  if (value === null) throw new MessageFault('NULL_VALUE', 'The message has no value (a tombstone); send a JSON object.');
  if (value.byteLength > MAX_VALUE_BYTES) {
    throw new MessageFault('TOO_LARGE', `The value has ${value.byteLength} bytes; at most ${MAX_VALUE_BYTES} are read. Send only the fields of the contract.`);
  }
  const text = decodeText(value);
  const parsed = parseText(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    const found = parsed === null ? 'null' : Array.isArray(parsed) ? 'an array' : `a ${typeof parsed}`;
    throw new MessageFault('NOT_AN_OBJECT', `The value is ${found}; send a JSON object.`);
  }
  const { hasProto } = scan(text);
  if (hasProto) dropProto(parsed);
  return parsed as Record<string, unknown>;
}

function decodeText(value: Buffer): string {
  try {
    return utf8.decode(value);
  } catch {
    throw new MessageFault('INVALID_UTF8', 'The value is not valid UTF-8; send JSON encoded as UTF-8.');
  }
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // V8's message quotes the text, which may name a user: only the position is passed on.
    const position = error instanceof Error ? /position \d+/.exec(error.message)?.[0] : undefined;
    const where = text.trim() === '' ? 'it is empty' : position === undefined ? `it has ${text.length} characters` : `see ${position}`;
    throw new MessageFault('NOT_JSON', `The value is not JSON (${where}); send a JSON object encoded as UTF-8.`);
  }
}

/** Walks text that is known to be JSON, without recursion. */
function scan(text: string): { hasProto: boolean } {
  // One entry for each open bracket: the names seen in an object, null for an array.
  const open: (Set<string> | null)[] = [];
  let hasProto = false;
  let expectsName = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        open.push(text[at] === '{' ? new Set() : null);
        expectsName = text[at] === '{';
        if (open.length > MAX_JSON_DEPTH) {
          throw new MessageFault('TOO_DEEP', `The value is nested deeper than ${MAX_JSON_DEPTH} levels; send only the fields of the contract.`);
        }
        break;
      case '}':
      case ']':
        open.pop();
        expectsName = false;
        break;
      case ',':
        expectsName = open.at(-1) instanceof Set;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (expectsName) {
          const name = JSON.parse(text.slice(at, end + 1)) as string;
          const names = open.at(-1);
          if (names?.has(name)) {
            throw new MessageFault('DUPLICATE_FIELD', `An object at depth ${open.length} names the same field twice; name each field once.`);
          }
          names?.add(name);
          hasProto ||= name === '__proto__';
          expectsName = false;
        }
        at = end;
        break;
      }
      default:
        break;
    }
  }
  return { hasProto };
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

function dropProto(value: object): void {
  // The depth is limited by now, so recursion is safe.
  delete (value as Record<string, unknown>)['__proto__'];
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) dropProto(inner);
  }
}
