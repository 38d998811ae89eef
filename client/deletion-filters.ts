import { Option } from 'commander';
import type { DeletionListQuery } from '../contracts/api/lists.js';
import { DELETION_KINDS, DELETION_STATUSES } from '../contracts/names/index.js';
import type { Query } from './api-call.js';
import { timeOption, wordOption } from './arguments.rules.js';

/** An option of `expunge list`, and the parameter of `GET /api/v1/deletions` that it sets. */
export interface DeletionFilter {
  readonly parameter: keyof DeletionListQuery;
  readonly option: Option;
  /** What is sent when the option has no value of its own. */
  readonly sends?: string;
}

/** All filters of the list. */
export const deletionFilters = (): readonly DeletionFilter[] => [
  { parameter: 'parked', option: new Option('--parked', 'only those that wait for someone: FAILED or TIMEOUT'), sends: 'true' },
  { parameter: 'parked', option: new Option('--not-parked', 'only those that do not').conflicts('parked'), sends: 'false' },
  { parameter: 'overdue', option: new Option('--overdue', 'only those past their due date and not ended; the longest overdue come first'), sends: 'true' },
  { parameter: 'overdue', option: new Option('--not-overdue', 'only those that are not').conflicts('overdue'), sends: 'false' },
  { parameter: 'status', option: wordOption('--status <status...>', 'in any of these statuses', DELETION_STATUSES) },
  { parameter: 'kind', option: wordOption('--kind <kind...>', 'of any of these kinds', DELETION_KINDS) },
  { parameter: 'tenantId', option: new Option('--tenant <tenantId>', 'of a tenant: its services’ deletions and its own') },
  { parameter: 'serviceType', option: new Option('--service-type <type>', 'of services of a type') },
  { parameter: 'serviceInstanceId', option: new Option('--instance <instanceId>', 'of a service instance') },
  { parameter: 'userId', option: new Option('--user <userId>', 'of a user') },
  { parameter: 'subjectRef', option: new Option('--subject <subjectRef>', 'of a user by subjectRef, as in logs and alerts') },
  { parameter: 'traceId', option: new Option('--trace <traceId>', 'of a trace') },
  { parameter: 'since', option: timeOption('--since <time>', 'received at or after') },
  { parameter: 'until', option: timeOption('--until <time>', 'received before') },
];

/** The query that options of `expunge list` mean. */
export function deletionQuery(options: Readonly<Record<string, unknown>>): Query {
  return Object.fromEntries(deletionFilters().flatMap(({ parameter, option, sends }) => {
    const value = options[option.attributeName()];
    return value === undefined ? [] : [[parameter, sends ?? (value as string | readonly string[])]];
  }));
}
