import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  addContext,
  arn,
  type ManyStack,
  mountOf,
  removeContext,
  startManyStack,
  which,
} from '../../support/proxy/many-clusters.js';
import { openAttach, openWatch } from '../credential-probe.js';
import { assertStatus, send } from '../leg.js';

let marks = 0;

/** The code of a request at a mount, and the contexts whose credentials it arrived with. */
async function ask(stack: Pick<ManyStack, 'port' | 'arrivals'>, mount: string): Promise<string> {
  marks += 1;
  const mark = `reload=${marks}.`;
  const { code } = await send(stack.port, { target: `${mount}${which}?${mark}` });
  return [code, ...stack.arrivals(mark).map(({ context, server }) => `${context} at ${server}`)].join(' ');
}

/** Waits until a mount gives this answer. */
function untilAsked(stack: Pick<ManyStack, 'port' | 'arrivals'>, mount: string, expected: string) {
  return eventuallyPasses(async () => assert.equal(await ask(stack, mount), expected));
}

describe('a kubeconfig that changes', () => {
  test('adds, moves and takes away contexts, while open streams continue', async t => {
    const stack = await startManyStack(t, { run: startInProcess, flags: ['--reject-paths='] });
    // Streams of contexts that go or change are not cut, as with a kubeconfig of one cluster.
    const streams = await Promise.all([
      openWatch(stack, stack.one),
      openWatch(stack, stack.one, '/clusters/a'),
      openWatch(stack, stack.two, '/clusters/b'),
      openWatch(stack, stack.two, mountOf(arn)),
      openAttach(stack, '/clusters/rancher'),
    ]);
    await stack.change(config => {
      addContext(config, 'new', stack.two);
      removeContext(config, 'b');
      const cluster = config.clusters.find(({ name }) => name === 'cluster of a');
      if (cluster !== undefined) cluster.cluster['server'] = stack.two.url;
    });
    await untilAsked(stack, '/clusters/new', '200 new at two');
    await untilAsked(stack, '/clusters/a', '200 a at two');
    const answer = await send(stack.port, { target: `/clusters/b${which}` });
    assert.match(assertStatus(answer, 404, 'b'), /new/);
    for (const stream of streams) {
      await stream.isAlive();
      stream.close();
    }
    // One that cannot be read changes no context, not even one that has not been used yet.
    await writeFile(stack.kubeconfig, 'contexts: [');
    const failed = () =>
      stack.proxy.log().some(({ level, msg }) => Number(level) >= 40 && /config/i.test(String(msg)));
    await eventually('the line in the log', failed);
    assert.equal(await ask(stack, '/clusters/two'), '200 two at two');
  });
});
