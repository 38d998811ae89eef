import { chromium, type Browser } from 'playwright-core';
import { findChromium } from '../../stack/fetch/chromium.js';

/** A real Chromium without a window. @throws MissingToolError with what to install when there is none */
export async function openBrowser(): Promise<Browser> {
  const { executablePath, env } = await findChromium({ env: process.env, onFetching: () => {
    console.log('Chromium: fetching its packages');
  } });
  const inherited = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return chromium.launch({ executablePath, env: { ...inherited, ...env } });
}
