import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whether the module is the one that the process was started with, and not one that another imports. */
export function isEntryPoint(moduleUrl: string, startedWith: string | undefined = process.argv[1]): boolean {
  return startedWith !== undefined && realpathSync(startedWith) === fileURLToPath(moduleUrl);
}
