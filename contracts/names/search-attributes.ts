/** Custom search attributes and their Temporal types, registered by `expunge setup`. None of them holds a user id. */
export const SEARCH_ATTRIBUTES = {
  TenantId: 'KEYWORD',
  ServiceType: 'KEYWORD',
  ServiceInstanceId: 'KEYWORD',
  RequestId: 'KEYWORD',
  TraceId: 'KEYWORD',
  DeletionStatus: 'KEYWORD',
  GdprMode: 'BOOL',
} as const;
