import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range that systems take outgoing ports from, so that a part which is down for a moment gets its port back. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const TRIES = 200;

/** Whether a port on loopback can be listened on now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** A port to choose: a number from the environment is taken as it is, a usual one when it is free. */
export interface PortWish {
  readonly name: string;
  readonly fixed?: number | undefined;
  readonly usual?: number | undefined;
}

/**
 * Chooses one port per wish, no port twice: the fixed one, else the usual one if it is free, else a free one.
 * @throws Error when a fixed port is wished for twice, or no free port is found.
 */
export async function choosePorts(
  wishes: readonly PortWish[],
  isFree: (port: number) => Promise<boolean> = isPortFree,
  candidate: () => number = () => randomInt(FIRST_PORT, LAST_PORT),
): Promise<Record<string, number>> {
  const chosen = new Map<string, number>();
  const taken = new Map<number, string>();
  const take = (name: string, port: number): void => {
    chosen.set(name, port);
    taken.set(port, name);
  };
  for (const { name, fixed } of wishes) {
    if (fixed === undefined) continue;
    const other = taken.get(fixed);
    if (other !== undefined) throw new Error(`${other} and ${name} are both set to port ${fixed}: give each its own.`);
    take(name, fixed);
  }
  for (const { name, fixed, usual } of wishes) {
    if (fixed !== undefined) continue;
    let port = usual;
    for (let tries = 0; port === undefined || taken.has(port) || !(await isFree(port)); tries++) {
      if (tries >= TRIES) throw new Error(`No free port for ${name} between ${FIRST_PORT} and ${LAST_PORT}.`);
      port = candidate();
    }
    take(name, port);
  }
  return Object.fromEntries(chosen);
}
