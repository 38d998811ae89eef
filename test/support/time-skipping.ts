import type { ConnectionOptions } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { temporalCalls } from '../../platform/temporal-calls.js';
import { MissingToolError } from '../../stack/errors.js';
import { timeSkippingServer } from '../../stack/fetch/time-skipping-server.js';

/**
 * Temporal's test server that skips time while workflows only wait: from its Maven artifact, else by the SDK's own download.
 * Time is skipped for the whole server, so tests that use one run one after another.
 */
export async function createTimeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  const plugins = [{ name: 'calls', configureConnection: (options: ConnectionOptions) => ({ ...options, interceptors: temporalCalls() }) }];
  try {
    const path = await timeSkippingServer(process.env);
    return await TestWorkflowEnvironment.createTimeSkipping({ plugins, server: { executable: { type: 'existing-path', path } } });
  } catch (error) {
    if (!(error instanceof MissingToolError)) throw error;
    return TestWorkflowEnvironment.createTimeSkipping({ plugins });
  }
}
