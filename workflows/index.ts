export { reconcile } from './reconcile.js';
export { serviceDeletion } from './service-deletion.js';
export { tenant } from './tenant.js';
export { userDeletion } from './user-deletion.js';
export { verification } from './verification.js';
