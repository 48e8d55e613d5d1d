import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identityOf } from '../../../src/clusters/endpoint.js';
import type { Credential } from '../../../src/credentials/credential.js';
import { identify, UnknownUserError } from '../../../src/features/shared-watches/access-user.js';
import { reviewSubject } from '../../../src/features/shared-watches/subject-review.js';
import { fieldValue } from '../../../src/http/header-fields.js';
import type { ClientConfig } from '../../../src/kubeconfig/types.js';
import { Deferred } from '../../../src/lib/deferred.js';
import type { Access, UserIdentity } from '../../../src/transport/access.js';
import type { OutgoingRequest } from '../../../src/transport/round-trip.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventually, within } from '../../support/eventually.js';
import { endpointWith } from '../../support/proxy/client-request.js';
import { type Answer, answeringPool } from '../../support/transport/answering-pool.js';
import { accessTo } from '../../support/transport/upstream-requests.js';

const server = { protocol: 'https:', hostname: '127.0.0.1', port: 6443, path: '' } as const;

interface Parts {
  readonly config?: Partial<ClientConfig>;
  readonly credential?: Credential;
  readonly impersonation?: readonly string[];
  readonly certificateAuthority?: Buffer;
  readonly answer?: (request: OutgoingRequest) => Answer | Promise<Answer>;
}

const notFound = { status: 404, body: '404 page not found' };

function accessOf({
  config,
  credential = {},
  impersonation = [],
  certificateAuthority,
  answer = () => notFound,
}: Parts): Access {
  const endpoint = endpointWith({ server, ...config }, { certificateAuthority });
  return accessTo(answeringPool(answer), { endpoint: identityOf(endpoint), credential, impersonation });
}

async function keyOf(parts: Parts): Promise<string> {
  return (await identify(accessOf(parts))).key;
}

function jwt(claims: object): Credential {
  return { authorization: `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln` };
}

function serviceAccount(uid: string, exp: number): Credential {
  const own = { namespace: 'n', serviceaccount: { name: 's', uid }, warnafter: exp - 1 };
  return jwt({ iss: 'i', sub: 'system:serviceaccount:n:s', exp, jti: String(exp), 'kubernetes.io': own });
}

const authority = await createCertificateAuthority();

async function certificate(commonName: string): Promise<Credential> {
  const { certificate: pem, key } = await authority.client({ commonName });
  return {
    clientCertificate: { certificate: Buffer.from(pem), key: Buffer.from(key), notAfter: new Date() },
  };
}

/** What makes the same credential another user. */
const others: readonly Parts[] = [
  ...[{ port: 6444 }, { path: '/c1' }, { path: '/c2' }].map(more => ({
    config: { server: { ...server, ...more } },
  })),
  { config: { tlsServerName: 'other' } },
  { certificateAuthority: Buffer.from('PEM') },
  ...[[], ['Impersonate-Group', 'a']].map(groups => ({
    impersonation: ['Impersonate-User', 'alice', ...groups],
  })),
];

/** Asserts that all of them are different users. */
async function assertDiffer(accesses: readonly Parts[]): Promise<void> {
  const keys = await Promise.all(accesses.map(keyOf));
  assert.equal(new Set(keys).size, keys.length);
}

describe('the user of an access', () => {
  it('stays the same when the credential is renewed for the same user', async () => {
    const fleeting = 'exp iat nbf jti auth_time nonce at_hash c_hash aio rh uti'.split(' ');
    for (const [one, other] of [
      [await certificate('alice'), await certificate('alice')],
      [jwt({ iss: 'i', sub: 'alice', exp: 1 }), jwt({ iss: 'i', sub: 'alice', exp: 2 })],
      [serviceAccount('uid-1', 1), serviceAccount('uid-1', 2)],
      ...fleeting.map(name => [jwt({ sub: 'alice' }), jwt({ sub: 'alice', [name]: '1' })]),
    ] as const)
      assert.equal(await keyOf({ credential: one }), await keyOf({ credential: other }));
  });

  it('differs for every other user, API server, authority or impersonation', async () => {
    const token = { authorization: 'Bearer one' };
    const credentials: readonly Credential[] = [
      {},
      await certificate('alice'),
      await certificate('bob'),
      { ...(await certificate('alice')), ...token },
      token,
      { authorization: 'Bearer two' },
      { authorization: `Basic ${Buffer.from('alice:secret').toString('base64')}` },
      ...[{ sub: 'alice' }, { sub: 'bob' }, {}, { jti: '1' }, { jti: '2' }].map(more =>
        jwt({ iss: 'i', ...more }),
      ),
      ...[{ email: 'a@b' }, { email: 'a@b', groups: ['admins'] }, { 'kubernetes.io': null }].map(more =>
        jwt({ iss: 'i', sub: 'alice', ...more }),
      ),
      jwt({ iss: 'j', sub: 'alice' }),
      ...['uid-1', 'uid-2'].map(uid => serviceAccount(uid, 1)),
    ];
    await assertDiffer([
      ...credentials.map(credential => ({ credential })),
      ...others.map(other => ({ credential: token, ...other })),
    ]);
  });

  it('contains no secret', async () => {
    assert.doesNotMatch(await keyOf({ credential: { authorization: 'Bearer secret-token' } }), /secret/);
  });
});

