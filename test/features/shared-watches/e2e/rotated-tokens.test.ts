import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
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

interface Rotated {
  /** How the program gets its token. */
  readonly from: 'plugin' | 'file';
  readonly flags?: readonly string[];
  /** More fields of the kubeconfig's user. */
  readonly user?: Readonly<Record<string, unknown>>;
}

/** A program with a token that says nothing, and a way to give it another one. */
async function start(t: TestContext, { from, flags = ['--share-watches'], user = {} }: Rotated) {
  const tokens: Record<string, KnownUser> = { 'token-1': alice };
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  t.after(() => server.kill());
  const { credential, put } = await (from === 'plugin' ? pluginFor(t) : fileFor());
  await put('token-1');
  const stack = await startStack(t, {
    ...{ run: startInProcess, server, flags },
    user: { ...credential, ...user },
  });
  return {
    ...stack,
    tokens,
    /** From now on the API server knows this token alone, and the program gets it. */
    async rotate(token: string, known: KnownUser): Promise<void> {
      await put(token);
      for (const former of Object.keys(tokens)) delete tokens[former];
      tokens[token] = known;
    },
    asked: () => server.requests.filter(({ rawUrl }) => rawUrl === reviews),
  };
}

async function pluginFor(t: TestContext) {
  const plugin = await writeExecPlugin();
  t.after(() => plugin.remove());
  return { credential: { exec: plugin.exec() }, put: (token: string) => plugin.answer({ token }) };
}

async function fileFor() {
  const folder = temporaryFolder();
  const tokenFile = join(folder, 'token');
  return { credential: { tokenFile }, put: (token: string) => replaceFile(tokenFile, token) };
}

type Stack = Awaited<ReturnType<typeof start>>;

async function openReviewed(stack: Stack) {
  await untilReviewed(stack, 'token-1');
  return open(stack);
}

async function open(stack: Stack) {
  const namespace = new WatchedNamespace(stack);
  const from = stack.server.version;
  const watches = await namespace.watchMany(3, { from });
  namespace.write('first');
  for (const watch of watches) await watch.untilNamed('first');
  assert.equal(namespace.upstream().length, 1);
  return { namespace, from, watches };
}

function authorizations(namespace: WatchedNamespace): (string | undefined)[] {
  return namespace.upstream().map(({ headers }) => headers['authorization']?.toString());
}

/** Waits until the program sends requests with this token. */
async function untilUsed({ proxy, server }: Stack, token: string): Promise<void> {
  await eventually(`requests with ${token}`, async () => {
    await (await fetch(`${proxy.url}/version`)).text();
    return server.requests.at(-1)?.headers['authorization'] === `Bearer ${token}`;
  });
}

/** The program gets a token of bob, whose watch is one of its own. The others end when theirs is lost. */
async function assertBobIsAlone(stack: Stack, meanwhile: () => void = () => {}): Promise<void> {
  const { namespace, watches, from } = await open(stack);
  await stack.rotate('token-2', bob);
  await untilUsed(stack, 'token-2');
  meanwhile();
  const ofBob = await namespace.watch({ from });
  assert.deepEqual(authorizations(namespace), ['Bearer token-1', 'Bearer token-2']);
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
      const stack = await start(t, { from });
      const { namespace, watches, from: version } = await openReviewed(stack);
      await stack.rotate('token-2', alice);
      await untilUsed(stack, 'token-2');
      await untilReviewed(stack, 'token-2');
      const late = await namespace.watch({ from: version });
      await late.untilNamed('first');
      assert.equal(namespace.upstream().length, 1);
      assert.deepEqual(
        stack.asked().map(({ headers }) => headers['authorization']),
        ['Bearer token-1', 'Bearer token-2'],
      );
      for (const [index, end] of [
        () => stack.server.cut(),
        () => stack.server.endWatches(),
        () => stack.server.restart(),
      ].entries()) {
        // A plugin is not asked again for a while when the API server keeps refusing what it gave.
        if (from === 'file' && index > 0) await stack.rotate(`token-${index + 2}`, alice);
        await end();
        namespace.write(`n${index}`);
        for (const watch of [...watches, late]) await watch.untilNamed(`"n${index}"`);
      }
      for (const watch of [...watches, late]) {
        assert.equal(watch.state(), 'open');
        assert.deepEqual(watch.names(), ['first', 'n0', 'n1', 'n2']);
      }
      const last = from === 'file' ? 'Bearer token-4' : 'Bearer token-2';
      assert.equal(authorizations(namespace).at(-1), last);
    });

    test(`end, and are not joined, when the ${from} gives the token of another user`, async t => {
      const stack = await start(t, { from });
      await untilReviewed(stack, 'token-1');
      await assertBobIsAlone(stack);
    });
  }
});

