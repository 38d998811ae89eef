import { once } from 'node:events';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor, type ConnectionOptions, type GrpcRetryOptions } from '@temporalio/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporalCalls } from '../../../platform/temporal-calls.js';
import { choosePorts } from '../../../stack/ports.js';

/** Makes a call that fails, and closes its connection before it is tried again. */
async function closeBeforeRetry(interceptorsFor: (retries: GrpcRetryOptions) => NonNullable<ConnectionOptions['interceptors']>): Promise<{ readonly ended: Promise<unknown> }> {
  let hasFailed = (): void => undefined;
  const failed = new Promise<void>((resolve) => (hasFailed = resolve));
  const retries: GrpcRetryOptions = {
    ...defaultGrpcRetryOptions(),
    delayFunction: () => {
      hasFailed();
      return 50;
    },
  };
  // A free port: nobody listens there.
  const { temporal = 0 } = await choosePorts([{ name: 'temporal' }]);
  const connection = Connection.lazy({ address: `127.0.0.1:${temporal}`, interceptors: interceptorsFor(retries) });
  const ended = connection.workflowService.getSystemInfo({}).then(() => 'answered', (error: unknown) => error);
  await failed;
  await connection.close();
  return { ended };
}

describe('a call to a Temporal that is out, whose connection is closed before it is tried again', () => {
  test('ends as cancelled', async () => {
    const { ended } = await closeBeforeRetry(temporalCalls);
    expect(await ended).toMatchObject({ code: 1, details: 'Channel has been shut down' });
  });

  test('would end the process if only the SDK tried it again', async () => {
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    onTestFinished(() => {
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    const thrown = once(process, 'uncaughtException');
    await closeBeforeRetry((retries) => [makeGrpcRetryInterceptor(retries)]);
    expect(await thrown).toMatchObject([{ message: 'Channel has been shut down' }, 'uncaughtException']);
  });
});
