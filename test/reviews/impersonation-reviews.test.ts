import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Cluster } from '../../src/clusters/cluster.js';
import type { Endpoint } from '../../src/clusters/endpoint.js';
import { CredentialError } from '../../src/credentials/credential.js';
import { requestedUser } from '../../src/kubernetes/requested-user.js';
import { StatusError } from '../../src/kubernetes/status.js';
import type { UserInfo } from '../../src/kubernetes/user-info.js';
import { Deferred } from '../../src/lib/promises.js';
import { permitUser } from '../../src/reviews/impersonation-reviews.js';
import { Reviews } from '../../src/reviews/reviews.js';
import { type Access, ReplacedError } from '../../src/transport/access.js';
import type { OutgoingRequest } from '../../src/transport/round-trip.js';
import { refusedCredential } from '../../src/transport/upstream-error.js';
import { ManualClock } from '../support/manual-clock.js';
import { endpointWith } from '../support/proxy/client-request.js';
import { type Answer, answeringPool, jsonOf } from '../support/transport/answering-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

/** A review that the API server got: the Impersonate-* fields, and the name that it is about. */
interface Review {
  readonly as: readonly string[];
  readonly name: string;
}

const alice: UserInfo = {
  username: 'alice',
  uid: '1',
  groups: ['dev'],
  extra: new Map([['scopes', ['all']]]),
};

let clock: ManualClock;
let reviews: Reviews;
let asked: Review[];
/** What the API server answers to a review of this name. */
let answers: (name: string) => Answer | Promise<Answer>;

const allowed = { status: 201, body: { status: { allowed: true } } };

beforeEach(() => {
  clock = new ManualClock(1_000_000);
  reviews = new Reviews(clock);
  asked = [];
  answers = () => allowed;
});

function answer({ headers, body }: OutgoingRequest): Answer | Promise<Answer> {
  const { spec } = jsonOf(body) as { spec: { resourceAttributes: { name: string } } };
  const { name } = spec.resourceAttributes;
  const as = headers.filter((_, index) => /^impersonate-/i.test(headers[index - (index % 2)] ?? ''));
  asked.push({ as, name });
  return answers(name);
}

/** A cluster whose access belongs to `now`, which a test changes. */
class TestCluster {
  readonly host = 'api.example';
  readonly name: string;
  now: Endpoint;

  constructor(endpoint: Endpoint, name = 'dev') {
    this.name = name;
    this.now = endpoint;
  }

  access(): Access | Promise<Access> {
    return accessTo(answeringPool(answer), { endpoint: this.now.identity });
  }

  async refused(): Promise<undefined> {}
}

const endpoint = endpointWith();
const cluster = new TestCluster(endpoint);

/** Asks whether a caller may impersonate these users and groups. */
function permit(
  names: readonly string[],
  { caller = alice, at = endpoint, of = cluster, namesContext = false } = {},
): Promise<unknown> {
  const [user = '', ...groups] = names;
  const headers = ['Impersonate-User', user, ...groups.flatMap(group => ['Impersonate-Group', group])];
  const impersonator = { caller, cluster: of as unknown as Cluster, endpoint: at, mount: { namesContext } };
  const requested = requestedUser(headers, false) ?? assert.fail();
  return permitUser(reviews, impersonator, requested, { resourceAttributes: {} });
}

