import type { Check } from './check.js';

/** What was asked to be deleted is really gone, and what belongs to a tenant itself goes only with a tenant that is erased. */
export const dataIsGone: Check = async ({ house, load, deletions }) => {
  const completed = new Set(deletions.filter(({ status }) => status === 'COMPLETED').map(({ requestId }) => requestId));
  const findings: string[] = [];
  const gone = new Set(load.requests.filter(({ requestId }) => completed.has(requestId)).map(({ subject }) => subject));
  await Promise.all(load.users.filter((user) => gone.has(`user ${user}`)).map(async (user) => {
    const left = await house.data.ofUser(user);
    if (left.length > 0) findings.push(`left of user ${user}: ${left.join(', ')}`);
  }));
  await Promise.all(load.tenants.map(async ({ tenantId, fate, services }) => {
    for (const service of services.filter((one) => gone.has(`service ${tenantId}/${one}`))) {
      const left = await house.data.ofService(tenantId, service);
      if (left.length > 0) findings.push(`left of ${tenantId}/${service}: ${left.join(', ')}`);
    }
    const own = (await house.data.ofTenant(tenantId)).filter((one) => one.startsWith('tenant_settings') || one.endsWith('/logo.svg'));
    if (own.length !== (fate === 'erased' ? 0 : 2)) findings.push(`${tenantId} (${fate}) has of its own: ${own.join(', ') || 'nothing'}`);
  }));
  return findings;
};
