import { isGrpcServiceError } from '@temporalio/client';

/** What Temporal answered a call with, in gRPC's terms; the client wraps it in errors of its own. @returns undefined for any other error */
export function grpcErrorOf(error: unknown): (Error & { readonly code: number }) | undefined {
  if (isGrpcServiceError(error)) return error;
  return error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : undefined;
}
