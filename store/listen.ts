import pg from 'pg';
import { within } from '../platform/deadline.js';

/** A connection that only listens says nothing by itself: it is asked, so that one which answers no more is found. */
const ASKED_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const END_WITHIN_MS = 2_000;

/**
 * Calls `onNotify` with its payload for each NOTIFY on the channel until the returned function is called; `onLost` once, when the connection
 * breaks or answers no more: it is closed by then.
 */
export async function listen(config: pg.ClientConfig, channel: string, onNotify: (payload: string) => void, onLost: (error: Error) => void): Promise<() => Promise<void>> {
  const client = new pg.Client({ ...config, query_timeout: ANSWER_WITHIN_MS });
  // It listens while there is a timer.
  const asking: { timer?: NodeJS.Timeout } = {};
  let lostBy: Error | undefined;
  const close = (): Promise<void> => {
    clearInterval(asking.timer);
    delete asking.timer;
    return endWithin(client.end());
  };
  const lost = (error: Error): void => {
    lostBy ??= error;
    // Until it listens the caller hears of it by what this function throws.
    if (!asking.timer) return;
    close().catch(() => undefined);
    onLost(error);
  };
  client.on('notification', ({ payload }) => onNotify(payload ?? ''));
  client.on('error', lost);
  try {
    await client.connect();
    await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    // The end of a connection may come in one piece with the answer.
    if (lostBy) throw lostBy;
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  asking.timer = setInterval(() => void client.query('SELECT 1').catch(lost), ASKED_EVERY_MS).unref();
  return close;
}

/** A connection whose other side answers nothing does not end: it is left behind. */
export async function endWithin(end: Promise<void>): Promise<void> {
  await within(end, END_WITHIN_MS);
}
