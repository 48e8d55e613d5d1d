import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { type Endpoint, identityOf } from '../../src/clusters/endpoint.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { type Access, type AccessConditions, ReplacedError } from '../../src/transport/access.js';
import type { OutgoingRequest } from '../../src/transport/round-trip.js';
import {
  outgoingRequest,
  requireAccess,
  SentRequest,
  type UpstreamRequest,
} from '../../src/transport/upstream-request.js';
import { endpointWith } from '../support/proxy/client-request.js';
import { FakePool } from '../support/transport/fake-pool.js';
import { accessTo, upstreamRequestTo } from '../support/transport/upstream-requests.js';

const access = accessTo(new FakePool(), {
  serverPath: '/k8s/c1',
  credential: { authorization: 'Bearer own' },
  impersonation: ['Impersonate-User', 'jane'],
});
const bare = accessTo(new FakePool());
const outgoingTo = (more: Partial<Access>) =>
  outgoingRequest(upstreamRequestTo('/'), accessTo(new FakePool(), more));
const outgoingWith = (more: Partial<UpstreamRequest>) => outgoingRequest(upstreamRequestTo('/', more), bare);

describe('a request for the API server', () => {
  it('has the host first, then its own fields, then the credential and the configured impersonation', () => {
    const { headers } = outgoingRequest(upstreamRequestTo('/api', { headers: ['Accept', 'a/b'] }), access);
    assert.deepEqual(headers, [
      ...['Host', 'api:6443', 'Accept', 'a/b'],
      ...['Authorization', 'Bearer own', 'Impersonate-User', 'jane'],
    ]);
  });

  it('has neither credential nor impersonation if the access has none', () => {
    const { headers } = outgoingRequest(upstreamRequestTo('/api'), bare);
    assert.deepEqual(headers, ['Host', 'api:6443']);
  });

  it("has the client's credential instead of the access's", () => {
    for (const credential of ['Bearer theirs', '']) {
      const request = { headers: ['authorization', credential], bringsAuthorization: true };
      const { headers } = outgoingRequest(upstreamRequestTo('/api', request), access);
      assert.deepEqual(headers.slice(2, 4), ['authorization', credential]);
      assert.ok(!headers.includes('Bearer own'));
    }
  });

  it("has the caller's impersonation instead of the access's, even an empty one", () => {
    for (const impersonation of [['Impersonate-User', 'alice', 'Impersonate-Group', 'dev'], []]) {
      const { headers } = outgoingRequest(upstreamRequestTo('/api', { impersonation }), access);
      assert.deepEqual(headers.slice(4), impersonation);
    }
  });

  it('is not made without a caller where callers are authenticated, whatever the access has', () => {
    for (const to of [access, bare]) {
      for (const bringsAuthorization of [false, true]) {
        assert.throws(
          () =>
            outgoingRequest(upstreamRequestTo('/', { impersonation: undefined, bringsAuthorization }), to),
          (error: unknown) => error instanceof StatusError && error.code === 500,
        );
      }
    }
  });

  it("has the server's path before its target only if the target is below that path", () => {
    const pathOf = (isBelowServerPath: boolean) =>
      outgoingRequest(upstreamRequestTo('/api?a=b', { isBelowServerPath }), access).path;
    assert.equal(pathOf(true), '/k8s/c1/api?a=b');
    assert.equal(pathOf(false), '/api?a=b');
  });

  it('keeps method and body, and any byte of a target and of a value', () => {
    const body = { start() {}, stop() {} };
    const outgoing = outgoingRequest(upstreamRequestTo('/', { method: 'POST', body }), bare);
    assert.deepEqual([outgoing.method, outgoing.body], ['POST', body]);
    const [target, value] = ['/api?watch=1&a=\xc3\xa9\x80%00{}|"!~', '\xe9\xff\x80\t ~'];
    const { path, headers } = outgoingRequest(upstreamRequestTo(target, { headers: ['X', value] }), bare);
    assert.deepEqual([path, headers.at(-1)], [target, value]);
  });

  const badTargets = [
    ...['/a b', '/a\r\nX: y', '/a\n', '/\0', '/\t', '/\x7f', '/\u0100', '/\u560a', '/\ud800', ' /'],
  ];
  const badValues = [
    ...['a\r\nb', 'a\nb', 'a\rb', '\0', '\x1b', '\x7f', '\u0100', '\u560d\u560a', '\u2028', '\ud800'],
  ];
  const bad: readonly (readonly [string, readonly string[], (text: string) => OutgoingRequest])[] = [
    ['a target', badTargets, text => outgoingRequest(upstreamRequestTo(text), bare)],
    ["a server's path", badTargets, text => outgoingTo({ serverPath: text })],
    ['a host', badValues, text => outgoingTo({ host: text })],
    ['a credential', badValues, text => outgoingTo({ credential: { authorization: text } })],
    ['a configured impersonation', badValues, text => outgoingTo({ impersonation: ['A', 'b', 'C', text] })],
    ["a client's value", badValues, text => outgoingWith({ headers: ['A', 'b', 'C', text, 'D', 'e'] })],
    ["a caller's impersonation", badValues, text => outgoingWith({ impersonation: ['A', text] })],
  ];
  for (const [what, texts, make] of bad) {
    it(`is not made with ${what} that would end its part of the head, and the error does not tell it`, () => {
      for (const text of texts) {
        const isSilent = (error: unknown) => error instanceof TypeError && !error.message.includes(text);
        assert.throws(() => make(text), isSilent, JSON.stringify(text));
      }
    });
  }
});