const alice = { username: 'alice', uid: '7', groups: ['dev', 'system:authenticated'] };
const fromAws = {
  username: 'admin',
  uid: 'aws-iam-authenticator:123456789012:AROAEXAMPLE',
  groups: ['system:authenticated'],
  extra: { arn: ['arn:aws:sts::123456789012:assumed-role/r/s'], sessionName: ['s'], accessKeyId: ['ASIA1'] },
};

function review(userInfo: unknown): Answer {
  return {
    status: 201,
    body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1', status: { userInfo } },
  };
}

function opaque(token: string, answer: Answer, more: Parts = {}): Parts {
  return { credential: { authorization: `Bearer ${token}` }, answer: () => answer, ...more };
}

/** Whether the user of one access is that of another one, when both have been asked for. */
async function isSame(one: Parts, other: Parts): Promise<boolean> {
  const [first, second] = [accessOf(one), accessOf(other)];
  const [user, otherUser] = [await identify(first), await identify(second)];
  const same = await isUserOf(user, second);
  assert.equal(same, user.key === otherUser.key);
  return same;
}

/** False also if it is not known. */
async function isUserOf(user: UserIdentity, access: Access): Promise<boolean> {
  try {
    return await user.isUserOf(access);
  } catch (error) {
    assert.ok(error instanceof UnknownUserError);
    return false;
  }
}

