import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { patience } from '../eventually.js';
import type { Scope } from '../scope.js';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);

/** Debian's Chromium, without a window; it ends with the scope. Throws if it is not installed. */
export async function startBrowser(scope: Scope): Promise<Browser> {
  assert.ok(executablePath !== undefined, 'there is no Chromium; install the package chromium');
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  const browser = await chromium.launch({ executablePath, args });
  scope.after(() => browser.close());
  return browser;
}

/** A page in its own profile, and its errors. */
export interface OpenedPage {
  readonly page: Page;
  /** Errors of scripts, and violations of the page's policy. */
  readonly problems: string[];
  /** URLs of all requests, WebSockets too. */
  readonly requested: string[];
  /** Goes to a fragment of the explorer. */
  go(fragment: string): Promise<void>;
}

/** The row of an object in a list. */
export function rowOf(page: Page, name: string): Locator {
  return page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
}

/** A text of an alert of the page. */
export function alertOf(page: Page, text: RegExp | string): Locator {
  return page.getByRole('alert').getByText(text);
}

/** Presses Tab until this element has the focus. */
export async function tabTo(page: Page, element: Locator): Promise<void> {
  for (let presses = 0; presses < 100; presses++) {
    if (await element.evaluate(it => it === it.ownerDocument.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${element} is not reached by keyboard`);
}

/** Opens a page for an explorer at this URL of the proxy, at a fragment; without one, nothing is loaded yet. */
export async function openPage(
  scope: Scope,
  browser: Browser,
  base: string,
  fragment?: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({
    ...{ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true },
    ...options,
  });
  scope.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const problems: string[] = [];
  const requested: string[] = [];
  page.on('pageerror', error => problems.push(error.message));
  page.on('console', message => {
    if (message.type() === 'error' && /Content Security Policy|TrustedHTML/i.test(message.text()))
      problems.push(message.text());
  });
  page.on('request', request => requested.push(request.url()));
  page.on('websocket', socket => requested.push(socket.url()));
  const go = async (to: string) => {
    await page.goto(`${base}/-/ui/#${to}`);
  };
  if (fragment !== undefined) await go(fragment);
  return { page, problems, requested, go };
}
