import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inOnePiece } from '../../store/one-piece.js';

/** A connection that keeps what goes out, piece by piece. */
function connection() {
  const pieces: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      pieces.push(chunk);
      done();
    },
    writev: (chunks, done) => {
      pieces.push(chunks.map(({ chunk }: { chunk: string }) => chunk).join(''));
      done();
    },
  });
  const gather = inOnePiece(stream);
  return { pieces, stream, gather, send: (text: string) => {
    gather();
    // As pg does it for a prepared statement, which is several messages.
    stream.cork();
    stream.write(text);
    stream.uncork();
  } };
}

test('what is sent in one turn of the event loop goes out in one piece, also by those that waited for another in it', async () => {
  const { pieces, send } = connection();
  send('begin ');
  send('read ');
  await Promise.resolve();
  send('and read');
  await turn();
  expect(pieces).toEqual(['begin read and read']);
});

test('what is sent in the next turn is another piece, and nothing is kept back', async () => {
  const { pieces, send } = connection();
  send('read');
  await turn();
  send('write ');
  send('commit');
  await turn();
  expect(pieces).toEqual(['read', 'write commit']);
});

test('without it each goes out by itself', async () => {
  const { pieces, stream } = connection();
  for (const text of ['read', 'write']) stream.write(text);
  await turn();
  expect(pieces).toEqual(['read', 'write']);
});
