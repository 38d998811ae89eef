import pg from 'pg';
import { within } from '../platform/deadline.js';

/** A connection that only listens says nothing by itself: it is asked, so that one which answers no more is found. */
const ASKED_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const END_WITHIN_MS = 2_000;

/**
 * Calls `onNotify` with its payload for each NOTIFY on the channel until the returned function is called; `onLost` once, when the connection
 * breaks or answers no more.
 */
export async function listen(config: pg.ClientConfig, channel: string, onNotify: (payload: string) => void, onLost: (error: Error) => void): Promise<() => Promise<void>> {
  const client = new pg.Client({ ...config, query_timeout: ANSWER_WITHIN_MS });
  const asking: { timer?: NodeJS.Timeout } = {};
  let over = false;
  const lost = (error: Error): void => {
    if (over) return;
    over = true;
    clearInterval(asking.timer);
    onLost(error);
  };
  client.on('notification', ({ payload }) => onNotify(payload ?? ''));
  client.on('error', lost);
  try {
    await client.connect();
    await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
  } catch (error) {
    over = true;
    await endWithin(client.end()).catch(() => undefined);
    throw error;
  }
  asking.timer = setInterval(() => void client.query('SELECT 1').catch(lost), ASKED_EVERY_MS).unref();
  return async () => {
    over = true;
    clearInterval(asking.timer);
    await endWithin(client.end());
  };
}

/** A connection whose other side answers nothing does not end: it is left behind. */
export async function endWithin(end: Promise<void>): Promise<void> {
  await within(end, END_WITHIN_MS);
}
