import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type LocalApi,
  type WatchRequest,
  type WatchToShare,
  watchToShare,
} from '../../../src/features/shared-watches/watch-to-share.js';
import { fieldValue } from '../../../src/http/header-fields.js';
import { impersonationOf } from '../../../src/kubernetes/impersonation.js';
import { systemClock } from '../../../src/lib/clock.js';
import { Reviews } from '../../../src/reviews/reviews.js';
import { type Access, ReplacedError } from '../../../src/transport/access.js';
import type { OutgoingRequest } from '../../../src/transport/round-trip.js';
import { outgoingRequest, type UpstreamRequest } from '../../../src/transport/upstream-request.js';
import { answeringPool, jsonOf } from '../../support/transport/answering-pool.js';
import { accessTo, endpoint, upstreamRequestTo } from '../../support/transport/upstream-requests.js';

const query = 'resourceVersion=7&labelSelector=a%3Db&timeoutSeconds=9';
const jane = ['Impersonate-User', 'jane'];

type Asked = Partial<Omit<WatchRequest, 'own'>> & { readonly own?: Partial<UpstreamRequest> };

function accessWith(more: Partial<Access> = {}, asked: OutgoingRequest[] = []): Access {
  const pool = answeringPool(request => {
    asked.push(request);
    return { status: 201, body: { status: { allowed: true } } };
  });
  return accessTo(pool, more);
}

function share(access: Access, { own, ...more }: Asked = {}): WatchToShare | undefined {
  const request = {
    own: upstreamRequestTo(`/api/v1/pods?${query}`, { isBelowServerPath: false, ...own }),
    path: '/api/v1/pods',
    query,
    rawHeaders: ['Accept', 'application/json', 'Accept-Encoding', 'gzip', 'User-Agent', 'kubectl'],
    requestId: 'id',
    expires: 12,
    attributes: { resourceAttributes: { verb: 'watch' } },
    isStillValid: undefined,
    ...more,
  };
  const cluster = { host: 'api', name: '', access: () => access, refused: async () => undefined };
  return watchToShare(request, access, cluster);
}

function shared(access: Access, asked?: Asked): WatchToShare {
  return share(access, asked) ?? assert.fail('it can be shared');
}

describe('the request of a shared watch', () => {
  it('is what the client asks for, from another version, below the path of the server', async () => {
    const access = accessWith({ credential: { authorization: 'Bearer own' } });
    const watch = shared(access, { own: { impersonation: jane, isRepeatable: false } });
    assert.deepEqual([watch.version, watch.bookmarks, watch.timeout, watch.expires], ['7', false, 9000, 12]);
    const { method, path, headers } = outgoingRequest(watch.from('42'), { ...access, serverPath: '/k8s' });
    assert.equal(method, 'GET');
    assert.equal(path, '/k8s/api/v1/pods?labelSelector=a%3Db&resourceVersion=42&allowWatchBookmarks=true');
    assert.deepEqual(headers, [
      ...['Host', 'api:6443', 'User-Agent', 'kube-api-proxy', 'X-Request-Id', 'id'],
      ...['Accept', 'application/json', 'Authorization', 'Bearer own', ...jane],
    ]);
  });

  it('has no field that the client has sent but Accept', async () => {
    const watch = shared(accessWith(), { rawHeaders: ['Accept', 'application/yaml', 'Origin', 'x'] });
    const { headers } = watch.from('7');
    const own = ['User-Agent', 'kube-api-proxy', 'X-Request-Id', 'id'];
    assert.deepEqual(headers, [...own, 'Accept', 'application/yaml']);
  });

  it('may be sent again, over a shared connection, with any access of its user and no other', async () => {
    const token = (sub: string, jti: string) => {
      const claims = Buffer.from(JSON.stringify({ sub, jti })).toString('base64url');
      return { credential: { authorization: `Bearer e30.${claims}.c2ln` } };
    };
    const asked = { own: { judgedFor: endpoint, hidesRefusal: true } };
    const watch = shared(accessWith(token('alice', '1')), asked);
    const request = watch.from('7');
    const { connection, isRepeatable, hidesRefusal, bringsAuthorization, user } = request;
    assert.deepEqual(
      [connection, isRepeatable, hidesRefusal, bringsAuthorization],
      ['shared', true, false, false],
    );
    const isUser = (more: Partial<Access>) => user?.isUserOf(accessWith(more));
    assert.equal(isUser(token('alice', '2')), true);
    assert.equal(isUser({ ...token('alice', '2'), endpoint: { ...endpoint, context: 'prod' } }), true);
    assert.equal(isUser(token('bob', '1')), false);
    assert.equal(isUser({ ...token('alice', '1'), endpoint: { ...endpoint, server: 'other' } }), false);
    assert.equal(isUser({ ...token('alice', '1'), impersonation: jane }), false);
  });

  it('has neither a credential of the client nor anything else that says who the client is', async () => {
    const rawHeaders = ['X-Forwarded-For', 'S3CRET', 'User-Agent', 'S3CRET', 'Traceparent', 'S3CRET'];
    const watch = shared(accessWith(), { rawHeaders });
    assert.doesNotMatch(JSON.stringify(watch.from('7')), /S3CRET/);
    const own = shared(accessWith(), { own: { headers: ['X-Client', 'S3CRET'] } });
    assert.doesNotMatch(JSON.stringify(own.from('7')), /S3CRET/);
  });
});

