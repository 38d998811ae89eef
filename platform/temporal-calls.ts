import { InterceptingCall, Metadata, status, type Interceptor } from '@grpc/grpc-js';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor, type GrpcRetryOptions } from '@temporalio/client';

const isShutDown = (error: unknown): error is Error => error instanceof Error && error.message === 'Channel has been shut down';

/** A call that is over before it began. */
const endedCall = (details: string): InterceptingCall =>
  new InterceptingCall({
    start: (_metadata, listener) => {
      setImmediate(() => {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: status.CANCELLED, details, metadata: new Metadata() });
      });
    },
    cancelWithStatus: () => undefined,
    getPeer: () => 'none',
    getAuthContext: () => null,
    sendMessageWithContext: () => undefined,
    sendMessage: () => undefined,
    startRead: () => undefined,
    halfClose: () => undefined,
  });

/**
 * On a connection that was closed gRPC throws. The SDK tries a failed call again by a timer, and what is thrown there ends the
 * process: so a call on a closed connection ends as cancelled.
 */
const endsWithConnection: Interceptor = (options, nextCall) => {
  try {
    return new InterceptingCall(nextCall(options));
  } catch (error) {
    if (!isShutDown(error)) throw error;
    return endedCall(error.message);
  }
};

/** What each call to Temporal goes through: tried again as the SDK does by itself, until its connection is closed. */
export const temporalCalls = (retries: GrpcRetryOptions = defaultGrpcRetryOptions()): Interceptor[] => [makeGrpcRetryInterceptor(retries), endsWithConnection];
