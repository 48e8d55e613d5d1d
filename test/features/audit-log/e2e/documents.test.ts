import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { textOf } from '../../../support/documents/texts.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

test('the command of the reference finds events of deletes alone in the output of a gateway, which has other lines about them too', async t => {
  const { proxy, port } = await startStack(t, { run: startProxyFor, flags: ['--audit-log-path=-'] });
  const pod = '/api/v1/namespaces/default/pods/web-0';
  const requests = [
    ['GET', pod],
    ['DELETE', pod],
    ['DELETE', '/api/v1/namespaces/default/configmaps?dryRun=All'],
    ['POST', `${pod}/eviction?dryRun=All`],
  ] as const;
  for (const [method, path] of requests) await send(port, path, { method, body: '' });
  const output = () => proxy.stdout() + proxy.stderr();
  await eventuallyPasses(() => {
    for (const [kind, count] of [
      ['"kind":"Event"', requests.length],
      ['"msg":"request"', requests.length],
    ] as const)
      assert.equal(output().split(kind).length - 1, count);
  });

  // kubectl writes the Pod in front of each line.
  const input = output().replace(/^/gm, '[pod/gw-1/proxy] ');
  const [, command = ''] =
    /--all-pods \\\n {2}\| (grep .*)\n/.exec(textOf('deploy/reference/audit-log.md')) ?? [];
  const found = execFileSync('sh', ['-c', command], { input, encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(
    found.map(line => {
      const { kind, verb, objectRef } = JSON.parse(line.replace('[pod/gw-1/proxy] ', ''));
      return [kind, verb, objectRef.subresource ?? objectRef.resource];
    }),
    [
      ['Event', 'delete', 'pods'],
      ['Event', 'deletecollection', 'configmaps'],
      ['Event', 'create', 'eviction'],
    ],
  );
});
