/** What the bare workflow is told. */
export interface BareInput {
  readonly requestId: string;
  readonly traceId: string;
  readonly kind: 'user' | 'service';
  /** Kafka key of what goes out: the user or the tenant. */
  readonly key: string;
  readonly serviceType?: string;
  readonly serviceInstanceId?: string;
}

export interface BareResult {
  readonly status: string;
}

export interface BareActivities {
  publishTrigger(input: BareInput): Promise<void>;
  publishNotification(input: BareInput, status: string): Promise<void>;
}

export const BARE_TASK_QUEUE = 'bare';
export const BARE_RESULT_SIGNAL = 'result';
/** By how its activities run. */
export const BARE_WORKFLOWS = { normal: 'bareNormal', local: 'bareLocal' } as const;
export type BareKind = keyof typeof BARE_WORKFLOWS;

/** As the product's, so that results find their way: the job is named after the request. */
export const bareWorkflowId = (requestId: string): string => `bare/${requestId}`;
