import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import { AuthenticationError, IdentityError, UndecidedError } from '../../../src/authentication/identity.js';
import type { AuthenticationRequest } from '../../../src/authentication/method.js';
import type { Cluster } from '../../../src/clusters/cluster.js';
import { type Endpoint, identityOf } from '../../../src/clusters/endpoint.js';
import type { VerifiedUser } from '../../../src/features/common/token-cache.js';
import { createTokenReviewAuthenticator } from '../../../src/features/token-review/authenticator.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import type { PhaseObserver } from '../../../src/lib/phases.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { eventually } from '../../support/eventually.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ToldPhases } from '../../support/told-phases.js';

type Review = (token: string) => VerifiedUser | Promise<VerifiedUser>;

/** A cluster and the reviews of its API server. Its endpoint may be replaced. */
interface FakeCluster {
  endpoint: Endpoint;
  review: Review;
  readonly reviewed: string[];
  readonly voucher: FakeCluster;
}

function endpointOf(hostname: string): Endpoint {
  const server = { protocol: 'https:', hostname, port: 443, path: '' };
  const endpoint = { config: { server } } as unknown as Endpoint;
  return { ...endpoint, identity: identityOf(endpoint) };
}

function clusterOf(hostname: string, review: Review, voucher?: FakeCluster): FakeCluster {
  const cluster = { endpoint: endpointOf(hostname), review, reviewed: [] };
  return Object.assign(cluster, { voucher: voucher ?? (cluster as unknown as FakeCluster) });
}

function verified(username: string): VerifiedUser {
  return { user: { username, uid: undefined, groups: [], extra: new Map() }, expires: undefined };
}

const unknown: Review = () => {
  throw new AuthenticationError('unknown');
};

function setUp() {
  const clock = new ManualClock(1_700_000_000_000);
  const { authenticator, rechecker } = createTokenReviewAuthenticator({
    async review({ text }, cluster) {
      const { reviewed, review } = cluster as unknown as FakeCluster;
      reviewed.push(text);
      return review(text);
    },
    metrics: { cacheAsked: () => {} },
    clock,
  });
  const authenticate = async (
    text: string,
    cluster: FakeCluster,
    {
      source = '192.0.2.1',
      endpoint = cluster.endpoint,
      namesContext = false,
      isOpen = true,
      by = authenticator,
      phases = undefined as PhaseObserver | undefined,
    } = {},
  ) => {
    const openCluster = () => (isOpen ? endpoint : Promise.resolve(endpoint));
    const request = {
      ...{ cluster: cluster as unknown as Cluster, openCluster },
      mount: { namesContext },
      record: { phases },
    } as unknown as AuthenticationRequest;
    const token = { text, digest: digestOf(text), source };
    return (await by.authenticateToken(token, request))?.username;
  };
  const recheck = (text: string, cluster: FakeCluster, more = {}) =>
    authenticate(text, cluster, { ...more, by: rechecker });
  return { clock, authenticate, recheck };
}

/** A review that is answered when the test says so. */
function held() {
  const answers: ((result: VerifiedUser) => void)[] = [];
  return { answers, review: () => new Promise<VerifiedUser>(resolve => answers.push(resolve)) };
}

const down: Review = () => {
  throw new StatusError(503, 'down');
};

const never: Review = () => new Promise<VerifiedUser>(() => {});

