import { fileURLToPath } from 'node:url';
import { runRoles } from '../../platform/run-roles.js';
import { workerRole } from '../../worker.js';

/** A worker of the next release, on the queues of this one: started as it is built. */
await runRoles(new Map([['worker', () => Promise.resolve(workerRole(fileURLToPath(new URL('./workflows.js', import.meta.url))))]]));
