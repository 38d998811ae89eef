import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const inWorkflows = (file: string): string => fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));

/**
 * The workflows as workers run them, with the converter that reads their inputs. Takes some seconds: make it once per process.
 * @param workflowsPath other ones; for tests of one release beside another
 */
export const bundleWorkflows = (workflowsPath = inWorkflows('index.ts')): Promise<WorkflowBundleWithSourceMap> =>
  bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath: inWorkflows('payload-converter.ts'),
    logger: new DefaultLogger('ERROR'),
  });
