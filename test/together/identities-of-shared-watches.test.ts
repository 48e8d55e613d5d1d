import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { WatchClient } from '../support/clients/watch-client.js';
import type { RequestRecord } from '../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { type NamespaceWatch, WatchedNamespace } from '../support/proxy/watched-namespace.js';

/** Users that may no longer watch. */
const denied = new Set<string>();

/** A gateway with a token file and token review. */
const gateway = await startGateway(
  { after },
  {
    run: startInProcess,
    tokenFile: [
      'alice-token,alice,,"dev"',
      'alice-again,alice,,"dev"',
      'alice-in-ops,alice,,"dev,ops"',
      'alice-with-uid,alice,7,"dev"',
      'alice-with-other-uid,alice,8,"dev"',
      'alice-alone,alice,,',
      'alice-in-more,alice,,"dev,ops,more"',
      '"comma-token","alice,dev",,',
      'dev-token,dev,,"alice"',
      'bob-token,bob,,"dev"',
      'carol-token,carol,,',
      'dave-token,dave,,',
      'reviewed-in-scopes,reviewed,,"dev,scopes=all"',
      '',
    ].join('\n'),
    flags: ['--share-watches', '--authentication-token-webhook'],
    server: {
      allow: (user, { verb, resource }) =>
        user.username === 'proxy'
          ? verb === 'impersonate' || resource === 'tokenreviews' || /^self/.test(resource)
          : verb !== 'watch' || !denied.has(user.username),
    },
  },
);
const { server } = gateway;

const extra = (value: string) => ({ username: 'reviewed', groups: ['dev'], extra: { scopes: [value] } });
Object.assign(gateway.tokens, {
  'reviewed-token': { username: 'reviewed', groups: ['dev'] },
  'reviewed-all': extra('all'),
  'reviewed-some': extra('some'),
});

function byToken(token: string): NamespaceWatch {
  return { headers: { Authorization: `Bearer ${token}` } };
}

/** Opens watches, and counts those of the API server. */
async function open(questions: readonly NamespaceWatch[]) {
  const namespace = new WatchedNamespace(gateway);
  const from = server.version;
  const watches: WatchClient[] = [];
  for (const question of questions) watches.push(await namespace.watch({ from, ...question }));
  assert.deepEqual(
    watches.map(({ status }) => status),
    watches.map(() => 200),
  );
  namespace.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  return { namespace, watches, upstream: namespace.upstream() };
}

/** The fields of an identity, as one text. */
function identityOf({ rawHeaders }: RequestRecord): string {
  return rawHeaders
    .flatMap((name, index) =>
      index % 2 === 0 && /^impersonate-/i.test(name)
        ? [`${name.toLowerCase()}: ${rawHeaders[index + 1]}`]
        : [],
    )
    .sort()
    .join(', ');
}

describe('callers of a gateway', { concurrency: 4 }, () => {
  test('share with themselves, with any token, and never if a name, group, uid or extra field differs', async () => {
    const questions = [
      ...['alice-token', 'alice-alone', 'alice-in-ops', 'alice-in-more', 'alice-with-uid'],
      ...['alice-with-other-uid', 'comma-token', 'dev-token', 'bob-token', 'carol-token', 'reviewed-token'],
      ...['reviewed-all', 'reviewed-some', 'reviewed-in-scopes'],
    ].map(byToken);
    const again = byToken('alice-again');
    const { upstream } = await open([...questions, ...questions, again]);
    assert.equal(upstream.length, questions.length);
    assert.equal(new Set(upstream.map(identityOf)).size, questions.length);
  });

  test('without the right get their 403, and without a valid credential a 401, even if the watch is already shared', async t => {
    denied.add('dave');
    t.after(() => denied.delete('dave'));
    const { namespace } = await open([byToken('carol-token')]);
    const watch = await namespace.watch(byToken('dave-token'));
    assert.equal(watch.status, 403);
    await watch.ended;
    assert.match(String(watch.bytes()), /User \\"dave\\" cannot watch resource/);
    const before = namespace.upstream().length;
    for (const question of [byToken('wrong'), {}])
      assert.equal((await namespace.watch(question)).status, 401);
    // Fields that name another user are of no use either.
    for (const name of ['Impersonate-User', 'impersonate_user', 'X-Remote-User']) {
      const { headers } = byToken('bob-token');
      const claiming = await namespace.watch({ headers: { ...headers, [name]: 'carol' } });
      assert.equal(claiming.status, 403, name);
    }
    assert.equal(namespace.upstream().length, before);
  });
});
