import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import WebSocket from 'ws';
import { open, requestApi } from '../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
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
import { assertStatus, type Leg, send } from '../leg.js';

let marks = 0;

/** The code of a request at a mount, and the contexts whose credentials it arrived with. */
async function ask(
  stack: Pick<ManyStack, 'port' | 'arrivals'>,
  mount: string,
  leg: Leg = 'plain',
): Promise<string> {
  marks += 1;
  const mark = `reload=${marks}.`;
  const { code } = await send(stack.port, { leg, target: `${mount}${which}?${mark}` });
  return [code, ...stack.arrivals(mark).map(({ context, server }) => `${context} at ${server}`)].join(' ');
}

/** Waits until a mount gives this answer. */
function untilAsked(
  stack: Pick<ManyStack, 'port' | 'arrivals'>,
  mount: string,
  expected: string,
  timeout?: number,
): Promise<void> {
  return eventuallyPasses(async () => assert.equal(await ask(stack, mount), expected), timeout);
}

/** A watch on a mount, and a function that checks that it still gets events. */
async function watch(port: number, mount: string, server: FakeApiServer) {
  const response: IncomingMessage = await open(
    port,
    `${mount}/api/v1/namespaces/default/configmaps?watch=true`,
  );
  assert.equal(response.statusCode, 200);
  let text = '';
  let over = false;
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  response.on('error', () => {});
  response.on('close', () => {
    over = true;
  });
  let count = 0;
  return {
    isOver: () => over,
    close: () => response.destroy(),
    async isAlive() {
      count += 1;
      const name = `seen-${response.socket.localPort}-${count}`;
      const { status } = await requestApi(server, {
        method: 'POST',
        path: '/api/v1/namespaces/default/configmaps',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }),
      });
      assert.equal(status, 201);
      await eventually(`the event of ${name}`, () => text.includes(name) || over);
      assert.ok(!over, `the watch on ${mount} is over`);
    },
  };
}

/** An attach that echoes. */
async function attach(port: number, mount: string) {
  const path = `${mount}/api/v1/namespaces/default/pods/web-0/attach?stdin=true&stdout=true`;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, ['v5.channel.k8s.io']);
  await once(socket, 'open');
  socket.on('error', () => {});
  let text = '';
  socket.on('message', (data: Buffer) => {
    if (data[0] === 1) text += data.subarray(1).toString();
  });
  let count = 0;
  return {
    close: () => socket.terminate(),
    async isAlive() {
      count += 1;
      const line = `line ${count} at ${mount}\n`;
      socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(line)]));
      await eventually('the echo', () => text.includes(line) || socket.readyState !== WebSocket.OPEN);
      assert.equal(socket.readyState, WebSocket.OPEN, `the attach on ${mount} is over`);
    },
  };
}

test('the built program follows contexts within 10 s, while streams on the others continue', async t => {
  const stack = await startManyStack(t, { run: startInProcess, flags: ['--reject-paths='] });
  const streams = await Promise.all([
    watch(stack.port, '', stack.one),
    watch(stack.port, '/clusters/a', stack.one),
    watch(stack.port, mountOf(arn), stack.two),
    attach(stack.port, '/clusters/rancher'),
  ]);
  assert.equal(await ask(stack, '/clusters/b'), '200 b at two');
  await stack.change(config => {
    addContext(config, 'new', stack.two);
    removeContext(config, 'b');
  });
  // A busy machine may take as long again.
  await untilAsked(stack, '/clusters/new', '200 new at two', 20_000);
  const { answer } = { answer: await send(stack.port, { target: `/clusters/b${which}` }) };
  const message = assertStatus(answer, 404, 'b');
  assert.match(message, /new/);
  for (const stream of streams) {
    await stream.isAlive();
    stream.close();
  }
});

describe('a kubeconfig that changes', () => {
  test('that takes the context of an open stream away, or changes it, lets the others’ streams continue', async t => {
    const stack = await startManyStack(t, { run: startInProcess, flags: ['--reject-paths='] });
    const gone = await watch(stack.port, '/clusters/b', stack.two);
    const changed = await watch(stack.port, '/clusters/a', stack.one);
    const others = await Promise.all([
      watch(stack.port, '', stack.one),
      watch(stack.port, mountOf(arn), stack.two),
      attach(stack.port, '/clusters/rancher'),
    ]);
    await stack.change(config => {
      removeContext(config, 'b');
      const cluster = config.clusters.find(({ name }) => name === 'cluster of a');
      if (cluster !== undefined) cluster.cluster['server'] = stack.two.url;
    });
    await untilAsked(stack, '/clusters/b', '404');
    await untilAsked(stack, '/clusters/a', '200 a at two');
    for (const stream of others) {
      await stream.isAlive();
      stream.close();
    }
    // Open streams are not cut, as with a kubeconfig of one cluster.
    if (!gone.isOver()) await gone.isAlive();
    if (!changed.isOver()) await changed.isAlive();
    gone.close();
    changed.close();
  });

  test('breaks no other context if it breaks one', async t => {
    const stack = await startManyStack(t, { run: startInProcess });
    assert.equal(await ask(stack, '/clusters/b'), '200 b at two');
    await stack.change(config => {
      const user = config.users.find(({ name }) => name === 'user of b');
      if (user !== undefined) user.user = { tokenFile: 'no-such-token' };
      addContext(config, 'beside', stack.two);
    });
    await untilAsked(stack, '/clusters/beside', '200 beside at two');
    assert.equal(await ask(stack, '/clusters/a'), '200 a at one');
    // As at /, a context in use keeps its last good configuration, and the log says why it is not updated.
    await eventually('the line in the log', () => /no-such-token/.test(stack.proxy.stderr()));
    assert.equal(await ask(stack, '/clusters/b'), '200 b at two');
    // A context that has not been used has no earlier configuration.
    await stack.change(config => {
      const user = config.users.find(({ name }) => name === 'user of rancher');
      if (user !== undefined) user.user = { tokenFile: 'nor-this-one' };
      addContext(config, 'and this', stack.two);
    });
    await untilAsked(stack, '/clusters/and%20this', '200 and this at two');
    await eventuallyPasses(async () => {
      const answer = await send(stack.port, { target: `/clusters/rancher${which}` });
      assert.ok(answer.code >= 500, String(answer.code));
      assert.match(assertStatus(answer, answer.code, 'rancher'), /nor-this-one/);
    });
  });
});
