/** What a deletion is of, as Temporal may see it: a user only by subjectRef. */
export type Subject =
  | { readonly kind: 'user'; readonly subjectRef: string }
  | { readonly kind: 'service'; readonly tenantId: string; readonly serviceType: string; readonly serviceInstanceId: string }
  | { readonly kind: 'tenant'; readonly tenantId: string; readonly emptying: number };

/** The workflow types, as registered by workflows/index.ts. */
export const WORKFLOW_TYPES = { user: 'userDeletion', service: 'serviceDeletion', tenant: 'tenant', verification: 'verification' } as const;

/**
 * The workflow id of a subject: one live deletion per subject, because Temporal keeps one open run per id.
 * A dry run has its request behind it, so that it joins nothing.
 */
export function workflowIdFor(subject: Subject, dryRun?: { readonly requestId: string }): string {
  const suffix = dryRun ? `/dry-run/${dryRun.requestId}` : '';
  switch (subject.kind) {
    case 'user':
      return `user-deletion/${subject.subjectRef}${suffix}`;
    case 'service':
      return `service-deletion/${subject.tenantId}/${subject.serviceInstanceId}${suffix}`;
    case 'tenant':
      return tenantWorkflowId(subject.tenantId);
  }
}

/** The workflow that watches over one tenant's emptying and its clean-up. */
export const tenantWorkflowId = (tenantId: string): string => `tenant/${tenantId}`;