describe('the key of a shared watch', () => {
  const keyOf = (more: Partial<Access> = {}, asked?: Asked) => shared(accessWith(more), asked).key;

  it('is equal for clients that differ in version, bookmarks, times and request', async () => {
    const key = keyOf();
    for (const asked of [
      { query: 'resourceVersion=8&labelSelector=a%3Db' },
      { query: 'labelSelector=a%3Db&allowWatchBookmarks=true&resourceVersion=7' },
      { requestId: 'other', expires: undefined },
      { own: { headers: ['X', 'y'] } },
      { own: { judgedFor: endpoint } },
    ]) {
      assert.equal(keyOf({}, asked), key);
    }
  });

  it('is equal for all tokens of a caller, whatever their IDs are', async () => {
    const caller = (extra: ReadonlyMap<string, readonly string[]>) => {
      const user = { username: 'jane', uid: undefined, groups: ['dev'], extra };
      return keyOf({}, { own: { impersonation: impersonationOf(user) } });
    };
    const id = 'authentication.kubernetes.io/credential-id';
    const key = await caller(new Map([[id, ['JTI=1']]]));
    assert.equal(await caller(new Map([[id, ['JTI=2']]])), key);
    assert.equal(await caller(new Map()), key);
    for (const other of [`${id}s`, 'credential-id', 'JTI=1']) {
      assert.notEqual(await caller(new Map([[other, ['JTI=1']]])), key, other);
    }
    const group = [...jane, 'Impersonate-Group', 'JTI=1'];
    assert.notEqual(keyOf({}, { own: { impersonation: group } }), key);
  });

  it('differs for another user, API server, impersonation, path, query or form', async () => {
    const keys = [
      keyOf(),
      keyOf({ credential: { authorization: 'Basic YTpi' } }),
      keyOf({ endpoint: { ...endpoint, server: 'other' } }),
      keyOf({ impersonation: ['Impersonate-User', 'ann'] }),
      keyOf({}, { own: { impersonation: jane } }),
      keyOf({}, { own: { impersonation: [...jane, 'Impersonate-Group', 'dev'] } }),
      keyOf({}, { own: { impersonation: [] } }),
      keyOf({}, { path: '/api/v1/services' }),
      keyOf({}, { query: 'resourceVersion=7' }),
      keyOf({}, { rawHeaders: ['Accept', 'application/yaml'] }),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });

  it('is equal for all that ask for plain JSON, compressed or not', () => {
    for (const rawHeaders of [[], ['Accept', '*/*'], ['Accept-Encoding', 'br', 'Cache-Control', 'x']])
      assert.equal(keyOf({}, { rawHeaders }), keyOf());
  });

  it('is equal for all users where all who may watch share, and differs from that of one user alone', async () => {
    const of = (impersonation: readonly string[], api?: LocalApi) =>
      shared(accessWith(), { own: { impersonation, headers: ['Audit-Id', 'own'] }, api });
    const api = { confirm: () => true as const, isLocal: () => true as const };
    const bob = ['Impersonate-User', 'bob'];
    const [alone, one, other] = [await of(jane), await of(jane, api), await of(bob, api)];
    assert.equal(one.key, other.key);
    assert.notEqual(one.key, alone.key);
    assert.deepEqual([alone.auditId, one.auditId], [undefined, 'own']);
  });

  it('is equal for clients that begin with the initial events and those that begin with a version', () => {
    const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const rest = 'labelSelector=a%3Db';
    const key = keyOf({}, { query: `resourceVersion=7&${rest}` });
    for (const more of ['', '&timeoutSeconds=5', '&resourceVersion=0'])
      assert.equal(keyOf({}, { query: `${rest}&${initial}${more}` }), key);
  });
});

describe('a watch', () => {
  it('is not shared without a caller where callers are authenticated', async () => {
    assert.equal(share(accessWith(), { own: { impersonation: undefined } }), undefined);
  });

  it('is not shared if its path may lead past the path of the server', async () => {
    const access = accessWith({ serverPath: '/k8s' });
    assert.equal(share(access), undefined);
    assert.notEqual(share(access, { own: { isBelowServerPath: true } }), undefined);
  });

  it('is not shared if something in its query or its fields may change the answer', async () => {
    for (const asked of [{ query: 'labelSelector=a' }, { rawHeaders: ['Cookie', 'a=b'] }])
      assert.equal(share(accessWith(), asked), undefined, JSON.stringify(asked));
  });

  it('is not shared with those of another endpoint than the one it was judged for', async () => {
    const prod = { ...endpoint, context: 'prod' };
    for (const own of [
      { judgedFor: { ...endpoint, server: 'other' } },
      { judgedFor: prod, namesContext: true },
    ])
      assert.throws(() => share(accessWith(), { own }), ReplacedError);
    assert.notEqual(share(accessWith(), { own: { judgedFor: prod } }), undefined);
  });
});

it('the check of a user’s right to a shared watch asks the API server about this watch as this user', async () => {
  for (const [impersonation, user] of [
    [jane, 'jane'],
    ['configured', 'ann'],
  ] as const) {
    const asked: OutgoingRequest[] = [];
    const access = accessWith({ impersonation: ['Impersonate-User', 'ann'] }, asked);
    const watch = shared(access, { own: { impersonation } });
    assert.equal((await new Reviews(systemClock).ask(watch.question)).isAllowed, true);
    const [{ path, headers, body }] = asked as [OutgoingRequest];
    assert.equal(path, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews');
    assert.equal(fieldValue(headers, 'impersonate-user'), user);
    assert.deepEqual((jsonOf(body) as { spec: object }).spec, { resourceAttributes: { verb: 'watch' } });
  }
});