function failsWith(promise: Promise<unknown>, code: number, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

describe('the reviews of an impersonation', () => {
  it('all have to be allowed, and the first one that is refused says why, whichever answer comes first', async () => {
    const later = new Deferred();
    answers = async name => {
      if (name === 'more') later.resolve();
      if (name === 'ops') await later.promise;
      const reason = name === 'ops' ? 'because' : '';
      return { status: 201, body: { status: { allowed: name === 'carol', reason } } };
    };
    await failsWith(
      permit(['carol', 'ops', 'more']),
      403,
      /^groups "ops" is forbidden: User "alice" cannot impersonate resource "groups" .*: because$/,
    );
    await permit(['carol']);
    await failsWith(permit(['carol', 'more']), 403, /^groups "more" is forbidden: .* cluster scope$/);
  });

  it('are not asked again for 10 s after they were asked if they were allowed, and each time if they were refused', async () => {
    answers = () => {
      clock.advance(9_000);
      return allowed;
    };
    await permit(['carol']);
    clock.advance(999);
    await permit(['carol']);
    assert.equal(asked.length, 1);
    clock.advance(1);
    answers = () => ({ status: 201, body: { status: { allowed: false, denied: true } } });
    for (let turn = 0; turn < 2; turn++) await failsWith(permit(['carol']), 403, /"carol"/);
    answers = () => allowed;
    await permit(['carol']);
    assert.equal(asked.length, 4);
  });

  it('serve no other caller, not even one that differs in a uid, a group or an extra field', async () => {
    await permit(['carol']);
    const others: readonly UserInfo[] = [
      { ...alice, username: 'alicf' },
      { ...alice, uid: '2' },
      { ...alice, uid: undefined },
      { ...alice, groups: [] },
      { ...alice, groups: ['dev', 'ops'] },
      { ...alice, extra: new Map() },
      { ...alice, extra: new Map([['scopes', ['all', 'more']]]) },
      { ...alice, extra: new Map([['other', ['all']]]) },
    ];
    for (const [index, caller] of others.entries()) {
      await permit(['carol'], { caller });
      assert.equal(asked.length, index + 2);
    }
    await permit(['carol'], { caller: { ...alice } });
    assert.equal(asked.length, others.length + 1, 'the same caller with another token');
    const known = ['Impersonate-User', 'alice', 'Impersonate-Uid', '1', 'Impersonate-Group', 'dev'];
    assert.deepEqual(asked[0]?.as, [...known, 'Impersonate-Extra-Scopes', 'all']);
  });

  it('serve no other value, not even one of the same name', async () => {
    await permit(['carol', 'carol']);
    await permit(['system:serviceaccount:shop:carol']);
    await permit(['system:serviceaccount:shop2:carol']);
    assert.deepEqual(
      asked.map(({ name }) => name),
      ['carol', 'carol', 'carol', 'carol'],
    );
  });

  it('are shared by requests that need the same answer at the same time', async () => {
    await Promise.all([permit(['dave', 'ops']), permit(['dave', 'dev']), permit(['dave', 'ops'])]);
    assert.deepEqual(
      asked.map(({ name }) => name),
      ['dave', 'ops', 'dev'],
    );
  });

  it('of one caller are at most 512 at a time, also of clients that have left, and other callers go on', async () => {
    const later = new Deferred();
    answers = async () => {
      await later.promise;
      return allowed;
    };
    const names = (turn: number) => Array.from({ length: 64 }, (_, at) => `n${turn * 64 + at}`);
    const waiting = Array.from({ length: 8 }, (_, turn) => permit(names(turn)));
    await failsWith(permit(names(8)), 503, /too many questions .* try again/);
    assert.equal(asked.length, 512);
    // The same name at another cluster, and another name at the same one.
    const elsewhere = new TestCluster(endpoint, 'elsewhere');
    const at = endpointWith();
    const others = [
      permit(['carol'], { caller: { ...alice, username: 'bob' } }),
      permit(['carol'], { of: elsewhere, at }),
    ];
    assert.equal(asked.length, 514);
    later.resolve();
    await Promise.all([...waiting, ...others]);
    await permit(names(8));
  });

  it('serve no other API server, and another endpoint of the same one', async () => {
    const other = endpointWith({ server: { protocol: 'https:', hostname: 'b', port: 443, path: '' } });
    const back = endpointWith();
    const moving = new TestCluster(endpoint);
    for (const [at, count] of [
      [endpoint, 1],
      [other, 2],
      [back, 2],
    ] as const) {
      moving.now = at;
      await permit(['carol'], { of: moving, at });
      assert.equal(asked.length, count);
      await permit(['carol'], { of: moving, at });
      assert.equal(asked.length, count);
    }
  });

  it('are sent to no other endpoint than the one of the request, and to no other context if the path names it', async () => {
    const elsewhere = endpointWith({ server: { protocol: 'https:', hostname: 'b', port: 443, path: '' } });
    const renamed = endpointWith({}, { context: 'prod' });
    await assert.rejects(permit(['carol'], { of: new TestCluster(elsewhere) }), ReplacedError);
    await assert.rejects(
      permit(['carol'], { of: new TestCluster(renamed), namesContext: true }),
      ReplacedError,
    );
    assert.deepEqual(asked, []);
    await permit(['carol'], { of: new TestCluster(renamed) });
    assert.equal(asked.length, 1);
  });

  it('are a 403, with the API server’s message if it refuses the review itself, and whatever else it says if its authorizer has an error', async () => {
    const message = 'users "alice" is forbidden: User "proxy" cannot impersonate resource "users"';
    answers = () => ({ status: 403, body: { kind: 'Status', message } });
    await failsWith(permit(['carol']), 403, /^users "alice" is forbidden: User "proxy" cannot/);
    answers = () => ({ status: 404, body: 'no such page' });
    await failsWith(permit(['carol']), 403, /answers 404 to a SelfSubjectAccessReview/);
    const hasError = { allowed: true, evaluationError: 'the webhook is down' };
    for (const status of [undefined, {}, { allowed: 'true' }, { allowed: 1 }, hasError]) {
      answers = () => ({ status: 201, body: { status } });
      await failsWith(permit(['carol']), 403, /^users "carol" is forbidden/);
    }
  });

  it('are a 503 if there is no answer, and a 502 if the API server refuses the proxy’s own credential', async () => {
    for (const answer of [
      undefined,
      { status: 500, body: {} },
      { status: 429, body: {} },
      { status: 201, body: 'x' },
    ]) {
      answers = () => answer;
      await failsWith(permit(['carol']), 503, /it is not known whether you may impersonate/);
    }
    answers = () => ({ status: 401, body: {} });
    await failsWith(permit(['carol']), 502, /refuses the proxy's own credential/);
    const closed = new TestCluster(endpoint);
    closed.access = () => Promise.reject(refusedCredential());
    await failsWith(permit(['carol'], { of: closed }), 502, /refuses the proxy's own credential/);
    closed.access = () => Promise.reject(new CredentialError('no plugin'));
    await failsWith(permit(['carol'], { of: closed }), 503, /no plugin/);
    answers = name => (name === 'carol' ? allowed : undefined);
    await failsWith(permit(['carol', 'ops']), 503, /not known/);
  });
});
