import type { ListedTenant, TenantFilter } from '../store/inventory/list.js';
import { listServices, listTenants } from '../store/inventory/list.js';
import { readTenant } from '../store/inventory/read.js';
import type { ServiceRecord, TenantRecord } from '../store/inventory/read.js';
import type { Queryable } from '../store/database.js';
import { listDeletions } from '../store/ledger/list.js';
import type { DeletionFilter, DeletionPosition, ListedDeletion } from '../store/ledger/list.js';
import { readSubject } from '../store/subjects/read.js';
import type { SubjectRecord } from '../store/subjects/read.js';
import type { SubjectRefs } from '../platform/subject-ref.js';
import { readDeletion, readJob } from '../store/ledger/read.js';
import type { DeletionRecord, JobStanding } from '../store/ledger/read.js';

/** What the API answers from. Each call asks the ledger anew; a throw means that it cannot be read now. */
export interface ApiReads {
  deletion(requestId: string): Promise<DeletionRecord | undefined>;
  deletions(filter: DeletionFilter, limit: number, after: DeletionPosition | undefined): Promise<ListedDeletion[]>;
  job(jobId: string): Promise<JobStanding | undefined>;
  tenant(tenantId: string): Promise<TenantRecord | undefined>;
  subject(of: { readonly subjectRef: string } | { readonly userId: string }): Promise<SubjectRecord>;
  tenants(filter: TenantFilter, limit: number, after: string | undefined): Promise<ListedTenant[]>;
  services(tenantId: string, statuses: readonly ServiceRecord['status'][] | undefined, limit: number, after: string | undefined): Promise<ServiceRecord[]>;
}

/** Reads from the ledger. @param subjectRefs what a user is known by there */
export const readsOf = (database: Queryable, subjectRefs: Pick<SubjectRefs, 'candidates'>): ApiReads => ({
  deletion: (requestId) => readDeletion(database, requestId),
  deletions: (filter, limit, after) => listDeletions(database, filter, limit, after),
  job: (jobId) => readJob(database, jobId),
  tenant: (tenantId) => readTenant(database, tenantId),
  subject: (of) => readSubject(database, 'userId' in of ? subjectRefs.candidates(of.userId) : [of.subjectRef]),
  tenants: (filter, limit, after) => listTenants(database, filter, limit, after),
  services: (tenantId, statuses, limit, after) => listServices(database, tenantId, statuses, limit, after),
});
