import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { openTokenIssuer, type TokenClaims, type TokenIssuer } from '../../stack/tokens.js';
import { openBrowser } from '../support/browser.js';
import { openHouse, type House } from '../support/house.js';
import { createHouseRoles, freePort } from '../support/house-roles.js';
import { fresh, provision, serviceRequest, userRequest, whenStatus } from '../support/house-scenes.js';
import { expectAccessible, expectNoSidewaysScroll, openReader, type Reader, type ReaderOptions } from '../support/page-reader.js';
import { waitFor } from '../support/wait-for.js';

let house: House;
let browser: Browser;
let issuer: TokenIssuer;
let url: string;
const readers: Reader[] = [];

beforeAll(async () => {
  [house, browser, issuer] = await Promise.all([openHouse({ env: { SOFT_DELETE_GRACE: '1h' } }), openBrowser(), openTokenIssuer(inject('stackDir'))]);
  url = `${house.env['EXPUNGE_API_URL'] ?? ''}/ui/`;
});
afterEach(async () => {
  const faults = readers.flatMap((reader) => reader.faults);
  for (const reader of readers.splice(0)) await reader.close();
  await house.airflow.turn('reset', { runs: true });
  expect(faults).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await house.close();
});

async function someone(options: Partial<ReaderOptions> = {}): Promise<Reader> {
  const reader = await openReader({ browser, url, ...options });
  readers.push(reader);
  return reader;
}
const token = (role: TokenClaims['role'], more: Partial<TokenClaims> = {}) => issuer.issue({ subject: 'ann', role, expiresInMs: 3_600_000, ...more });
/** Somebody who has signed in, at a view. */
async function signedIn(hash: string, role: TokenClaims['role'] = 'operator', options: Partial<ReaderOptions> = {}, claims: Partial<TokenClaims> = {}): Promise<Reader> {
  const reader = await someone(options);
  await reader.open(hash);
  await reader.signIn(await token(role, claims));
  await reader.page.getByRole('button', { name: 'Sign out' }).waitFor();
  await reader.settled();
  return reader;
}
const hashOf = (requestId: string): string => `#/deletions/${encodeURIComponent(requestId)}`;

const SAID = 'AccessDenied: bucket b-7 <img src=x onerror="document.title=\'hacked\'"> refuses DeleteObject';

/** A service's deletion that was parked, because Airflow's run failed as long as nobody mends the cause. */
async function parkedService(more: { readonly tenantId?: string } = {}): Promise<{ tenantId: string; requestId: string }> {
  const { tenantId = fresh('tenant') } = more;
  await provision(house, tenantId, { 'srv-store-1': [], 'srv-mail-1': [] });
  await house.airflow.turn('fail', { subject: tenantId, times: 1_000, error: SAID });
  const request = serviceRequest({ tenantId, serviceInstanceId: 'srv-store-1', gdprMode: true });
  await house.send(request);
  await whenStatus(house, request.requestId, 'FAILED');
  return { tenantId, requestId: request.requestId };
}

/** A user's deletion that is completed and verified. */
async function completedUser(): Promise<{ userId: string; requestId: string }> {
  const request = userRequest(fresh('user'));
  await house.data.addUser(request.key);
  await house.send(request);
  await whenStatus(house, request.requestId, 'COMPLETED');
  return { userId: request.key, requestId: request.requestId };
}

/** A tenant with services that depend on each other in three layers. */
async function tenantWithLayers(): Promise<string> {
  const tenantId = fresh('tenant');
  await provision(house, tenantId, { 'web-shop': ['orders', 'search'], 'admin-console': ['orders'], orders: ['database-main'], search: ['database-main', 'object-store'], 'database-main': [], 'object-store': [], mail: [] },
    (name) => (name.startsWith('database') ? 'database' : name.includes('store') ? 'cloud-storage' : 'app'));
  return tenantId;
}

