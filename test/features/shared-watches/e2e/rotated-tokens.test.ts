import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../../../support/eventually.js';
import type { KnownUser } from '../../../support/fake-api-server/authentication.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../../../support/identities/exec-plugin.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { untilReviewed, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

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
  const stack = await startStack(t, { run: startInProcess, server, flags: ['--share-watches'], user });
  await untilReviewed(stack, 'token-1');
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

describe('shared watches with tokens that only the API server can read', { concurrency: 2 }, () => {
  test('continue without notice when the token of a plugin is rotated, and are joined by clients that come then', async t => {
    const { stack, namespace, from, watches, authorizations, rotate } = await start(t);
    const { server } = stack;
    await rotate('token-2', alice);
    await untilReviewed(stack, 'token-2');
    watches.push(await namespace.watch({ from }));
    await watches.at(-1)?.untilNamed('first');
    assert.equal(namespace.upstream().length, 1);
    const asked = server.requests.filter(({ rawUrl }) => rawUrl.endsWith('/selfsubjectreviews'));
    assert.deepEqual(
      asked.map(({ headers }) => headers['authorization']),
      ['Bearer token-1', 'Bearer token-2'],
    );
    server.cut();
    namespace.write('second');
    for (const watch of watches) {
      await watch.untilNamed('second');
      assert.deepEqual([watch.state(), watch.names()], ['open', ['first', 'second']]);
    }
    assert.equal(authorizations().at(-1), 'Bearer token-2');
  });

  test('end, and are not joined, when the plugin gives the token of another user', async t => {
    const { stack, namespace, from, watches, authorizations, rotate } = await start(t);
    await rotate('token-2', bob);
    const ofBob = await namespace.watch({ from });
    assert.deepEqual(authorizations(), ['Bearer token-1', 'Bearer token-2']);
    namespace.write('second');
    for (const watch of [...watches, ofBob]) await watch.untilNamed('second');
    stack.server.cut();
    for (const watch of watches) assert.equal(await watch.ended, 'cut');
    namespace.write('third');
    await ofBob.untilNamed('third');
    assert.deepEqual(ofBob.names(), ['first', 'second', 'third']);
  });
});