describe('what an observer knows of a request', () => {
  const fields = ['Host', 'api:6443', 'Authorization', 'Bearer S3CRET', 'Cookie', 'a=S3CRET'];
  const acting = ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev'];

  it('is the API server and the impersonated user', () => {
    const { host, user } = new SentRequest('api:6443', [...fields, ...acting]);
    assert.equal(host, 'api:6443');
    assert.deepEqual([user?.username, user?.groups], ['jane', ['dev', 'system:authenticated']]);
    assert.equal(new SentRequest('api:6443', fields).user, undefined);
  });

  it('contains no secret, however it is written down', () => {
    const sent = new SentRequest('api:6443', [...fields, ...acting]);
    const texts = [
      inspect(sent, { showHidden: true, depth: null, getters: true }),
      JSON.stringify(sent),
      JSON.stringify({ ...sent }),
      JSON.stringify(structuredClone(sent)),
      JSON.stringify(Object.getOwnPropertyDescriptors(sent)),
      JSON.stringify(sent.user),
      String(sent),
    ];
    for (const text of texts) assert.doesNotMatch(text, /S3CRET|Authorization/i);
    const known = [...Reflect.ownKeys(sent), ...Reflect.ownKeys(Object.getPrototypeOf(sent))];
    assert.deepEqual(known, ['host', 'constructor', 'user']);
  });
});

const server = { protocol: 'https:', hostname: 'api.example', port: 443, path: '' } as const;
const jane = { username: 'jane', uid: undefined, groups: [], extra: new Map() };

/** Whether a request that was judged for one endpoint may be sent to another one. */
function mayGo(judgedFor: Endpoint, now: Endpoint, more: AccessConditions = {}): boolean {
  const access = accessTo(new FakePool(), { endpoint: identityOf(now) });
  try {
    requireAccess({ judgedFor: identityOf(judgedFor), ...more }, access);
    return true;
  } catch (error) {
    assert.ok(error instanceof ReplacedError);
    return false;
  }
}

