import type { DeletionList, TenantList } from '../contracts/api/lists.js';
import type { ServiceList } from '../contracts/api/tenants.js';
import { isFinal, isParked } from '../contracts/names/index.js';
import type { ListedTenant } from '../store/inventory/list.js';
import type { ServiceRecord } from '../store/inventory/read.js';
import type { ListedDeletion, ListOrder } from '../store/ledger/list.js';
import { deletionCursor, idCursor } from './cursor.rules.js';
import { serviceAnswerOf } from './tenant-answer.rules.js';
import { webUiLink } from './web-ui-link.rules.js';
import type { WebUi } from './web-ui-link.rules.js';

/** One row more than a page holds is read: whether there is it says whether there is a next page. */
function paged<Row>(rows: readonly Row[], limit: number, cursorOf: (last: Row) => string): { rows: readonly Row[]; next: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, next: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** @param found the page's rows and, where there is one, the one behind them */
export function deletionListOf(found: readonly ListedDeletion[], limit: number, order: ListOrder, webUi: WebUi | undefined): DeletionList {
  const { rows, next } = paged(found, limit, ({ sortedAt, requestId }) => deletionCursor({ order, at: sortedAt, requestId }));
  return { items: rows.map((row) => listedDeletionOf(row, webUi)), next };
}

function listedDeletionOf(row: ListedDeletion, webUi: WebUi | undefined): DeletionList['items'][number] {
  const { requestId, kind, userId, tenantId, serviceType, serviceInstanceId, emptying, status, overdue, attempt, gdprMode, dryRun, duplicateOf, outcome, workflowId } = row;
  return {
    requestId, kind, userId, tenantId, serviceType, serviceInstanceId, emptying, status, overdue, attempt, gdprMode, dryRun, duplicateOf, outcome, workflowId,
    parked: isParked(status),
    final: isFinal(status),
    timeline: { received: row.receivedAt.toISOString(), completed: row.completedAt?.toISOString() ?? null, duration_ms: row.durationMs },
    airflow_ref: row.airflowRunId,
    dueAt: row.dueAt.toISOString(),
    failure: row.failureCode === null ? null : { code: row.failureCode, message: row.failureMessage ?? '' },
    links: webUi ? { temporal: webUiLink(webUi, workflowId) } : {},
  };
}

/** @param found the page's rows and, where there is one, the one behind them */
export function tenantListOf(found: readonly ListedTenant[], limit: number): TenantList {
  const { rows, next } = paged(found, limit, ({ tenantId }) => idCursor(tenantId));
  return { items: rows.map(({ tenantId, status, emptyings, activeServices, emptiedAt, erasedAt }) => ({ tenantId, status, emptyings, activeServices, emptiedAt: emptiedAt?.toISOString() ?? null, erasedAt: erasedAt?.toISOString() ?? null })), next };
}

/** @param found the page's rows and, where there is one, the one behind them */
export function serviceListOf(found: readonly ServiceRecord[], limit: number): ServiceList {
  const { rows, next } = paged(found, limit, ({ serviceInstanceId }) => idCursor(serviceInstanceId));
  return { items: rows.map(serviceAnswerOf), next };
}
