declare module 'kafkajs/src/network/requestQueue/index.js' {
  /** The requests of one connection: kafkajs's own, of which it publishes no types. */
  export default class RequestQueue {
    constructor(options: { readonly maxInFlightRequests: number; readonly requestTimeout: number; readonly clientId: string; readonly broker: string; readonly logger: { debug(text: string): void } });
    /** Requests that wait: because too many are under way, or because the broker asked for a pause. */
    readonly pending: readonly unknown[];
    /** Sends a request, now or when it can go. */
    push(request: { readonly entry: { readonly correlationId: number; readonly resolve: (answer: unknown) => void }; readonly expectResponse: boolean; readonly sendRequest: () => void }): void;
    /** Gives a request its answer. */
    fulfillRequest(answer: { readonly correlationId: number; readonly payload: unknown; readonly size: number }): void;
    /** Takes a pause for which the broker asked. */
    maybeThrottle(pauseMs: number): void;
    /** Looks in a while whether what is pending can go. */
    scheduleCheckPendingRequests: (this: RequestQueue) => void;
  }
}
