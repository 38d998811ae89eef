import type { TenantAnswer } from '../contracts/api/tenants.js';
import { tenantWorkflowId } from '../contracts/names/index.js';
import type { ServiceRecord, TenantRecord } from '../store/inventory/read.js';
import { webUiLink } from './web-ui-link.rules.js';
import type { WebUi } from './web-ui-link.rules.js';

/** What the API says of a tenant. */
export function tenantAnswerOf({ tenant, services, cleanUps }: TenantRecord, webUi: WebUi | undefined): TenantAnswer {
  const workflowId = tenantWorkflowId(tenant.tenantId);
  return {
    tenantId: tenant.tenantId,
    status: tenant.status,
    emptyings: tenant.emptyings,
    gdprDeletions: tenant.gdprDeletions,
    otherDeletions: tenant.otherDeletions,
    emptiedAt: tenant.emptiedAt?.toISOString() ?? null,
    erasedAt: tenant.erasedAt?.toISOString() ?? null,
    cleanUps: cleanUps.map(({ requestId, emptying, status, receivedAt, completedAt }) => ({
      requestId, emptying, status, receivedAt: receivedAt.toISOString(), completedAt: completedAt?.toISOString() ?? null,
    })),
    services: services.map(serviceAnswerOf),
    workflowId,
    // A tenant has a run when it has something to carry out.
    links: webUi && cleanUps.length > 0 ? { temporal: webUiLink(webUi, workflowId) } : {},
  };
}

/** What the API says of a service. */
export const serviceAnswerOf = (service: ServiceRecord): TenantAnswer['services'][number] => ({
  serviceInstanceId: service.serviceInstanceId,
  serviceType: service.serviceType,
  status: service.status,
  dependsOn: [...service.dependsOn],
  provisionedAt: service.provisionedAt.toISOString(),
  goneAt: service.goneAt?.toISOString() ?? null,
  deletion: service.deletionRequestId === null || service.deletionStatus === null ? null : { requestId: service.deletionRequestId, status: service.deletionStatus },
});