test('a newcomer finds a parked deletion, sees why, has the cause mended, retries it and sees it complete', async () => {
  const { requestId } = await parkedService();
  const reader = await signedIn('#/');
  const { page } = reader;
  await page.getByRole('heading', { name: 'Parked', exact: true }).waitFor();
  await reader.shot('overview');
  const row = page.getByRole('table', { name: 'Parked' }).getByRole('row').filter({ hasText: requestId });
  await row.getByRole('link').click();

  await page.getByRole('heading', { level: 2, name: /^Why it is parked: the clean-up failed in Airflow/ }).waitFor();
  expect(await page.evaluate('document.activeElement?.tagName')).toBe('H1');
  expect(await page.getByText('What to do:').isVisible()).toBe(true);
  // What an eraser said is text, whatever it holds.
  expect(await page.locator('pre').first().textContent()).toBe(SAID);
  expect([await page.locator('img[src="x"]').count(), await page.title()]).toEqual([0, expect.stringContaining('srv-store-1')]);
  await reader.shot('deletion-parked');

  await house.airflow.turn('reset'); // the cause is mended
  await page.getByRole('button', { name: 'Retry …' }).click();
  const dialog = page.getByRole('dialog', { name: 'Retry this deletion?' });
  expect(await dialog.textContent()).toContain(requestId);
  await dialog.getByLabel('Reason').fill('bucket policy mended');
  await reader.shot('dialog-retry');
  await dialog.getByRole('button', { name: /^Retry deletion of service srv-store-1 \(cloud-storage\) of / }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('status').filter({ hasText: /^(Retried|Now)/ }).waitFor();

  // Nobody reloads the page.
  await page.locator('.pill', { hasText: 'Completed' }).first().waitFor();
  const history = page.getByRole('region', { name: 'History' });
  expect(await history.getByText('By ann, because: bucket policy mended').count()).toBe(1);
  expect(await history.getByRole('listitem').count()).toBeGreaterThan(5);
  expect(await page.getByRole('group', { name: 'What you can do' }).count()).toBe(0);
  await reader.shot('deletion-completed');
  const { body } = await house.api(`/api/v1/deletions/${requestId}`);
  expect(body).toMatchObject({ status: 'COMPLETED', attempt: 2 });
});

describe('acts', () => {
  test('hold, release and cancel a deletion, each named and confirmed; cancel takes no empty reason', async () => {
    const { requestId } = await parkedService();
    const { page } = await signedIn(hashOf(requestId));
    const act = async (name: string, confirm: RegExp, reason: string) => {
      await page.getByRole('button', { name: `${name} …` }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Reason').fill(reason);
      await dialog.getByRole('button', { name: confirm }).click();
      await dialog.waitFor({ state: 'detached' });
    };
    await act('Hold', /^Hold deletion of/, 'wait for legal');
    await page.getByRole('button', { name: 'Release …' }).waitFor();
    await act('Release', /^Release deletion of/, '');
    await page.getByRole('button', { name: 'Hold …' }).waitFor();

    await page.getByRole('button', { name: 'Cancel …' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel this deletion?' });
    await dialog.getByRole('button', { name: /^Cancel deletion of/ }).click();
    expect(await dialog.getByRole('alert').textContent()).toContain('Say why');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement?.id')).toBe('act-cancel');
    await act('Cancel', /^Cancel deletion of/, 'the tenant stays');
    await page.locator('.pill', { hasText: 'Cancelled' }).first().waitFor();
    await whenStatus(house, requestId, 'CANCELLED');
  });

  test('that do not fit any more are refused in the words of the API, and the dialog stays', async () => {
    const { requestId } = await parkedService();
    const { page } = await signedIn(hashOf(requestId));
    await page.getByRole('button', { name: 'Retry …' }).click();
    expect(await house.cli('cancel', requestId, '--reason', 'another was faster')).toMatchObject({ code: 0 });
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^Retry deletion/ }).click();
    await waitFor('the refusal is shown', async () => (await dialog.getByRole('alert').textContent())?.includes('it has ended as CANCELLED') === true);
    await dialog.getByRole('button', { name: 'Go back' }).click();
    await page.locator('.pill', { hasText: 'Cancelled' }).first().waitFor();
  });

  test('are not offered to a viewer, who sees all the rest', async () => {
    const { requestId } = await parkedService();
    const { page } = await signedIn(hashOf(requestId), 'viewer');
    await page.getByRole('heading', { name: /^Why it is parked/ }).waitFor();
    expect(await page.getByRole('button', { name: /…$/ }).count()).toBe(0);
    expect(await page.locator('#who').textContent()).toContain('ann, viewer');
  });

  test('are done by the keyboard alone', async () => {
    const { requestId } = await parkedService();
    const { page } = await signedIn('#/');
    await page.keyboard.press('Tab');
    const focusOn = async (wanted: (text: string) => boolean, most = 80): Promise<void> => {
      for (let presses = 0; presses < most; presses++) {
        if (wanted(String(await page.evaluate('document.activeElement?.textContent || document.activeElement?.id')).trim())) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`not reached by ${most} tabs`);
    };
    await page.locator('#search-text').focus();
    await page.keyboard.type(requestId);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /^Why it is parked/ }).waitFor();
    await focusOn((text) => text === 'Cancel …');
    await page.keyboard.press('Enter');
    await page.keyboard.type('by keyboard');
    await focusOn((text) => text.startsWith('Cancel deletion of'), 5);
    await page.keyboard.press('Enter');
    await whenStatus(house, requestId, 'CANCELLED');
  });
});

