import { ApplicationFailure } from '@temporalio/common';
import { ContentRefused } from '../store/database.js';

/**
 * The one place where an activity's error becomes an ApplicationFailure, always retryable: an outage ends, and a defect of
 * ours is mended by a new version, while a deletion that gave up would be lost. Neither message nor stack may hold data of
 * a request, because Temporal keeps both: only the error's class and code go on.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof ContentRefused) {
    return ApplicationFailure.create({ type: error.name, message: `PostgreSQL refused what was to be written (SQLSTATE ${error.sqlState})` });
  }
  const { name, code } = error as { name?: unknown; code?: unknown };
  const type = typeof name === 'string' ? name : 'UnknownError';
  return ApplicationFailure.create({ type, message: typeof code === 'string' ? `${type} ${code}` : type });
}
