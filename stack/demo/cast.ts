/** How much of a subject there is to erase. */
export interface Holding {
  readonly rows: number;
  readonly files: number;
}

export interface CastUser extends Holding {
  readonly userId: string;
}

export interface CastService extends Holding {
  readonly instanceId: string;
  readonly type: 'cloud-storage' | 'database' | 'app' | 'email' | 'hadoop-cluster';
  readonly dependsOn?: readonly string[];
}

export interface CastTenant {
  readonly tenantId: string;
  readonly services: readonly CastService[];
  /** What the tenant has besides its services. */
  readonly account: Holding;
}

/** Who owns data, as it is shown and counted: one name for each user, service instance and tenant account. */
export const userOwner = (userId: string): string => userId;
export const serviceOwner = (tenantId: string, instanceId: string): string => `${tenantId}/${instanceId}`;
export const tenantOwner = (tenantId: string): string => `tenant ${tenantId}`;

/** Users: two that are deleted, and others whose ids look alike, which must not lose anything. */
export const USERS: readonly CastUser[] = [
  { userId: 'user_888', rows: 41, files: 12 },
  { userId: 'user_777', rows: 18, files: 5 },
  { userId: 'user_88', rows: 9, files: 3 },
  { userId: 'user_8888', rows: 27, files: 8 },
];

/** Tenants; tenant-1 and tenant-123456 have an instance of the same name as the one that tenant-12345 gives up. */
export const TENANTS: readonly CastTenant[] = [
  {
    tenantId: 'tenant-12345',
    account: { rows: 3, files: 2 },
    services: [
      { instanceId: 'srv-abc-001', type: 'cloud-storage', rows: 60, files: 25 },
      { instanceId: 'srv-abc-002', type: 'email', rows: 14, files: 4 },
    ],
  },
  { tenantId: 'tenant-1', account: { rows: 2, files: 1 }, services: [{ instanceId: 'srv-abc-001', type: 'cloud-storage', rows: 11, files: 6 }] },
  { tenantId: 'tenant-123456', account: { rows: 2, files: 1 }, services: [{ instanceId: 'srv-abc-001', type: 'cloud-storage', rows: 13, files: 7 }] },
  {
    tenantId: 'acme',
    account: { rows: 5, files: 2 },
    services: [
      { instanceId: 'shop-app', type: 'app', rows: 30, files: 10, dependsOn: ['shop-db'] },
      { instanceId: 'shop-db', type: 'database', rows: 250, files: 3 },
      { instanceId: 'shop-mail', type: 'email', rows: 22, files: 9 },
      { instanceId: 'shop-files', type: 'cloud-storage', rows: 35, files: 40 },
      { instanceId: 'shop-logs', type: 'hadoop-cluster', rows: 6, files: 30 },
    ],
  },
  {
    tenantId: 'globex',
    account: { rows: 4, files: 3 },
    services: [
      { instanceId: 'crm-app', type: 'app', rows: 21, files: 6, dependsOn: ['crm-db'] },
      { instanceId: 'crm-db', type: 'database', rows: 120, files: 2 },
      { instanceId: 'crm-files', type: 'cloud-storage', rows: 16, files: 33 },
    ],
  },
  { tenantId: 'globex-eu', account: { rows: 4, files: 2 }, services: [{ instanceId: 'crm-files', type: 'cloud-storage', rows: 8, files: 11 }] },
];