describe('with impersonation in the kubeconfig, shared watches', { concurrency: true }, () => {
  const user = { as: 'jane', 'as-groups': ['system:masters'] };

  test('continue when the token is rotated, and the API server reviews the token itself', async t => {
    const stack = await start(t, { from: 'plugin', user });
    const { namespace, watches } = await openReviewed(stack);
    await stack.rotate('token-2', alice);
    stack.server.cut();
    namespace.write('second');
    for (const watch of watches) await watch.untilNamed('second');
    assert.equal(stack.asked().length, 2);
    for (const { headers } of stack.asked()) assert.equal(headers['impersonate-user'], undefined);
    for (const { headers } of namespace.upstream()) assert.equal(headers['impersonate-user'], 'jane');
  });

  test('end when the new token is of another user, who acts as the same one', async t => {
    const stack = await start(t, { from: 'plugin', user });
    const { watches } = await openReviewed(stack);
    await stack.rotate('token-2', bob);
    stack.server.cut();
    for (const watch of watches) assert.equal(await watch.ended, 'cut');
  });
});

/** How an API server, or what is before it, may answer a review in another way. */
const answers: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  'sends reviews somewhere else': (request, response) => {
    response.writeHead(307, { Location: `https://${request.headers.host}/version` }).end();
  },
  'breaks off reviews': (_request, response) => {
    response.writeHead(201, { 'Content-Length': '1000' });
    response.write('{"kind":"SelfSubjectReview","status":{"userInfo":{"username":"alice"}}}', () =>
      response.destroy(),
    );
  },
  'never answers reviews': () => {},
  'answers reviews with an error that names a user': (_request, response) => {
    const body = { kind: 'SelfSubjectReview', status: { userInfo: alice } };
    response.writeHead(500).end(JSON.stringify(body));
  },
};

describe('if the API server', { concurrency: 4 }, () => {
  for (const [what, answer] of Object.entries(answers)) {
    test(`${what}, a token is shared until it is replaced, and no longer`, async t => {
      const stack = await start(t, { from: 'plugin' });
      stack.server.intercept((request, response) => {
        if (request.url !== reviews) return false;
        answer(request, response);
        return true;
      });
      await assertBobIsAlone(stack, () => assert.ok(stack.asked().length > 0));
    });
  }

  test('rejects the token during its review, that answer does not count for the next token', async t => {
    const stack = await start(t, { from: 'plugin' });
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

  test('is down while the token is rotated, clients notice nothing', async t => {
    const stack = await start(t, { from: 'file' });
    const { namespace, watches } = await openReviewed(stack);
    await stack.server.kill();
    await stack.rotate('token-2', alice);
    await eventually('the new token', () =>
      stack.proxy.log().some(({ msg }) => msg === 'configuration reloaded'),
    );
    namespace.write('second');
    await stack.server.restart();
    for (const watch of watches) await watch.untilNamed('second');
    assert.equal(authorizations(namespace).at(-1), 'Bearer token-2');
  });
});

test('the API server reviews no token without --share-watches, or for requests that are not shared watches', async t => {
  for (const flags of [[], ['--share-watches']]) {
    const stack = await start(t, { from: 'plugin', flags });
    const namespace = new WatchedNamespace(stack);
    await (await fetch(stack.proxy.url + namespace.path)).text();
    const watch = await namespace.watch({ from: flags.length === 0 ? stack.server.version : 0 });
    assert.equal(watch.status, 200);
    assert.deepEqual(stack.asked(), []);
  }
});
