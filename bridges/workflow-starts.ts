import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { WorkflowOptions } from '@temporalio/client';
import { DEFAULT_LANE, SEARCH_ATTRIBUTES, taskQueueFor, tenantWorkflowId, verificationWorkflowId, type DeletionInput, type Subject, type VerificationInput } from '../contracts/names/index.js';

type AttributeName = keyof typeof SEARCH_ATTRIBUTES;

/** What a workflow is started with besides its input. None of it holds a user id. */
export type StartDetails = Pick<WorkflowOptions, 'taskQueue' | 'workflowId' | 'typedSearchAttributes' | 'staticSummary' | 'staticDetails'> & { readonly taskQueue: string; readonly workflowId: string };

/** How the workflow of a deletion is started: where it runs, how it is found, and what the Web UI says of it. */
export function deletionStart(input: DeletionInput, workflowId: string): StartDetails {
  const { subject, requestId, traceId, gdprMode, dryRun, graceMs, policy } = input;
  const what = described(subject);
  return {
    workflowId,
    taskQueue: taskQueueFor(policy.lane),
    typedSearchAttributes: attributes({
      RequestId: requestId,
      TraceId: traceId,
      DeletionStatus: 'PENDING',
      GdprMode: gdprMode,
      ...(subject.kind !== 'user' && { TenantId: subject.tenantId }),
      ...(subject.kind === 'service' && { ServiceType: subject.serviceType, ServiceInstanceId: subject.serviceInstanceId }),
    }),
    staticSummary: `${dryRun ? 'Dry run: delete' : 'Delete'} ${what}`,
    staticDetails: [
      `Deletes ${what}${dryRun ? ' (**dry run**: counts only)' : ''}.`,
      '',
      `- request \`${requestId}\`, trace \`${traceId}\``,
      `- Airflow DAG \`${policy.dagId}\`, lane \`${policy.lane}\`, ${policy.autoRetries} automatic retries`,
      `- GDPR mode: ${gdprMode ? 'yes' : 'no'}${graceMs > 0 ? `; a grace period of ${Math.round(graceMs / 3_600_000)} h comes first` : ''}`,
      '',
      'Signals: `retry`, `cancel`, `hold`, `release`, each with `{by, reason}` or without input.',
    ].join('\n'),
  };
}

/** How a tenant's workflow is started. */
export const tenantStart = (tenantId: string): StartDetails => ({
  workflowId: tenantWorkflowId(tenantId),
  taskQueue: taskQueueFor(DEFAULT_LANE),
  typedSearchAttributes: attributes({ TenantId: tenantId }),
  staticSummary: `Watch over tenant ${tenantId}`,
  staticDetails: `Decides whether tenant \`${tenantId}\` is empty, tells of it, and carries its clean-up through when every deletion was in GDPR mode.`,
});

/** How the verification of a completed deletion is started. */
export const verificationStart = ({ requestId, lane }: VerificationInput): StartDetails => ({
  workflowId: verificationWorkflowId(requestId),
  taskQueue: taskQueueFor(lane),
  typedSearchAttributes: attributes({ RequestId: requestId }),
  staticSummary: `Verify ${requestId}`,
  staticDetails: `Looks at what is left of the user after the completed request \`${requestId}\`, and states it at the deadline. Signal: \`recheck\`, to look now.`,
});

function described(subject: Subject): string {
  switch (subject.kind) {
    case 'user':
      return `user ${subject.subjectRef}`;
    case 'service':
      return `${subject.serviceType} ${subject.serviceInstanceId} of tenant ${subject.tenantId}`;
    case 'tenant':
      return `tenant ${subject.tenantId}`;
  }
}

function attributes(values: Partial<Record<AttributeName, string | boolean>>): SearchAttributePair[] {
  return (Object.entries(values) as [AttributeName, string | boolean][]).map(([name, value]) => ({ key: defineSearchAttributeKey(name, SEARCH_ATTRIBUTES[name]), value }) as SearchAttributePair);
}