describe('tokens that clusters review', () => {
  const broken: Review = () => {
    throw new StatusError(500, 'broken');
  };
  const reserved: Review = () => {
    throw new IdentityError('reserved');
  };
  for (const [what, review, kind, cause] of [
    ['that does not know them', unknown, AuthenticationError, undefined],
    ['that knows them as a user who may not act here', reserved, IdentityError, undefined],
    ['that fails', down, UndecidedError, /down/],
    ['that fails in another way', broken, UndecidedError, /broken/],
    ['that does not answer', never, UndecidedError, /did not answer/],
  ] as const) {
    it(`take two seconds to be rejected below the path of a context by a cluster ${what}, as for an unknown name`, async () => {
      const { authenticate, clock } = setUp();
      const asked = clusterOf('asked', review);
      // Where the result is remembered too.
      for (let time = 0; time < 2; time++) {
        let isRefused = false;
        const refused = assert.rejects(
          authenticate('made-up', asked, { namesContext: true }).finally(() => (isRefused = true)),
          (error: Error) =>
            Object(error).constructor === kind && (cause?.test((error.cause as Error).message) ?? true),
        );
        await eventually('the timer', () => clock.pending > 0);
        clock.advance(1_999);
        await new Promise(resolve => setImmediate(resolve));
        assert.equal(isRefused, false);
        clock.advance(1);
        await refused;
      }
    });
  }

  it('are valid below the path of a context as soon as its cluster says so, even after that time', async () => {
    const { authenticate, clock } = setUp();
    const { answers, review } = held();
    const slow = clusterOf('slow', review);
    const first = assert.rejects(authenticate('alice', slow, { namesContext: true }), AuthenticationError);
    clock.advance(2_000);
    await first;
    const second = authenticate('alice', slow, { namesContext: true });
    answers[0]?.(verified('alice'));
    assert.equal(await second, 'alice');
    assert.equal(await authenticate('alice', slow, { namesContext: true }), 'alice');
    assert.deepEqual([clock.pending, slow.reviewed.length], [0, 1]);
  });

  it('that were valid at a cluster wait for it, and hear what is wrong with it, below the path of its context too', async () => {
    const { authenticate, clock } = setUp();
    const cluster = clusterOf('a', verified);
    const ask = (endpoint?: Endpoint) =>
      authenticate('alice', cluster, { namesContext: true, ...(endpoint && { endpoint }) });
    assert.equal(await ask(), 'alice');
    const first = cluster.endpoint;
    const { answers, review } = held();
    Object.assign(cluster, { endpoint: endpointOf('b'), review });
    const elsewhere = { namesContext: true, endpoint: endpointOf('c') };
    await assert.rejects(authenticate('bob', clusterOf('d', verified), elsewhere), { code: 503 });
    const replaced = assert.rejects(ask(first), { code: 503, message: /replaced by another one/ });
    clock.advance(9_999);
    answers[0]?.(verified('alice'));
    await replaced;
    clock.advance(120_000);
    cluster.review = down;
    await assert.rejects(ask(), { code: 503, message: 'down' });
    clock.advance(12 * 60_000);
    const stranger = assert.rejects(ask(), AuthenticationError);
    await eventually('the timer', () => clock.pending > 0);
    clock.advance(2_000);
    await stranger;
  });

  it('are valid only in the cluster that knows them, for two minutes, until its endpoint is replaced', async () => {
    const { authenticate, clock } = setUp();
    const development = clusterOf('development', verified);
    const production = clusterOf('production', unknown);
    const sandbox = clusterOf('sandbox', text => verified(`sandbox-${text}`));
    for (let time = 0; time < 2; time++) {
      assert.equal(await authenticate('robot', development, { isOpen: time > 0 }), 'robot');
      await assert.rejects(authenticate('robot', production), AuthenticationError);
      assert.equal(await authenticate('robot', sandbox), 'sandbox-robot');
    }
    for (const { reviewed } of [development, production, sandbox]) assert.deepEqual(reviewed, ['robot']);
    Object.assign(sandbox, { endpoint: endpointOf('sandbox'), review: unknown });
    await assert.rejects(authenticate('robot', sandbox), AuthenticationError);
    development.review = unknown;
    clock.advance(119_999);
    assert.equal(await authenticate('robot', development), 'robot');
    clock.advance(1);
    await assert.rejects(authenticate('robot', development), AuthenticationError);
  });

  it('for a cluster whose callers another one vouches for are reviewed by that one alone, also when they are asked about again', async () => {
    const { authenticate, recheck } = setUp();
    const home = clusterOf('home', verified);
    const found = clusterOf('found', verified, home);
    const options = { namesContext: true };
    assert.equal(await authenticate('alice', found, options), 'alice');
    assert.equal(await authenticate('alice', home), 'alice');
    assert.equal(await recheck('alice', found, options), 'alice');
    assert.deepEqual([home.reviewed, found.reviewed], [['alice', 'alice'], []]);
    home.review = down;
    await assert.rejects(recheck('alice', found, options), { code: 503 });
    assert.deepEqual(found.reviewed, []);
  });

  it('are freed together with their cluster', async () => {
    const { authenticate } = setUp();
    const users: WeakRef<object>[] = [];
    const visit = async () => {
      const cluster = clusterOf('gone', text => {
        const result = verified(text);
        users.push(new WeakRef(result.user));
        return result;
      });
      assert.equal(await authenticate('robot', cluster), 'robot');
      users.push(new WeakRef(cluster));
    };
    await visit();
    await eventually('the end of both', () => {
      collectGarbage();
      return users.length === 2 && users.every(user => user.deref() === undefined);
    });
  });

  it('are one wait of all requests that bring the same one at a time', async () => {
    const { authenticate } = setUp();
    const [cluster, phases] = [clusterOf('a', verified), new ToldPhases()];
    await Promise.all([
      authenticate('robot', cluster, { phases }),
      authenticate('robot', cluster, { phases }),
    ]);
    await authenticate('robot', cluster, { phases });
    phases.assertOneForTwo('authentication');
  });

  it('wait only for their own cluster: a slow or failing cluster neither delays nor fails the others', async () => {
    const { authenticate } = setUp();
    const slow = clusterOf('slow', never);
    const failing = clusterOf('down', down);
    const good = clusterOf('good', verified);
    // These are more than the reviews that run in one cluster at a time.
    for (let index = 0; index < 2_000; index++) {
      void authenticate(`slow-${index}`, slow, { source: `198.51.100.${index % 250}` });
    }
    await assert.rejects(authenticate('alice', failing), { code: 503 });
    const { length } = slow.reviewed;
    assert.ok(length > 500 && length <= 512, `${length} are under way`);
    assert.equal(await authenticate('alice', good), 'alice');
    assert.equal(await authenticate('slow-0', good), 'slow-0');
  });

  it('wait at most 128 at a time for each address, over all clusters together, unless they were valid a short while ago', async () => {
    const { authenticate, clock } = setUp();
    const one = clusterOf('one', never);
    const other = clusterOf('other', never);
    const good = clusterOf('good', verified);
    await authenticate('alice', good);
    clock.advance(120_000);
    for (const cluster of [one, other]) {
      for (let index = 0; index < 64; index++) void authenticate(`token-${index}`, cluster);
    }
    for (const cluster of [one, other, good]) {
      await assert.rejects(authenticate('one-more', cluster), { code: 503, retryAfterSeconds: 1 });
    }
    assert.equal(await authenticate('one-more', good, { source: '192.0.2.2' }), 'one-more');
    assert.equal(await authenticate('alice', good), 'alice');
    await assert.rejects(authenticate('alice', other), { code: 503 });
  });
});

