import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { assertAccessible } from '../../../support/browser/axe.js';
import { openPage, startBrowser, tabTo } from '../../../support/browser/page.js';
import { until } from '../../../support/eventually.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const { server, proxy } = await startStack(scope, { run: startProxyFor, flags: ['--reject-paths='] });
const browser = await startBrowser(scope);
const namespace = 'default';
const pods = `/api/v1/namespaces/${namespace}/pods`;
const windows = {
  'wide and light': { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  'narrow and dark': { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
} as const;

/** Writes a Pod with these containers. */
function writePod(name: string, containers: readonly string[], status: object = {}): void {
  const metadata = { name, namespace, uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z' };
  const spec = { containers: containers.map(container => ({ name: container, image: 'x' })) };
  server.write({ apiVersion: 'v1', kind: 'Pod', metadata, spec, status });
}

function append(pod: string, texts: readonly string[]): void {
  for (const text of texts) server.appendLog(namespace, pod, text);
}

function numbered(text: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${text} ${at} of many`);
}

/** Pixels between what is in view and the end. */
function fromEnd(log: Locator): Promise<number> {
  return log.evaluate(element => element.scrollHeight - element.scrollTop - element.clientHeight);
}

/** The first line in view. */
function firstInView(log: Locator): Promise<string> {
  return log.evaluate(element => {
    const { top } = element.getBoundingClientRect();
    const lines = [...element.querySelectorAll('.line')];
    return lines.find(line => line.getBoundingClientRect().bottom > top + 1)?.textContent ?? '';
  });
}

/** Waits until the log does not move any more: a key scrolls over several frames. */
async function isStill(page: Page): Promise<void> {
  let before = -1;
  await until(async () => {
    const after = await page.evaluate<number>(`new Promise(resolve => {
      const frames = left => left > 0
        ? requestAnimationFrame(() => frames(left - 1))
        : resolve(document.querySelector('.log').scrollTop);
      frames(5);
    })`);
    const isSame = after === before;
    before = after;
    return isSame;
  });
}

it('a Pod’s log is that of the chosen container, and stays at its end until the reader scrolls up', async t => {
  writePod('chosen', ['app', 'sidecar']);
  const { page } = await openPage(t, browser, proxy.url, `${pods}/chosen`);
  await page.getByRole('link', { name: 'Log', exact: true }).click();
  await page.getByRole('region', { name: 'Log of app' }).getByText('log line 4').waitFor();
  append('chosen', numbered('line', 200));
  await page.getByLabel('Container').selectOption('sidecar');
  const log = page.getByRole('region', { name: 'Log of sidecar' });
  await log.getByText('line 199 of many').waitFor();
  assert.ok(server.requests.some(({ rawUrl }) => rawUrl.includes('container=sidecar')));
  await until(async () => (await fromEnd(log)) < 5);
  append('chosen', ['one more']);
  await log.getByText('one more').waitFor();
  await until(async () => (await fromEnd(log)) < 5);
  await log.evaluate(element => element.scrollTo(0, 0));
  await until(async () => (await fromEnd(log)) > 100);
  append('chosen', ['and another']);
  await page.getByText('207 lines').waitFor();
  assert.equal(await log.evaluate(element => element.scrollTop), 0);
});

it('a log is found in, wrapped, saved as it is shown, and that of the container before the last restart is offered', async t => {
  const status = { containerStatuses: [{ name: 'app', restartCount: 2, state: { running: {} } }] };
  writePod('restarted', ['app'], status);
  const long = 'x'.repeat(20_000);
  append('restarted', ['ERROR one', 'fine', '<img src=x onerror=alert(1)> error two', long]);
  const { page, problems, requested } = await openPage(t, browser, proxy.url, `${pods}/restarted`);
  await page.getByRole('heading', { name: 'restarted' }).waitFor();
  const scripts = () => requested.filter(url => url.endsWith('.js')).length;
  const before = scripts();
  await page.getByRole('link', { name: 'Log', exact: true }).focus();
  await page.keyboard.press('Enter');
  const log = page.getByRole('region', { name: 'Log of app' });
  await log.getByText('error two').waitFor();
  assert.ok(scripts() > before, 'the code of the log comes when it is opened');
  await until(() => page.evaluate<boolean>("document.activeElement.tagName === 'H1'"));
  await page.getByLabel('Find in the log').fill('error ');
  await page.getByText('1 of 2').waitFor();
  assert.equal(await page.locator('.line.found').textContent(), 'ERROR one');
  await page.getByLabel('Find in the log').press('Enter');
  await page.getByText('2 of 2').waitFor();
  assert.match((await page.locator('.line.found').textContent()) ?? '', /^<img src=x .* error two$/);
  assert.equal(await page.locator('main img').count(), 0);
  const isWide = () => log.evaluate(element => element.scrollWidth > element.clientWidth);
  assert.equal(await isWide(), true);
  await page.getByLabel('Wrap').check();
  await until(async () => !(await isWide()));
  await assertAccessible(page);
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), 'restarted-app.log');
  const content = await readFile(await saved.path(), 'utf8');
  assert.match(content, /ERROR one\nfine\n<img src=x onerror=alert\(1\)> error two\nx{20000}\n$/);
  await page.getByLabel('Before its last restart').check();
  await page.waitForURL(/log\?container=app&previous=true$/);
  await page.locator('.request').getByText('previous=true').first().waitFor();
  assert.deepEqual(problems, []);
});

for (const [name, options] of Object.entries(windows)) {
  describe(`a log in a window that is ${name}, by keyboard alone`, () => {
    it('has a mark where the reader was when older lines were looked at, and a way to it and to the end', async t => {
      const pod = `marked-${options.colorScheme}`;
      writePod(pod, ['app']);
      append(pod, numbered('old', 300));
      const { page, problems } = await openPage(t, browser, proxy.url, `${pods}/${pod}/log`, options);
      const log = page.getByRole('region', { name: 'Log of app' });
      await log.getByText('old 299 of many').waitFor();
      const mark = page.locator('.log .mark');
      const toMark = page.getByRole('button', { name: /^To the mark/ });
      await tabTo(page, log);
      await page.keyboard.press('PageUp');
      await page.keyboard.press('PageUp');
      await until(async () => (await fromEnd(log)) > 300);
      await isStill(page);
      assert.equal(await toMark.count(), 0, 'there is nothing after it yet');
      const before = await firstInView(log);
      append(pod, numbered('new', 100));
      await toMark.getByText('To the mark (100 newer)').waitFor();
      assert.equal(await firstInView(log), before);
      await tabTo(page, toMark);
      await page.keyboard.press('Enter');
      await mark.getByText(/^You were here at .*\.$/).waitFor();
      assert.match((await mark.locator('..').textContent()) ?? '', /new 0 of many$/);
      await assertAccessible(page);
      await tabTo(page, page.getByRole('button', { name: 'End', exact: true }));
      await page.keyboard.press('Enter');
      await log.getByText('new 99 of many').waitFor();
      await until(async () => (await fromEnd(log)) < 5);
      append(pod, ['one more']);
      await log.getByText('one more').waitFor();
      await until(async () => (await fromEnd(log)) < 5);
      await tabTo(page, page.getByLabel('Times'));
      await page.keyboard.press('Space');
      await log.locator('time').first().waitFor();
      await assertAccessible(page);
      assert.deepEqual(problems, []);
    });

    it('keeps the line of the reader, and few lines in the document, when lines are wrapped, found, added and dropped', async t => {
      const pod = `long-${options.colorScheme}`;
      writePod(pod, ['app']);
      append(pod, numbered(`${'word '.repeat(60)}last`, 400));
      // As high as a screen can be.
      const viewport = { width: options.viewport.width, height: 6_000 };
      const { page, problems } = await openPage(t, browser, proxy.url, `${pods}/${pod}/log`, {
        ...options,
        viewport,
      });
      const log = page.getByRole('region', { name: 'Log of app' });
      await log.getByText('399 of many').waitFor();
      const wrap = page.getByLabel('Wrap');
      assert.equal(await wrap.isChecked(), options.viewport.width < 600);
      const rows = () => log.locator('.line').count();
      for (let count = 0; count < 2; count++) {
        assert.ok((await rows()) <= 200, `${await rows()} lines`);
        await tabTo(page, wrap);
        await page.keyboard.press('Space');
        await until(async () => (await fromEnd(log)) < 5);
        await log.getByText('399 of many').waitFor();
      }
      await page.setViewportSize(options.viewport);
      await tabTo(page, page.getByLabel('Find in the log'));
      await page.keyboard.type('LAST 200 of');
      await page.locator('.line.found').getByText('200 of many').waitFor();
      await tabTo(page, wrap);
      const before = await firstInView(log);
      await page.keyboard.press('Space');
      await until(async () => (await firstInView(log)) === before);
      // 100,000 lines are kept: of 405, the first five and then the others are dropped.
      // A thousand at a time, of which the first one has a time.
      for (let round = 0; round < 100; round++) append(pod, [numbered(`round ${round}`, 1_000).join('\n')]);
      await page.getByText('100,000 lines', { exact: true }).waitFor();
      await page
        .getByText('The oldest 405 lines were dropped: this page keeps 100,000 lines, or 32 MiB.')
        .waitFor();
      assert.equal(await page.getByText('not found').count(), 1);
      assert.match(await firstInView(log), /^round 0 /, 'the reader is at the oldest line');
      await tabTo(page, page.getByRole('button', { name: 'End', exact: true }));
      await page.keyboard.press('Enter');
      await log.getByText('round 99 999 of many').waitFor();
      assert.ok((await rows()) <= 200);
      await assertAccessible(page);
      assert.deepEqual(problems, []);
    });
  });
}

it('a log has marks where the window was hidden, where the connection was cut, and where the log began again', async t => {
  writePod('interrupted', ['app']);
  const { page } = await openPage(t, browser, proxy.url, `${pods}/interrupted/log`);
  const log = page.getByRole('region', { name: 'Log of app' });
  await log.getByText('log line 4').waitFor();
  const show = (state: string) =>
    page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
  await show('hidden');
  await page.getByText('paused while hidden').waitFor();
  append('interrupted', ['while hidden']);
  await show('visible');
  const marked = (text: string) => log.locator('.line').filter({ hasText: text }).locator('.mark');
  await marked('while hidden')
    .getByText(/^You were here at .*, when this window was hidden\.$/)
    .waitFor();
  server.endWatches();
  append('interrupted', ['of a new container']);
  await marked('of a new container')
    .getByText(/^The log ended at .* and began again\./)
    .waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await server.kill();
  await page.getByText('not answering').waitFor();
  append('interrupted', ['while away']);
  await server.restart();
  await marked('while away')
    .getByText(/^The connection was cut at .*\.$/)
    .waitFor();
  assert.equal(await page.locator('.log .mark').count(), 3);
});
