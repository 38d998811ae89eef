import { deletionAnswer, jobAnswer } from '../contracts/api/deletions.js';
import type { DeletionAnswer, JobAnswer } from '../contracts/api/deletions.js';
import { deletionList, tenantList } from '../contracts/api/lists.js';
import type { DeletionList, TenantList } from '../contracts/api/lists.js';
import { subjectAnswer } from '../contracts/api/subjects.js';
import type { SubjectAnswer } from '../contracts/api/subjects.js';
import { serviceList, tenantAnswer } from '../contracts/api/tenants.js';
import type { ServiceList, TenantAnswer } from '../contracts/api/tenants.js';
import { derivedId, incomingId, personId, subjectRef as subjectRefField } from '../contracts/topics/index.js';
import { createApiCall, segment } from './api-call.js';
import type { ApiCall, ApiOptions, Query } from './api-call.js';

/** What can be read of the API. Queries are those of the paths (docs/api.md). All throw ClientFault: usage (no id, no such filter), not-found, refused, unreachable. */
export interface ApiReader {
  deletion(requestId: string): Promise<DeletionAnswer>;
  /** A page; its `next` is the next one's `cursor`. */
  deletions(query?: Query): Promise<DeletionList>;
  job(jobId: string): Promise<JobAnswer>;
  tenant(tenantId: string): Promise<TenantAnswer>;
  tenants(query?: Query): Promise<TenantList>;
  services(tenantId: string, query?: Query): Promise<ServiceList>;
  subject(subjectRef: string): Promise<SubjectAnswer>;
  subjectOfUser(userId: string): Promise<SubjectAnswer>;
}

/** Reads the API at an address, without a slash at its end. */
export const createApiReader = (apiUrl: string, options: ApiOptions = {}): ApiReader => readerOf(createApiCall(apiUrl, options));

/** Reads an API by its calls. */
export const readerOf = (api: ApiCall): ApiReader => ({
  deletion: async (requestId) => api.get(deletionAnswer, `/api/v1/deletions/${segment(derivedId, 'requestId', requestId)}`),
  deletions: async (query) => api.get(deletionList, '/api/v1/deletions', query),
  job: async (jobId) => api.get(jobAnswer, `/api/v1/jobs/${segment(derivedId, 'jobId', jobId)}`),
  tenant: async (tenantId) => api.get(tenantAnswer, `/api/v1/tenants/${segment(incomingId, 'tenantId', tenantId)}`),
  tenants: async (query) => api.get(tenantList, '/api/v1/tenants', query),
  services: async (tenantId, query) => api.get(serviceList, `/api/v1/tenants/${segment(incomingId, 'tenantId', tenantId)}/services`, query),
  subject: async (subjectRef) => api.get(subjectAnswer, `/api/v1/subjects/${segment(subjectRefField, 'subjectRef', subjectRef)}`),
  subjectOfUser: async (userId) => api.get(subjectAnswer, `/api/v1/subjects/by-user/${segment(personId, 'userId', userId)}`),
});
