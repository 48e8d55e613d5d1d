import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../../../support/eventually.js';
import type { KnownUser } from '../../../support/fake-api-server/authentication.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../../../support/identities/exec-plugin.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { untilReviewed, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';
import { replaceFile } from '../../../support/replaced-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const reviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const alice = { username: 'alice', groups: ['system:masters'] } as const;
const bob = { username: 'bob', groups: ['system:masters'] } as const;

/** How the program gets its token. */
const sources = {
  async plugin(t: TestContext) {
    const plugin = await writeExecPlugin();
    t.after(() => plugin.remove());
    return { user: { exec: plugin.exec() }, put: (token: string) => plugin.answer({ token }) };
  },
  async file() {
    const tokenFile = join(temporaryFolder(), 'token');
    return { user: { tokenFile }, put: (token: string) => replaceFile(tokenFile, token) };
  },
};

/** A program with a token that says nothing, and a way to give it another one. */
async function start(t: TestContext, from: keyof typeof sources) {
  const tokens: Record<string, KnownUser> = { 'token-1': alice };
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  t.after(() => server.kill());
  const { user, put } = await sources[from](t);
  await put('token-1');
  const stack = await startStack(t, { run: startInProcess, server, flags: ['--share-watches'], user });
  return {
    ...stack,
    /** From now on the API server knows this token alone, and the program gets it and sends requests with it. */
    async rotate(token: string, known: KnownUser): Promise<void> {
      await put(token);
      for (const former of Object.keys(tokens)) delete tokens[former];
      tokens[token] = known;
      await eventually(`requests with ${token}`, async () => {
        await (await fetch(`${stack.proxy.url}/version`)).text();
        return server.requests.at(-1)?.headers['authorization'] === `Bearer ${token}`;
      });
    },
  };
}

type Stack = Awaited<ReturnType<typeof start>>;

/** Three clients of one watch. */
async function open(stack: Stack) {
  const namespace = new WatchedNamespace(stack);
  const from = stack.server.version;
  const watches = await namespace.watchMany(3, { from });
  namespace.write('first');
  for (const watch of watches) await watch.untilNamed('first');
  assert.equal(namespace.upstream().length, 1);
  const authorizations = () => namespace.upstream().map(({ headers }) => headers['authorization']);
  return { namespace, from, watches, authorizations };
}

/** The program gets a token of bob, whose watch is one of its own. The others end when theirs is lost. */
async function assertBobIsAlone(stack: Stack, meanwhile: () => void = () => {}): Promise<void> {
  const { namespace, from, watches, authorizations } = await open(stack);
  await stack.rotate('token-2', bob);
  meanwhile();
  const ofBob = await namespace.watch({ from });
  assert.deepEqual(authorizations(), ['Bearer token-1', 'Bearer token-2']);
  namespace.write('second');
  for (const watch of [...watches, ofBob]) await watch.untilNamed('second');
  stack.server.cut();
  for (const watch of watches) assert.equal(await watch.ended, 'cut');
  namespace.write('third');
  await ofBob.untilNamed('third');
  assert.deepEqual(ofBob.names(), ['first', 'second', 'third']);
}

describe('shared watches with tokens that only the API server can read', { concurrency: 3 }, () => {
  for (const from of ['plugin', 'file'] as const) {
    test(`continue without notice when the token of a ${from} is rotated, and are joined by clients that come then`, async t => {
      const stack = await start(t, from);
      const { server, rotate } = stack;
      await untilReviewed(stack, 'token-1');
      const { namespace, from: version, watches, authorizations } = await open(stack);
      await rotate('token-2', alice);
      await untilReviewed(stack, 'token-2');
      const late = await namespace.watch({ from: version });
      await late.untilNamed('first');
      assert.equal(namespace.upstream().length, 1);
      const asked = server.requests.filter(({ rawUrl }) => rawUrl === reviews);
      assert.deepEqual(
        asked.map(({ headers }) => headers['authorization']),
        ['Bearer token-1', 'Bearer token-2'],
      );
      for (const [index, end] of [
        () => server.cut(),
        () => server.endWatches(),
        () => server.restart(),
      ].entries()) {
        // A plugin is not asked again for a while when the API server keeps refusing what it gave.
        if (from === 'file' && index > 0) await rotate(`token-${index + 2}`, alice);
        await end();
        namespace.write(`n${index}`);
        for (const watch of [...watches, late]) await watch.untilNamed(`"n${index}"`);
      }
      for (const watch of [...watches, late]) {
        assert.equal(watch.state(), 'open');
        assert.deepEqual(watch.names(), ['first', 'n0', 'n1', 'n2']);
      }
      assert.equal(authorizations().at(-1), from === 'file' ? 'Bearer token-4' : 'Bearer token-2');
    });

    test(`end, and are not joined, when the ${from} gives the token of another user`, async t => {
      const stack = await start(t, from);
      await untilReviewed(stack, 'token-1');
      await assertBobIsAlone(stack);
    });
  }

  test('are not joined with another token because the API server rejects the first one during its review', async t => {
    const stack = await start(t, 'plugin');
    const held: (() => void)[] = [];
    stack.server.intercept((request, response) => {
      if (request.url !== reviews || request.headers.authorization !== 'Bearer token-1') return false;
      held.push(() => response.writeHead(401).end('{"kind":"Status","code":401}'));
      return true;
    });
    await assertBobIsAlone(stack, () => {
      for (const refuse of held) refuse();
    });
  });
});