describe('the user of an access with a token that only the API server can read', () => {
  it('is the same for two tokens of the same user', async () => {
    const inOtherOrder = { ...alice, groups: [...alice.groups].reverse() };
    const ofToken = (id: string) => ({
      ...alice,
      extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`], scopes: ['a', 'b'] },
    });
    const withKey = (id: string) => ({ ...fromAws, extra: { ...fromAws.extra, accessKeyId: [id] } });
    for (const [one, other] of [
      [alice, alice],
      [alice, inOtherOrder],
      [ofToken('1'), ofToken('2')],
      [withKey('ASIA1'), withKey('ASIA2')],
      [
        { ...alice, extra: { b: ['1'], a: ['1'], c: ['1'] } },
        { ...alice, extra: { c: ['1'], b: ['1'], a: ['1'] } },
      ],
    ]) {
      assert.ok(await isSame(opaque('one', review(one)), opaque('two', review(other))));
    }
  });

  it('differs where the API server says anything else about the user', async () => {
    const extra = (name: string, ...values: string[]) => ({ extra: { [name]: values } });
    const changes = [
      ...[{ username: 'bob' }, { username: 'Alice' }, { uid: '8' }, { uid: '' }, { groups: ['dev'] }],
      ...[['dev', 'ops', 'system:authenticated'], ['dev,system:authenticated']].map(groups => ({ groups })),
      ...['one', 'two'].map(name => extra('authentication.kubernetes.io/pod-name', name)),
      extra('authentication.kubernetes.io/pod-uid', 'two'),
      ...[extra('scopes', 'a'), extra('scopes', 'a', 'b'), extra('scopes', 'a,b'), extra('scope', 'a')],
      ...[extra('accessKeyId', 'ASIA1'), extra('accessKeyId', 'ASIA2')],
    ];
    const answers = [
      alice,
      ...changes.map(change => ({ ...alice, ...change })),
      fromAws,
      { ...fromAws, uid: 'aws-iam-authenticator:123456789012:AROAOTHER' },
      { ...fromAws, extra: { ...fromAws.extra, sessionName: ['t'] } },
    ];
    await assertDiffer(answers.map((answer, index) => opaque(`token-${index}`, review(answer))));
  });

  it('differs for another API server, impersonation or certificate', async () => {
    const withCertificate = { authorization: 'Bearer one', ...(await certificate('client')) };
    const accesses = [{}, { credential: withCertificate }, ...others];
    await assertDiffer(accesses.map(more => opaque('one', review(alice), more)));
  });

  it('is the token itself if the API server does not say who the user is', async () => {
    const body = { kind: 'SelfSubjectReview', status: { userInfo: alice } };
    const answers: readonly Answer[] = [
      ...[notFound, undefined],
      ...[403, 302, 401, 503].map(status => ({ status, body })),
      { status: 201, body: 'no JSON' },
      { status: 201, body: 'null' },
      { status: 200, body: [] },
      { status: 200, body: { ...body, kind: 'TokenReview' } },
      { status: 200, body: { ...body, status: {} } },
      ...[undefined, null, 'alice', {}].map(review),
      ...['', 7, 'system:anonymous', 'a\ufffd'].map(username => review({ ...alice, username })),
      ...[{ uid: 7 }, { groups: 'dev' }, { groups: [7] }].map(wrong => review({ ...alice, ...wrong })),
      ...[[], { scopes: 'a' }, { scopes: [['a']] }].map(extra => review({ ...alice, extra })),
    ];
    for (const answer of answers) {
      const message = JSON.stringify(answer);
      assert.equal(await isSame(opaque('one', answer), opaque('two', answer)), false, message);
      assert.equal(await isSame(opaque('one', answer), opaque('two', review(alice))), false, message);
      assert.equal(await isSame(opaque('one', review(alice)), opaque('two', answer)), false, message);
      assert.equal(await isSame(opaque('one', answer), opaque('one', answer)), true, message);
    }
  });

  it('may be said later if the answer is 401, 429 or an error of the server, and else is not said', async () => {
    for (const status of [401, 429, 500, 503, 504])
      await assert.rejects(reviewSubject(accessOf(opaque('one', { status, body: '' }))), /SelfSubjectReview/);
    for (const status of [302, 403, 404, 428, 430, 499])
      assert.equal(await reviewSubject(accessOf(opaque('one', { status, body: '' }))), undefined);
    await assert.rejects(reviewSubject(accessOf(opaque('one', undefined))));
  });

  it('is asked for with this credential and no impersonation, once for each access', async () => {
    const asked: OutgoingRequest[] = [];
    const access = accessOf({
      credential: { authorization: 'Bearer one' },
      impersonation: ['Impersonate-User', 'bob'],
      answer: request => {
        asked.push(request);
        return review(alice);
      },
    });
    await Promise.all(Array.from({ length: 50 }, () => identify(access)));
    await identify(access);
    assert.equal(asked.length, 1);
    const [{ method, path, headers }] = asked as [OutgoingRequest];
    assert.equal(`${method} ${path}`, 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews');
    assert.equal(fieldValue(headers, 'authorization'), 'Bearer one');
    assert.ok(!headers.some(field => /impersonate/i.test(field)));
  });

  it('is asked for if a token looks like a JWT, but has no subject', async () => {
    const access = (jti: string, user: object) => ({
      credential: jwt({ iss: 'i', jti }),
      answer: () => review(user),
    });
    assert.equal(await isSame(access('1', alice), access('2', alice)), true);
    assert.equal(await isSame(access('1', alice), access('2', { ...alice, username: 'bob' })), false);
  });

  it('is never asked for if the credential says whose it is, and is no other one at once', async () => {
    let asked = 0;
    const answer = () => {
      asked += 1;
      return review(alice);
    };
    const known = await identify(accessOf(opaque('two', review(alice))));
    for (const credential of [{}, jwt({ sub: 'alice' })]) {
      const user = await identify(accessOf({ credential, answer }));
      assert.equal(known.isUserOf(accessOf({ credential })), false);
      assert.equal(user.isUserOf(accessOf({})), credential.authorization === undefined);
    }
    assert.equal(asked, 0);
  });

  it('is not waited for longer than a moment, and counts when it is there', async () => {
    const answer = new Deferred<Answer>();
    let asked = 0;
    const slow = accessOf({
      credential: { authorization: 'Bearer one' },
      answer: () => {
        asked += 1;
        return answer.promise;
      },
    });
    const known = await identify(accessOf(opaque('two', review(alice))));
    const waiting = known.isUserOf(slow);
    assert.ok(waiting instanceof Promise, 'the API server must say it');
    await within('the error', assert.rejects(waiting, UnknownUserError));
    const { key } = await within('the key', identify(slow));
    assert.notEqual(key, known.key);
    const again = assert.rejects(async () => known.isUserOf(slow), UnknownUserError);
    await within('the error', again);
    answer.resolve(review(alice));
    await eventually('the answer', () => isUserOf(known, slow));
    assert.equal(known.isUserOf(slow), true);
    // A request that had reached its own time limit would have been sent again.
    assert.equal(asked, 1);
  });

  it('is asked for again a second after the API server could not answer, and not before', async () => {
    let asked = 0;
    const access = accessOf({
      credential: { authorization: 'Bearer one' },
      answer: () => {
        asked += 1;
        return asked === 1 ? undefined : review(alice);
      },
    });
    const other = await identify(accessOf(opaque('two', review(alice))));
    for (let count = 0; count < 20; count += 1) await identify(access);
    assert.equal(asked, 1);
    await eventually('another question', () => isUserOf(other, access));
    assert.equal(asked, 2);
  });
});