describe('a recheck of a token that was valid', () => {
  it('asks again, once for all at a time, and its answer counts for new requests too, unless nobody answers', async () => {
    const { authenticate, recheck } = setUp();
    const cluster = clusterOf('a', verified);
    await authenticate('robot', cluster);
    const both = await Promise.all([recheck('robot', cluster), recheck('robot', cluster)]);
    assert.deepEqual(both, ['robot', 'robot']);
    assert.equal(cluster.reviewed.length, 2);
    cluster.review = down;
    await assert.rejects(recheck('robot', cluster), { code: 503 });
    cluster.review = unknown;
    assert.equal(await authenticate('robot', cluster), 'robot');
    await assert.rejects(recheck('robot', cluster), AuthenticationError);
    await assert.rejects(authenticate('robot', cluster), AuthenticationError);
  });

  it('passes the limit of its network, and fails if another API server would answer', async () => {
    const { authenticate, recheck } = setUp();
    const cluster = clusterOf('a', verified);
    const full = clusterOf('full', never);
    for (let index = 0; index < 128; index++) void authenticate(`token-${index}`, full);
    assert.equal(await recheck('robot', cluster), 'robot');
    await assert.rejects(recheck('robot', cluster, { endpoint: endpointOf('b') }), /replaced by another one/);
  });
});

it('a review that is under way when the API server is replaced is not used if the first server is back before the request is sent', async () => {
  const { authenticate } = setUp();
  const { answers, review } = held();
  const cluster = clusterOf('a', review);
  const first = cluster.endpoint;
  const request = authenticate('robot', cluster);
  cluster.endpoint = endpointOf('b');
  answers[0]?.(verified('somebody at a'));
  await eventually('the review at b', () => answers.length === 2);
  answers[1]?.(verified('administrator at b'));
  await assert.rejects(request, { code: 503, retryAfterSeconds: 1, message: /replaced by another one/ });
  // The answer of b is cached only for b.
  await assert.rejects(authenticate('robot', cluster, { endpoint: first }), { code: 503 });
  assert.equal(await authenticate('robot', cluster), 'administrator at b');
  cluster.endpoint = endpointOf('a');
  cluster.review = verified;
  assert.equal(await authenticate('robot', cluster, { endpoint: first }), 'robot');
});
