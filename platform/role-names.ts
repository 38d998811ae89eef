/** What one process can be asked to do. Every role can run in any number of processes. */
export const ROLES = ['worker', 'ingress', 'nova', 'trigger', 'result', 'relay', 'api'] as const;
export type Role = (typeof ROLES)[number];