/** Endpoints that differ from `endpointWith()`. */
const others: Readonly<Record<string, Endpoint>> = {
  'another host': endpointWith({ server: { ...server, hostname: 'other.example' } }),
  'another port': endpointWith({ server: { ...server, port: 6443 } }),
  'another protocol': endpointWith({ server: { ...server, protocol: 'http:' } }),
  'another path of the server': endpointWith({ server: { ...server, path: '/k8s' } }),
  'a certificate that is not verified': endpointWith({ insecureSkipTlsVerify: true }),
  'another name in the certificate': endpointWith({ tlsServerName: 'other' }),
  'another authority': endpointWith({}, { certificateAuthority: Buffer.from('PEM') }),
  'another proxy on the way': endpointWith(
    {},
    { proxy: { protocol: 'http:', hostname: '192.0.2.9', port: 3128 } },
  ),
  'a configured impersonation': endpointWith({ impersonation: jane }),
};

const contexts = [false, true];

describe('a request whose endpoint was replaced while it waited', () => {
  it('goes to the same server with another credential', () => {
    for (const namesContext of contexts) {
      assert.ok(mayGo(endpointWith(), endpointWith(), { namesContext }));
      const source = { get: () => ({ authorization: 'Bearer other' }) } as unknown as Endpoint['source'];
      assert.ok(mayGo(endpointWith(), endpointWith({}, { source }), { namesContext }));
      // The bytes were read again.
      const pem = () => endpointWith({}, { certificateAuthority: Buffer.from('PEM') });
      assert.ok(mayGo(pem(), pem(), { namesContext }));
      const acting = () => endpointWith({ impersonation: { ...jane, extra: new Map() } });
      assert.ok(mayGo(acting(), acting(), { namesContext }));
    }
  });

  it('goes to the current context at / even if that has changed, if its server is the same, and not as the user of a context that its path does not name', () => {
    assert.ok(mayGo(endpointWith(), endpointWith({}, { context: 'admin' })));
    assert.ok(mayGo(endpointWith(), endpointWith({}, { context: 'admin' }), { namesContext: false }));
    assert.equal(
      mayGo(endpointWith(), endpointWith({}, { context: 'admin' }), { namesContext: true }),
      false,
    );
  });

  for (const [what, other] of Object.entries(others)) {
    it(`does not go to ${what}, or back, but to it if it was judged for that`, () => {
      for (const namesContext of contexts) {
        assert.equal(mayGo(endpointWith(), other, { namesContext }), false);
        assert.equal(mayGo(other, endpointWith(), { namesContext }), false);
        assert.ok(mayGo(other, other, { namesContext }));
      }
    });
  }

  it('does not go where another user is impersonated', () => {
    const as = (impersonation: typeof jane) => endpointWith({ impersonation });
    for (const other of [
      as({ ...jane, username: 'ann' }),
      endpointWith({ impersonation: { ...jane, groups: ['admin'] } }),
      endpointWith({ impersonation: { ...jane, uid: '1' } }),
      endpointWith({ impersonation: { ...jane, extra: new Map([['scopes', ['a']]]) } }),
    ]) {
      assert.equal(mayGo(as(jane), other), false);
      assert.ok(mayGo(other, other));
    }
  });

  it('ends as a 503 that clients repeat after a second, with a reason for the metric', () => {
    assert.throws(
      () =>
        requireAccess(
          { judgedFor: identityOf(endpointWith()) },
          accessTo(new FakePool(), { endpoint: identityOf(others['another host'] as Endpoint) }),
        ),
      { code: 503, retryAfterSeconds: 1, reason: 'replaced' },
    );
  });
});

it('a request of the proxy itself goes to any endpoint', () => {
  for (const other of Object.values(others)) {
    requireAccess({}, accessTo(new FakePool(), { endpoint: identityOf(other) }));
    requireAccess({ namesContext: true }, accessTo(new FakePool(), { endpoint: identityOf(other) }));
  }
});

it('a request of one user goes with no access of another one', () => {
  const ask = (isUser: boolean) => {
    const isUserOf = (asked: Access) => {
      assert.equal(asked, bare);
      return isUser;
    };
    requireAccess({ user: { isUserOf } }, bare);
  };
  ask(true);
  assert.throws(() => ask(false), ReplacedError);
});
