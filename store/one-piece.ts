import type { Writable } from 'node:stream';

/**
 * pg writes each statement by itself, and each wakes PostgreSQL. Called before whatever writes to a connection, this has all of
 * one turn of the event loop go out in one piece.
 */
export function inOnePiece(stream: Pick<Writable, 'cork' | 'uncork'>): () => void {
  let isGathering = false;
  return () => {
    if (isGathering) return;
    isGathering = true;
    stream.cork();
    process.nextTick(() => {
      isGathering = false;
      stream.uncork();
    });
  };
}
