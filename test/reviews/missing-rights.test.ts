import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cluster } from '../../src/clusters/cluster.js';
import { RefusedGroupError } from '../../src/kubernetes/refused-group.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { Moment } from '../../src/lib/moment.js';
import { MissingRights } from '../../src/reviews/missing-rights.js';
import { ManualClock } from '../support/manual-clock.js';

const alice = ['Impersonate-User', 'alice', 'Impersonate-Group', 'dev', 'Impersonate-Group', 'ops'];
const list = { resourceAttributes: { verb: 'list', group: '', version: 'v1', resource: 'pods' } };

/** An identity with the rights `VERB RESOURCE NAME`, in which `*` is any name. */
function identity(hasConstrained: boolean, ...rights: readonly string[]) {
  const clock = new ManualClock(0);
  const asked: string[] = [];
  const ask = async ({ as, attributes }: { as: unknown; attributes: object }) => {
    const [{ verb, resource, path, name } = {}] = Object.values(attributes) as Record<string, string>[];
    assert.equal(as, 'configured');
    asked.push(`${verb} ${resource ?? path} ${name ?? ''}`.trim());
    return { isAllowed: rights.some(right => right === asked.at(-1) || right === `${verb} ${resource} *`) };
  };
  const constrained = { isThere: async () => hasConstrained };
  const rightsOf = new MissingRights({ ask } as never, constrained, clock);
  const errorFor = (impersonation = alice, attributes: object = list) =>
    rightsOf.errorFor({
      ...{ cluster: { name: 'c' } as Cluster, access: {}, as: impersonation },
      attributes: attributes as never,
    });
  const question = { cluster: { name: 'c' } as Cluster, as: alice, attributes: list };
  return { errorFor, asked, clock, rightsOf, question };
}

describe('the right to impersonate that the proxy lacks', () => {
  it('is that of legacy impersonation for an identity that has no other, whatever the API server says', async () => {
    for (const hasConstrained of [false, true]) {
      const { errorFor } = identity(hasConstrained, 'impersonate users *', 'impersonate groups dev');
      const error = await errorFor();
      assert.ok(error instanceof RefusedGroupError);
      assert.equal(error.group, 'ops');
      assert.match(error.message, /\(the verb impersonate on this group; in the chart: callers\.groups\)/);
    }
    const { message = '' } = (await identity(true).errorFor()) ?? {};
    assert.match(
      message,
      /impersonate the user "alice", .* \(the verb impersonate on it; in the chart: callers\)/,
    );
  });

  it('is that of constrained impersonation for an identity that has one of its values', async () => {
    const values = ['impersonate:user-info users *', 'impersonate:user-info groups dev'];
    const error = await identity(true, ...values).errorFor();
    assert.ok(error instanceof RefusedGroupError);
    assert.match(error.message, /the verb impersonate:user-info on this group/);
    const all = [...values, 'impersonate:user-info groups ops'];
    assert.equal(
      (await identity(true, ...all).errorFor())?.message,
      'this proxy may not list pods, whoever asks; whoever runs the proxy can allow it ' +
        '(the verb impersonate-on:user-info:list on it; in the chart: rbac.acts)',
    );
    const path = { nonResourceAttributes: { verb: 'get', path: '/metrics' } };
    assert.match(
      (await identity(true, ...all).errorFor(alice, path))?.message ?? '',
      /may not get \/metrics, /,
    );
    assert.equal(await identity(true, ...all, 'impersonate-on:user-info:list pods').errorFor(), undefined);
  });

  it('is none where constrained impersonation never takes what the user has', async () => {
    const values = ['impersonate:user-info users *', 'impersonate:user-info groups *'];
    const masters = ['Impersonate-User', 'alice', 'Impersonate-Group', 'system:masters'];
    const { message = '' } = (await identity(true, ...values).errorFor(masters)) ?? {};
    assert.match(
      message,
      /no proxy with rights of constrained .* impersonate the group system:masters, which/,
    );
  });

  it('of a service account is that of its own mode, if the request names it alone', async () => {
    const account = ['Impersonate-User', 'system:serviceaccount:shop:robot'];
    const rights = ['impersonate:serviceaccount serviceaccounts robot'];
    const { message = '' } = (await identity(true, ...rights).errorFor(account)) ?? {};
    assert.match(message, /the verb impersonate-on:serviceaccount:list on it; in the chart: rbac\.acts\)/);
    const inGroup = [...account, 'Impersonate-Group', 'dev'];
    const { message: legacy = '' } = (await identity(true, ...rights).errorFor(inGroup)) ?? {};
    assert.match(legacy, /the service account "shop\/robot", .* \(the verb impersonate on it;/);
  });

  it('is looked for once in 10 s, and is none if nothing is missing or nobody can say it', async () => {
    const { errorFor, asked, clock } = identity(false, 'impersonate users *', 'impersonate groups *');
    assert.deepEqual([await errorFor(), await errorFor()], [undefined, undefined]);
    assert.equal(asked.length, 3);
    clock.advance(10_000);
    await errorFor();
    assert.equal(asked.length, 6);
    const failing = new MissingRights(
      { ask: async () => Promise.reject(new Error('away')) },
      { isThere: async () => true },
      clock,
    );
    const request = { cluster: { name: 'c' } as Cluster, access: {}, as: alice, attributes: list };
    assert.equal(await failing.errorFor(request), undefined);
  });
});

