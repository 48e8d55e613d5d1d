import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKubeconfigFacts } from '../../../src/features/served-kubeconfig/facts.js';
import type { RequestContext } from '../../../src/request/context.js';

const user = { fields: {}, isComplete: true, isPerCluster: false };
const alice = { caller: { username: 'alice' } } as RequestContext;

/** The facts for a caller, where the kubeconfig has these contexts, the first of which is the current one. */
function factsFor(
  request: object,
  {
    contexts = ['a', 'b'],
    added = [] as readonly string[],
    served = undefined as readonly string[] | undefined,
    publicUrl = '',
    address = 'https://gw',
    users = [user],
    shown = undefined as readonly string[] | undefined,
  } = {},
) {
  const parts = {
    registry: {
      contexts: contexts.map(name => ({
        ...{ name, namespace: `ns-${name}` },
        ...(added.includes(name) && { isAdded: true }),
      })),
      default: { name: contexts[0] ?? '' },
      names: new Set(served ?? contexts),
    },
    shownTo: async () => ({ names: new Set(shown ?? ['', ...contexts]) }),
    apiPaths: { prefix: '/p', root: '/root', of: (name: string) => `/clusters/${name}` },
    addressFor: () => (address === '' ? undefined : address),
    certificate: () => ({ authority: 'PEM', isFor: (host: string) => host === 'gw.example' }),
    callerEntries: () => users,
  };
  return createKubeconfigFacts(parts as never, publicUrl)(request as RequestContext);
}

describe('what a kubeconfig for callers contains', () => {
  it('is the context of / under a name of its own, and each that is served', async () => {
    for (const [contexts, served, root] of [
      [['a', 'b'], ['a', 'b'], 'kube-api-proxy'],
      [['a', 'b'], ['b'], 'a'],
      [['a', 'kube-api-proxy'], ['a', 'kube-api-proxy'], 'kube-api-proxy-current'],
      [[], [], 'kube-api-proxy'],
    ] as const) {
      const facts = await factsFor(alice, { contexts: [...contexts], served: [...served] });
      const namespace = contexts[0] === undefined ? '' : `ns-${contexts[0]}`;
      assert.deepEqual(facts, {
        address: 'https://gw',
        contexts: [
          { name: root, path: '/root', namespace },
          ...served.map(name => ({ name, path: `/clusters/${name}`, namespace: `ns-${name}` })),
        ],
        authority: 'PEM',
        users: [user],
        isForStranger: false,
      });
    }
  });

  it('says of which clusters the callers are those of /', async () => {
    const facts = await factsFor(alice, { added: ['b'] });
    assert.deepEqual(
      facts?.contexts.map(({ hasUsersOfRoot }) => hasUsersOfRoot),
      [undefined, undefined, true],
    );
  });

  it('is one context for a stranger where callers authenticate, and all where they need not', async () => {
    const own = [{ name: 'kube-api-proxy', path: '/p', namespace: '' }];
    const stranger = await factsFor({});
    assert.deepEqual([stranger?.contexts, stranger?.isForStranger], [own, true]);
    const open = await factsFor({}, { users: [] });
    assert.deepEqual([open?.contexts.length, open?.isForStranger], [3, false]);
  });

  it('has nothing of contexts that the caller is not shown, also where that is the one of /', async () => {
    const contexts = ['a', 'b', 'kube-api-proxy'];
    const named = async (...shown: string[]) =>
      (await factsFor(alice, { contexts, shown }))?.contexts.map(({ name, path, namespace }) => [
        ...[name, path, namespace],
      ]);
    const root = ['kube-api-proxy', '/p', ''];
    assert.deepEqual(await named(), [root]);
    assert.deepEqual(await named('b'), [root, ['b', '/clusters/b', 'ns-b']]);
    assert.deepEqual(await named('a'), [
      ['kube-api-proxy', '/root', 'ns-a'],
      ['a', '/clusters/a', 'ns-a'],
    ]);
    assert.deepEqual(
      (await named('kube-api-proxy'))?.map(([name]) => name),
      ['kube-api-proxy-current', 'kube-api-proxy'],
    );
  });

  it('has the authority of the certificate unless another program ends TLS, and needs an address', async () => {
    const authorityAt = async (publicUrl: string) => (await factsFor(alice, { publicUrl }))?.authority;
    assert.deepEqual(
      await Promise.all(['', 'https://gw.example/x', 'https://other.example'].map(authorityAt)),
      [...['PEM', 'PEM', undefined]],
    );
    assert.equal(await factsFor(alice, { address: '' }), undefined);
  });
});
