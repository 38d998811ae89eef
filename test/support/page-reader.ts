import { mkdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';

const screenshots = fileURLToPath(new URL('../../.artifacts/screenshots/', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface ReaderOptions {
  readonly browser: Browser;
  /** The status page's address. */
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
  readonly colourScheme?: 'light' | 'dark';
}

/** A person with a browser at the status page. */
export interface Reader {
  readonly page: Page;
  /** Faults that the page or its policy (CSP) reported. */
  readonly faults: readonly string[];
  /** Opens the view that the address behind the # names, and waits until it is shown. */
  open(hash: string): Promise<void>;
  /** Waits until a view is shown whole. */
  settled(): Promise<void>;
  signIn(token: string): Promise<void>;
  shot(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a browser of its own for somebody, without anything that another left. */
export async function openReader({ browser, url, width = 1280, height = 900, colourScheme = 'light' }: ReaderOptions): Promise<Reader> {
  // axe-core is put into the page past its policy; that the policy holds is tested without.
  const context: BrowserContext = await browser.newContext({ viewport: { width, height }, colorScheme: colourScheme, locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // What the API refuses, the browser notes as well.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text());
  });
  const settled = async (): Promise<void> => {
    await page.waitForSelector('main:not([aria-busy]) h1');
  };
  return {
    page, faults, settled,
    open: async (hash) => {
      if (page.url() === 'about:blank') await page.goto(`${url}${hash}`);
      else {
        // The same address again changes nothing.
        await page.evaluate(`if (location.hash !== ${JSON.stringify(hash)}) document.querySelector('main').setAttribute('aria-busy', 'true'); location.hash = ${JSON.stringify(hash)};`);
      }
      await settled();
    },
    signIn: async (token) => {
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
    },
    shot: async (name) => {
      await mkdir(screenshots, { recursive: true });
      await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
    },
    close: () => context.close(),
  };
}

interface AxeFound {
  readonly violations: readonly { readonly id: string; readonly help: string; readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[] }[];
  readonly passes: readonly unknown[];
}

/** Looks for what keeps people out, by axe-core: WCAG 2.2 A and AA, and what it holds for good practice. */
export async function expectAccessible({ page }: Reader, view: string): Promise<void> {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate<AxeFound>('axe.run(document, { resultTypes: ["violations", "passes"] })');
  expect(violations.map(({ id, help, nodes }) => ({ view, id, help, nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ''}`) }))).toEqual([]);
  expect(passes.length).toBeGreaterThan(15);
}

/** The page itself must not be wider than the screen; regions may scroll in themselves. */
export async function expectNoSidewaysScroll({ page }: Reader, view: string): Promise<void> {
  const [wide, screen] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, document.documentElement.clientWidth]');
  expect({ view, wide }).toEqual({ view, wide: screen });
}
