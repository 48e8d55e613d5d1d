import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cluster } from '../../src/clusters/cluster.js';
import { requestedUser } from '../../src/kubernetes/requested-user.js';
import type { Attributes } from '../../src/reviews/attributes.js';
import { permitAgain, permitUser } from '../../src/reviews/impersonation-reviews.js';
import type { Verdict } from '../../src/reviews/reviews.js';
import { endpointWith } from '../support/proxy/client-request.js';

const caller = { username: 'alice', uid: undefined, groups: ['dev'], extra: new Map() };
const impersonator = {
  caller,
  cluster: {} as Cluster,
  endpoint: endpointWith(),
  mount: { namesContext: false },
};
const pods: Attributes = {
  resourceAttributes: { verb: 'list', group: '', version: 'v1', resource: 'pods', namespace: 'shop' },
};
const metrics: Attributes = { nonResourceAttributes: { verb: 'get', path: '/metrics' } };

/** VERB RESOURCE NAME of a question. */
function written(attributes: Attributes): string {
  if ('nonResourceAttributes' in attributes) {
    const { verb, path } = attributes.nonResourceAttributes;
    return `${verb} ${path}`;
  }
  const { verb, group, resource, subresource, name } = attributes.resourceAttributes;
  const where = group === 'authentication.k8s.io' || resource === 'pods' ? '' : 'core ';
  const what = `${where}${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  return `${verb} ${what}${name === undefined ? '' : ` ${name}`}`;
}

interface Rights {
  /** As `written` has them. */
  readonly held: readonly string[];
  /** Those that a webhook of the gateway denies. */
  readonly denied?: readonly string[];
  /** Those that nobody can say. */
  readonly unknown?: readonly string[];
}

/** Reviews of a caller with these rights, and what they were asked. */
function reviewsOf({ held, denied = [], unknown = [] }: Rights) {
  const asked: string[] = [];
  const ask = async ({ attributes }: { attributes: Attributes }): Promise<Verdict> => {
    const question = written(attributes);
    asked.push(question);
    if (unknown.includes(question)) throw new Error('away');
    const isDenied = denied.includes(question);
    const verdict = { isAllowed: held.includes(question) && !isDenied, reason: '', hasError: false };
    return isDenied ? { ...verdict, deniedBy: 'a webhook' } : verdict;
  };
  return { ask, asked };
}

/** Asks whether the caller may act so. Returns what was asked, and what decided: the rights, or the error. */
async function act(
  headers: Readonly<Record<string, string | readonly string[]>>,
  rights: Rights,
  { wish = pods, hasConstrained = true } = {},
) {
  const fields = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().flatMap(value => [name, value]),
  );
  const reviews = reviewsOf(rights);
  const requested = requestedUser(fields, hasConstrained) ?? assert.fail();
  const decided = await permitUser(reviews, impersonator, requested, wish).then(
    by => by.map(written),
    ({ message }: Error) => /(?<= cannot )\S+ \S+ \S+|not known/.exec(message)?.[0],
  );
  return { asked: reviews.asked, decided };
}

const carol = { 'Impersonate-User': 'carol', 'Impersonate-Group': 'ops' };
const legacy = ['impersonate core users carol', 'impersonate core groups ops'];
const on = 'impersonate-on:user-info:list pods';
const constrained = [on, 'impersonate:user-info users carol', 'impersonate:user-info groups ops'];

describe('a caller acts as a user', () => {
  it('by legacy impersonation first, and is asked for nothing else then', async () => {
    assert.deepEqual(await act(carol, { held: [...legacy, ...constrained] }), {
      asked: legacy,
      decided: legacy,
    });
  });

  it('otherwise by the right for the request and those to each value, if the API server has that', async () => {
    const expected = { asked: [...legacy, ...constrained], decided: constrained };
    assert.deepEqual(await act(carol, { held: constrained }), expected);
    const old = await act(carol, { held: constrained }, { hasConstrained: false });
    assert.deepEqual(old, { asked: legacy, decided: 'impersonate resource "users"' });
    const onPath = 'impersonate-on:user-info:get /metrics';
    const held = [onPath, ...constrained.slice(1)];
    assert.deepEqual((await act(carol, { held }, { wish: metrics })).decided, held);
    assert.notDeepEqual((await act(carol, { held: constrained }, { wish: metrics })).decided, constrained);
  });

  it('never by a part of the one and a part of the other', async () => {
    for (const missing of legacy)
      for (const lacking of constrained) {
        const held = [...legacy, ...constrained].filter(right => right !== missing && right !== lacking);
        assert.equal(typeof (await act(carol, { held })).decided, 'string', `${missing}, ${lacking}`);
      }
  });

  it('is told the missing right of the kind of which it has another one', async () => {
    const decided = async (...held: readonly string[]) => (await act(carol, { held })).decided;
    assert.equal(await decided(), 'impersonate resource "users"');
    assert.equal(await decided(legacy[0] as string), 'impersonate resource "groups"');
    assert.equal(await decided(on), 'impersonate:user-info resource "users"');
    assert.equal(await decided(...constrained.slice(0, 2)), 'impersonate:user-info resource "groups"');
    assert.equal(await decided(...constrained.slice(1)), 'impersonate-on:user-info:list resource "pods"');
  });

  it('is refused for good where a webhook of the gateway denies the verb `impersonate`, to any value', async () => {
    for (const denied of legacy) {
      const { asked, decided } = await act(carol, { held: constrained, denied: [denied] });
      assert.deepEqual([asked, decided], [legacy, 'impersonate resource "users"']);
    }
    for (const denied of constrained) {
      const { decided } = await act(carol, { held: constrained, denied: [denied] });
      assert.equal(typeof decided, 'string', denied);
    }
  });

  it('is not let in where nobody can say it', async () => {
    for (const unknown of [...legacy, ...constrained]) {
      const { decided } = await act(carol, { held: constrained, unknown: [unknown] });
      assert.ok(
        decided === 'not known' || decided === 'impersonate resource "users"',
        `${unknown} ${decided}`,
      );
    }
  });

  it('with four groups or more, or values of extra fields, by the right to all or else to each', async () => {
    const groups = ['a', 'b', 'c', 'd'];
    const user = { 'Impersonate-User': 'carol', 'Impersonate-Group': groups };
    const name = [on, 'impersonate:user-info users carol'];
    const all = [...name, 'impersonate:user-info groups *'];
    assert.deepEqual((await act(user, { held: all })).decided, all);
    const each = [...name, ...groups.map(group => `impersonate:user-info groups ${group}`)];
    assert.deepEqual((await act(user, { held: each })).decided, each);
    assert.equal(typeof (await act(user, { held: each.slice(1) })).decided, 'string');
    const three = { ...user, 'Impersonate-Group': groups.slice(1) };
    assert.equal(typeof (await act(three, { held: all })).decided, 'string');
    const extra = {
      ...{ 'Impersonate-User': 'carol', 'Impersonate-Extra-A.b%2fc': ['1', '2', '3'] },
      'Impersonate-Extra-A.b%2fd': '4',
    };
    const everything = [...name, 'impersonate:user-info userextras/* *'];
    assert.deepEqual((await act(extra, { held: everything })).decided, everything);
    const denied = ['impersonate:user-info groups *'];
    assert.equal(typeof (await act(user, { held: [...all, ...each], denied })).decided, 'string');
  });

  it('never by constrained impersonation with what that cannot carry', async () => {
    const user = { 'Impersonate-User': 'carol', 'Impersonate-Group': 'system:masters' };
    const values = ['users carol', 'groups system:masters', 'groups *'];
    const held = [on, ...values.map(value => `impersonate:user-info ${value}`)];
    const { asked, decided } = await act(user, { held });
    assert.equal(decided, 'impersonate resource "users"');
    assert.ok(!asked.includes(on));
  });

  it('as a service account by the mode of that, alone; as a node by legacy impersonation only, in a group that makes it none', async () => {
    const account = { 'Impersonate-User': 'system:serviceaccount:shop:robot' };
    const held = [
      'impersonate-on:serviceaccount:list pods',
      'impersonate:serviceaccount serviceaccounts robot',
    ];
    assert.deepEqual((await act(account, { held })).decided, held);
    const more = { ...account, 'Impersonate-Group': 'system:serviceaccounts' };
    assert.equal(typeof (await act(more, { held })).decided, 'string');
    const asUser = [on, 'impersonate:user-info users system:serviceaccount:shop:robot'];
    assert.equal(typeof (await act(account, { held: asUser })).decided, 'string');
    const node = { 'Impersonate-User': 'system:node:n1' };
    const ofNode = ['impersonate-on:arbitrary-node:list pods', 'impersonate:arbitrary-node nodes n1'];
    assert.equal(typeof (await act(node, { held: ofNode })).decided, 'string');
    const fields = ['Impersonate-User', 'system:node:n1'];
    assert.deepEqual(requestedUser(fields, true)?.headers.slice(2), [
      'Impersonate-Group',
      'system:authenticated',
    ]);
    assert.deepEqual(requestedUser(fields, false)?.headers, fields);
  });

  it('as long as it has the rights that have decided it: no others are asked', async () => {
    const by = [pods, metrics];
    for (const held of [['list pods', 'get /metrics'], ['list pods'], []]) {
      const reviews = reviewsOf({ held });
      const again = permitAgain(reviews, impersonator, { by });
      await (held.length === by.length ? again : assert.rejects(again, /cannot (?:list|get) /));
      assert.deepEqual(reviews.asked, ['list pods', 'get /metrics']);
    }
  });
});
