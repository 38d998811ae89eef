import { describe, expect, test } from 'vitest';
import type { KafkaClient } from '../../bus/kafka.js';
import { readTail } from '../../bus/read-topic.js';

interface Read {
  readonly joined: () => void;
  readonly message: (offset: number) => Promise<void>;
  readonly crashed: (restart: boolean) => void;
}

/** A topic of one partition with three messages, and what its consumer meets once it runs. */
function topicOfThree(meets: (read: Read) => Promise<void>): KafkaClient {
  const listeners = new Map<string, (event: { payload: unknown }) => void>();
  const consumer = {
    events: { GROUP_JOIN: 'join', END_BATCH_PROCESS: 'end', CRASH: 'crash' },
    on: (name: string, listener: (event: { payload: unknown }) => void) => void listeners.set(name, listener),
    connect: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    seek: () => undefined,
    disconnect: () => Promise.resolve(),
    run: ({ eachMessage }: { eachMessage: (payload: unknown) => Promise<void> }) => meets({
      joined: () => listeners.get('join')?.({ payload: {} }),
      message: (offset) => eachMessage({ topic: 't', partition: 0, message: { offset: String(offset), timestamp: '0', key: null, value: Buffer.from(String(offset)), headers: {} } }),
      crashed: (restart) => listeners.get('crash')?.({ payload: { restart, error: new Error('the broker is away') } }),
    }),
  };
  const admin = { connect: () => Promise.resolve(), disconnect: () => Promise.resolve(), deleteGroups: () => Promise.resolve([]), fetchTopicOffsets: () => Promise.resolve([{ partition: 0, low: '0', high: '3', offset: '3' }]) };
  return { consumer: () => consumer, admin: () => admin } as unknown as KafkaClient;
}
const read = async (meets: (read: Read) => Promise<void>) => (await readTail(topicOfThree(meets), 't', { timeoutMs: 50 })).map(({ offset }) => offset);

describe('a reader whose consumer crashes', () => {
  test('and begins anew reads each message once', async () => {
    expect(await read(async ({ joined, message, crashed }) => {
      joined();
      await message(0);
      crashed(true);
      joined();
      for (const offset of [0, 1, 2]) await message(offset);
    })).toEqual(['2', '1', '0']);
  });

  test('and cannot begin anew in time says so: nothing read is not nothing there', async () => {
    await expect(read(({ joined, crashed }) => {
      joined();
      crashed(true);
      return Promise.resolve();
    })).rejects.toThrow('the broker is away');
  });

  test('for good says so at once', async () => {
    await expect(read(({ crashed }) => {
      crashed(false);
      return Promise.resolve();
    })).rejects.toThrow('the broker is away');
  });
});

test('a reader who is only slow gives what was read by then', async () => {
  expect(await read(async ({ joined, message }) => {
    joined();
    await message(0);
  })).toEqual(['0']);
});
