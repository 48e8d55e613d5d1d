import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { scriptArguments } from './project.js';

test('the demo says how it takes another port when its own is in use', async t => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const demo = spawn(process.execPath, scriptArguments('support/demo'), {
    env: { ...process.env, KUBE_API_PROXY_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[code], stdout, stderr] = await Promise.all([
    once(demo, 'close'),
    text(demo.stdout),
    text(demo.stderr),
  ]);
  assert.deepEqual(
    [code, stdout, stderr],
    [1, '', `Port ${port} is in use. Take a free one: npm run demo -- --port=0\n`],
  );
});