describe('signing in', () => {
  test('refuses a token that is wrong and says why; an expired one is asked for again, and the reader is where they were', async () => {
    const { requestId } = await parkedService();
    const reader = await someone();
    const { page } = reader;
    await reader.open(hashOf(requestId));
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await reader.shot('sign-in');
    await reader.signIn('not.a.token');
    await waitFor('it is refused', async () => (await page.getByRole('alert').textContent()) !== '');
    await reader.signIn(await token('operator', { audience: 'another' }));
    await page.getByRole('alert').filter({ hasText: 'another audience' }).waitFor();
    await reader.signIn(await token(undefined));
    await page.getByRole('alert').filter({ hasText: 'This takes the role viewer' }).waitFor();

    // Good for long enough to read, and to begin a reason; clocks may differ by 5 s.
    await reader.signIn(await token('operator', { expiresInMs: 1_000 }));
    await page.getByRole('button', { name: 'Retry …' }).click();
    await page.getByLabel('Reason').fill('a long story');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByRole('alert').filter({ hasText: 'The token has expired.' }).waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    await reader.signIn(await token('operator'));
    await page.getByRole('heading', { name: /^Deletion of service srv-store-1/ }).waitFor();
    expect(page.url()).toContain(requestId);

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.evaluate('[sessionStorage.length, localStorage.length, document.cookie]')).toEqual([0, 0, '']);
    expect(await page.getByRole('navigation').count()).toBe(0);
  });

  test('is forgotten with the tab, and survives a reload', async () => {
    const { page } = await signedIn('#/tenants');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Tenants' }).waitFor();
    const other = await page.context().newPage();
    await other.goto(url);
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('of a fenced token shows its tenants only', async () => {
    const [{ tenantId, requestId }, theirs, { userId }] = [await parkedService(), await parkedService(), await completedUser()];
    const reader = await signedIn('#/', 'viewer', {}, { tenants: [tenantId] });
    const { page } = reader;
    expect(await page.getByRole('table', { name: 'Deletions' }).textContent()).toContain(requestId);
    expect(await page.locator('body').textContent()).not.toContain(theirs.requestId);
    await reader.open(hashOf(theirs.requestId));
    await page.getByRole('heading', { name: 'No such request' }).waitFor();
    await reader.open(`#/search?q=${userId}`);
    await page.getByText('Nothing goes by this').waitFor();
    await reader.open(`#/search?q=srv-store-1`);
    await page.getByRole('heading', { name: /Deletion of service srv-store-1/ }).waitFor(); // the only hit
  });
});

test('without authentication nobody is asked who they are, and whoever sits at this machine may act', async () => {
  const { requestId } = await parkedService();
  const port = String(await freePort());
  const env = { ...Object.fromEntries(Object.entries(house.env).filter(([name]) => !name.startsWith('API_JWKS') && !name.startsWith('API_JWT'))), API_PORT: port };
  const roles = await createHouseRoles(env, [{ name: 'api-for-anyone', roles: ['api'] }], inject('stackDir'));
  try {
    await roles.start();
    const reader = await someone({ url: `http://127.0.0.1:${port}/ui/` });
    await reader.open(hashOf(requestId));
    await reader.page.getByRole('button', { name: 'Retry …' }).waitFor();
    expect(await reader.page.locator('#who').textContent()).toBe('No sign-in on this machine');
    await reader.shot('deletion-without-authentication');
  } finally {
    await roles.close();
  }
});

describe('searching', () => {
  test('finds by request, job, user, subject, service instance, tenant and trace', async () => {
    const [{ tenantId, requestId }, user] = [await parkedService(), await completedUser()];
    const reader = await signedIn('#/');
    const { page } = reader;
    const search = async (text: string) => {
      await page.getByRole('searchbox').fill(text);
      await page.getByRole('button', { name: 'Search' }).click();
    };
    const opens = async (text: string, heading: RegExp) => {
      await reader.open('#/tenants');
      await search(text);
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    };
    const [row] = await house.ledger.rows<{ subjectRef: string }>('SELECT subject_ref FROM deletions WHERE request_id = $1', [user.requestId]);
    await opens(requestId, /Deletion of service srv-store-1/);
    await opens(`del_req_${requestId}`, /Deletion of service srv-store-1/);
    await opens(user.userId, new RegExp(`Deletion of user ${user.userId}`));
    await opens(row?.subjectRef ?? '', new RegExp(`Deletion of user ${user.userId}`));
    await opens(requestId.replace(/_srv-store-1$/, ''), /Deletion of service srv-store-1/); // its trace
    await opens(tenantId, new RegExp(`Tenant ${tenantId}`));
    await search('srv-store-1');
    await page.getByRole('table', { name: 'By service instance' }).getByText(requestId).waitFor();
    await search('no-such-thing');
    await page.getByText('Nothing goes by this').waitFor();
    await search('<b>no id</b>');
    await page.getByRole('heading', { level: 1, name: 'Found for <b>no id</b>' }).waitFor();
  });

  test('filters the list; the address names the filters, and pages follow each other', async () => {
    const { tenantId, requestId } = await parkedService();
    const reader = await signedIn('#/');
    const { page } = reader;
    await page.locator('.filters summary').click();
    await page.getByLabel('Failed').check();
    await page.getByLabel('Tenant', { exact: true }).last().fill(tenantId);
    await page.getByRole('button', { name: 'Apply filters' }).click();
    await page.waitForURL((address) => address.hash.includes('status=FAILED') && address.hash.includes(`tenantId=${tenantId}`));
    await reader.settled();
    await waitFor('one row is left', async () => (await page.getByRole('table').getByRole('row').count()) === 2);
    expect(await page.getByRole('table').textContent()).toContain(requestId);
    await reader.shot('list-filtered');
    await reader.open('#/deletions?status=COMPLETED&tenantId=a%20b');
    await page.getByRole('alert').filter({ hasText: 'querystring.tenantId' }).waitFor();

    const many = Array.from({ length: 27 }, () => serviceRequest({ tenantId, serviceInstanceId: fresh('unknown'), serviceType: 'quantum-cache' }));
    await house.send(...many);
    for (const { requestId: one } of many) await whenStatus(house, one, 'FAILED');
    await reader.open(`#/deletions?tenantId=${tenantId}&status=FAILED`);
    const rows = () => page.getByRole('table').getByRole('row').count();
    expect(await rows()).toBe(26);
    await page.getByRole('link', { name: 'Next page' }).click();
    await waitFor('the rest is shown', async () => (await rows()) === 4);
    await page.goBack();
    await waitFor('the first page is back', async () => (await rows()) === 26);
  });
});

test('a tenant is shown with its services, as a picture and as a table', async () => {
  const tenantId = await tenantWithLayers();
  const request = serviceRequest({ tenantId, serviceInstanceId: 'database-main', serviceType: 'database' });
  await house.send(request);
  await whenStatus(house, request.requestId, 'FAILED');
  const reader = await signedIn(`#/tenants/${tenantId}`);
  const { page } = reader;
  const picture = page.getByRole('img', { name: /^7 services\. / });
  expect(await picture.getAttribute('aria-label')).toContain('orders depends on database-main');
  expect(await picture.locator('.box').count()).toBe(7);
  expect(await picture.locator('.edge').count()).toBe(6);
  const row = page.getByRole('table', { name: 'Services' }).getByRole('row').filter({ has: page.getByRole('cell', { name: 'database-main', exact: true }) }).filter({ hasText: request.requestId });
  expect(await row.textContent()).toContain('orders, search');
  await reader.shot('tenant');
  await row.getByRole('link', { name: request.requestId }).click();
  await page.getByRole('heading', { name: 'Why it is parked: other services depend on it' }).waitFor();
  await reader.shot('deletion-blocked');
});

test('it says what it cannot read, and goes on when the API is back', async () => {
  const { requestId } = await parkedService();
  const { page } = await signedIn(hashOf(requestId));
  await page.route('**/api/v1/**', (route) => route.abort());
  await page.getByText('What is shown may be old').waitFor();
  await page.unroute('**/api/v1/**');
  await page.getByText('What is shown may be old').waitFor({ state: 'hidden' });
  expect(await page.getByRole('heading', { name: /^Why it is parked/ }).isVisible()).toBe(true);
});

describe('everyone can use it', () => {
  const VIEWS = ['light', 'dark'].flatMap((colourScheme) => [360, 1280].map((width) => ({ colourScheme: colourScheme as 'light' | 'dark', width })));
  let hashes: Record<string, string>;
  beforeAll(async () => {
    const [parked, user, tenantId] = [await parkedService(), await completedUser(), await tenantWithLayers()];
    hashes = {
      overview: '#/', filtered: '#/deletions?parked=true', parked: hashOf(parked.requestId), user: hashOf(user.requestId), tenants: '#/tenants', tenant: `#/tenants/${tenantId}`,
      search: '#/search?q=srv-store-1', nothing: '#/deletions/no-such-request', unknown: '#/what/is/this',
    };
  });

  test.each(VIEWS)('in $colourScheme, $width px wide: axe finds nothing, nothing scrolls sideways', async ({ colourScheme, width }) => {
    const reader = await someone({ colourScheme, width, height: 780 });
    await reader.open('#/');
    await expectAccessible(reader, 'sign-in');
    await expectNoSidewaysScroll(reader, 'sign-in');
    await reader.signIn(await token('operator'));
    await reader.page.getByRole('button', { name: 'Sign out' }).waitFor();
    for (const [view, hash] of Object.entries(hashes)) {
      await reader.open(hash);
      await expectAccessible(reader, view);
      await expectNoSidewaysScroll(reader, view);
      await reader.shot(`${view}-${colourScheme}-${width}`);
    }
    await reader.open(hashes['parked'] ?? '');
    await reader.page.getByRole('button', { name: 'Cancel …' }).click();
    await expectAccessible(reader, 'dialog');
    await expectNoSidewaysScroll(reader, 'dialog');
    await reader.shot(`dialog-${colourScheme}-${width}`);
    await reader.page.keyboard.press('Escape');
  });
});