describe('whether the proxy itself may do what a user may', () => {
  const values = ['users alice', 'groups dev', 'groups ops'];
  const legacy = values.map(value => `impersonate ${value}`);
  const constrained = [
    'impersonate-on:user-info:list pods',
    ...values.map(value => `impersonate:user-info ${value}`),
  ];

  it('is not asked where there is no constrained impersonation, nor about its own identity', async () => {
    const { rightsOf, question, asked } = identity(false);
    assert.equal(await rightsOf.missingFor(question), undefined);
    assert.equal(rightsOf.isProven(question), true);
    assert.equal(await rightsOf.missingFor({ ...question, as: 'configured' }), undefined);
    assert.equal(rightsOf.isProven({ ...question, as: 'configured' }), true);
    assert.deepEqual(asked, []);
  });

  it('takes all rights of one kind: that by which it acts comes first', async () => {
    for (const held of [legacy, constrained]) {
      const { rightsOf, question, asked } = identity(true, ...held);
      assert.equal(await rightsOf.missingFor(question), undefined);
      asked.splice(0);
      assert.equal(await rightsOf.missingFor(question), undefined);
      assert.deepEqual(asked, held);
      for (const missing of held) {
        const { rightsOf: lacking } = identity(true, ...held.filter(right => right !== missing));
        assert.ok((await lacking.missingFor(question)) instanceof StatusError, missing);
      }
    }
  });

  it('is shown for this user and this alone, for 10 s', () => {
    const { rightsOf, question, clock } = identity(true);
    rightsOf.proven(question, new Moment(clock));
    assert.equal(rightsOf.isProven(question), true);
    for (const other of [
      { ...question, as: [...alice, 'Impersonate-Group', 'more'] },
      { ...question, attributes: { resourceAttributes: { ...list.resourceAttributes, verb: 'watch' } } },
      { ...question, cluster: { name: 'other' } as Cluster },
    ])
      assert.equal(rightsOf.isProven(other), false);
    clock.advance(10_000);
    assert.equal(rightsOf.isProven(question), false);
  });

  it('is not known if nobody says it', async () => {
    const { question, clock } = identity(true);
    const away = new MissingRights(
      { ask: async () => Promise.reject(new Error('away')) },
      { isThere: async () => true },
      clock,
    );
    await assert.rejects(away.missingFor(question), /away/);
    assert.equal(away.isProven(question), false);
  });
});
