import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { DeletionInput, DeletionStatus } from '../contracts/names/index.js';

const REQUEST_ID = defineSearchAttributeKey('RequestId', SearchAttributeType.KEYWORD);
const TRACE_ID = defineSearchAttributeKey('TraceId', SearchAttributeType.KEYWORD);
const GDPR_MODE = defineSearchAttributeKey('GdprMode', SearchAttributeType.BOOL);
const DELETION_STATUS = defineSearchAttributeKey('DeletionStatus', SearchAttributeType.KEYWORD);

/** What a deletion is found by: the request that its workflow goes on under. */
export const requestAttributes = ({ requestId, traceId, gdprMode }: DeletionInput): SearchAttributePair[] => [
  { key: REQUEST_ID, value: requestId },
  { key: TRACE_ID, value: traceId },
  { key: GDPR_MODE, value: gdprMode },
];

/** Touched after the start only when a person's attention is needed, or no longer is. */
export const statusAttribute = (status: DeletionStatus): SearchAttributePair => ({ key: DELETION_STATUS, value: status });

/** Shows where a deletion stands, unless that is shown already. */
export function showStatus(status: DeletionStatus): void {
  if (workflowInfo().typedSearchAttributes.get(DELETION_STATUS) !== status) upsertSearchAttributes([statusAttribute(status)]);
}

export const isShownAsParked = (): boolean => ['FAILED', 'TIMEOUT'].includes(workflowInfo().typedSearchAttributes.get(DELETION_STATUS) ?? '');

/** A workflow that goes on for a later request of its subject is found by that. */
export function showRequest(input: DeletionInput): void {
  const shown = workflowInfo().typedSearchAttributes.get(REQUEST_ID);
  if (shown !== undefined && shown !== input.requestId) upsertSearchAttributes(requestAttributes(input));
}
