import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identityOf } from '../../../src/clusters/endpoint.js';
import type { Credential } from '../../../src/credentials/credential.js';
import { AccessUser } from '../../../src/features/shared-watches/access-user.js';
import type { ClientConfig } from '../../../src/kubeconfig/types.js';
import type { Access } from '../../../src/transport/access.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { endpointWith } from '../../support/proxy/client-request.js';
import { FakePool } from '../../support/transport/fake-pool.js';
import { accessTo } from '../../support/transport/upstream-requests.js';

const server = { protocol: 'https:', hostname: '127.0.0.1', port: 6443, path: '' } as const;

interface Parts {
  readonly config?: Partial<ClientConfig>;
  readonly credential?: Credential;
  readonly impersonation?: readonly string[];
  readonly certificateAuthority?: Buffer;
}

function accessOf({ config, credential = {}, impersonation = [], certificateAuthority }: Parts): Access {
  const endpoint = endpointWith({ server, ...config }, { certificateAuthority });
  return accessTo(new FakePool(), { endpoint: identityOf(endpoint), credential, impersonation });
}

function keyOf(parts: Parts): string {
  return AccessUser.of(accessOf(parts)).key;
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

describe('the user of an access', () => {
  it('stays the same when the credential is renewed for the same user', async () => {
    const fleeting = 'exp iat nbf jti auth_time nonce at_hash c_hash aio rh uti'.split(' ');
    for (const [one, other] of [
      [await certificate('alice'), await certificate('alice')],
      [jwt({ iss: 'i', sub: 'alice', exp: 1 }), jwt({ iss: 'i', sub: 'alice', exp: 2 })],
      [serviceAccount('uid-1', 1), serviceAccount('uid-1', 2)],
      ...fleeting.map(name => [jwt({ sub: 'alice' }), jwt({ sub: 'alice', [name]: '1' })]),
    ] as const) {
      assert.equal(keyOf({ credential: one }), keyOf({ credential: other }));
      assert.ok(AccessUser.of(accessOf({ credential: one })).isUserOf(accessOf({ credential: other })));
    }
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
    const accesses = [
      ...credentials.map(credential => accessOf({ credential })),
      ...others.map(other => accessOf({ credential: token, ...other })),
    ];
    for (const one of accesses)
      for (const other of accesses) assert.equal(AccessUser.of(one).isUserOf(other), one === other);
    assert.equal(new Set(accesses.map(access => AccessUser.of(access).key)).size, accesses.length);
  });

  it('contains no secret', () => {
    assert.doesNotMatch(keyOf({ credential: { authorization: 'Bearer secret-token' } }), /secret/);
  });
});
