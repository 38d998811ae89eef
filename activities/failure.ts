import { ApplicationFailure } from '@temporalio/common';
import { ContentRefused } from '../store/database.js';

/**
 * The one place where an activity's error becomes an ApplicationFailure. Content that PostgreSQL refuses is a defect of
 * ours that no retry mends; everything else is an outage and is retried until it is over. Neither message nor stack may
 * hold data of a request: Temporal keeps both, so only the error's class and SQLSTATE go on.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof ContentRefused) {
    return ApplicationFailure.create({ type: 'ContentRefused', nonRetryable: true, message: `PostgreSQL refused what was to be written (SQLSTATE ${error.sqlState})` });
  }
  const { name, code } = error as { name?: unknown; code?: unknown };
  const type = typeof name === 'string' ? name : 'UnknownError';
  return ApplicationFailure.create({ type, message: typeof code === 'string' ? `${type} ${code}` : type });
}
