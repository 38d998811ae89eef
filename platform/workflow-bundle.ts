import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const inWorkflows = (file: string): string => fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));

export interface BundleOptions {
  /** Other workflows than the product's; for tests of one release beside another. */
  readonly workflowsPath?: string | undefined;
  /** Keep where promises and errors were made; default true. */
  readonly stackTraces?: boolean;
}

/** The workflows as workers run them, with the converter that reads their inputs. Takes some seconds: make it once per process. */
export async function bundleWorkflows({ workflowsPath = inWorkflows('index.ts'), stackTraces = true }: BundleOptions = {}): Promise<WorkflowBundleWithSourceMap> {
  const bundle = await bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath: inWorkflows('payload-converter.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  // The SDK takes a stack trace for every promise of a workflow (temporalio/sdk-typescript#1587); this is the one way to have it take none.
  return stackTraces ? bundle : { ...bundle, code: `Error.stackTraceLimit = 0;${bundle.code}` };
}
