import type { ServiceList } from '../contracts/api/tenants.js';
import { toneOf } from './paint.rules.js';
import { shownTime, tableOf, type Screen } from './table.rules.js';

/** Services of a tenant, what depends on what, and the deletion of each. */
export const serviceTable = (services: readonly ServiceList['items'][number][], screen: Screen): string => tableOf(
  ['instance', 'type', 'status', { name: 'depends on', mayGo: true }, { name: 'deletion', mayGo: true }, { name: 'since', mayGo: true }],
  services.map(({ serviceInstanceId, serviceType, status, dependsOn, provisionedAt, deletion }) => [
    serviceInstanceId, serviceType, { text: status, tone: status === 'ACTIVE' ? 'good' : 'quiet' }, dependsOn.join(', '),
    deletion ? { text: `${deletion.status} ${deletion.requestId}`, tone: toneOf(deletion.status) } : '', shownTime(provisionedAt),
  ]),
  screen,
);
