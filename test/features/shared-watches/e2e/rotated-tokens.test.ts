import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../../support/eventually.js';
import type { KnownUser } from '../../../support/fake-api-server/authentication.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../../../support/identities/exec-plugin.js';
import { startStack } from '../../../support/proxy/stack.js';
import { WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const alice = { username: 'alice', groups: ['system:masters'] } as const;
const bob = { username: 'bob', groups: ['system:masters'] } as const;

/** A program with three clients of one watch, whose plugin has given it a token that says nothing, and a way to give it another one. */
async function start(t: TestContext) {
  const tokens: Record<string, KnownUser> = { 'token-1': alice };
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  t.after(() => server.kill());
  const plugin = await writeExecPlugin();
  t.after(() => plugin.remove());
  await plugin.answer({ token: 'token-1' });
  const user = { exec: plugin.exec() };
  const stack = await startStack(t, { server, flags: ['--share-watches'], user });
  const namespace = new WatchedNamespace(stack);
  const from = server.version;
  const watches = await namespace.watchMany(3, { from });
  namespace.write('first');
  for (const watch of watches) await watch.untilNamed('first');
  assert.equal(namespace.upstream().length, 1);
  return {
    ...{ stack, namespace, from, watches },
    authorizations: () => namespace.upstream().map(({ headers }) => headers['authorization']),
    /** From now on the API server knows this token alone, and the program gets it and sends requests with it. */
    async rotate(token: string, known: KnownUser): Promise<void> {
      await plugin.answer({ token });
      for (const former of Object.keys(tokens)) delete tokens[former];
      tokens[token] = known;
      await eventually(`requests with ${token}`, async () => {
        await (await fetch(`${stack.proxy.url}/version`)).text();
        return server.requests.at(-1)?.headers['authorization'] === `Bearer ${token}`;
      });
    },
  };
}

test('shared watches with tokens that only the API server can read end at their next loss when another token has come, and are not joined before', async t => {
  for (const user of [alice, bob]) {
    const { stack, namespace, from, watches, authorizations, rotate } = await start(t);
    await rotate('token-2', user);
    const later = [await namespace.watch({ from }), await namespace.watch({ from })];
    assert.deepEqual(authorizations(), ['Bearer token-1', 'Bearer token-2']);
    namespace.write('second');
    for (const watch of [...watches, ...later]) await watch.untilNamed('second');
    stack.server.cut();
    for (const watch of watches) assert.equal(await watch.ended, 'end');
    const back = await namespace.watch({ from: stack.server.version });
    namespace.write('third');
    for (const watch of later) {
      await watch.untilNamed('third');
      assert.deepEqual(watch.names(), ['first', 'second', 'third']);
    }
    await back.untilNamed('third');
    assert.deepEqual(authorizations().slice(2), ['Bearer token-2']);
  }
});
