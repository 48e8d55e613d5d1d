import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Session } from '../../src/clusters/endpoint.js';
import { identityOf } from '../../src/clusters/session-identity.js';
import type { ClientCertificate, Credential } from '../../src/credentials/credential.js';
import type { ClientConfig } from '../../src/kubeconfig/types.js';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.js';

const server = { protocol: 'https:', hostname: '127.0.0.1', port: 6443, path: '' } as const;

interface Parts {
  readonly config?: Partial<ClientConfig>;
  readonly credential?: Credential;
  readonly impersonation?: readonly string[];
  readonly certificateAuthority?: Buffer;
}

function identity({ config, credential = {}, impersonation = [], certificateAuthority }: Parts): string {
  const endpoint = {
    context: 'any',
    config: { server, insecureSkipTlsVerify: false, ...config },
    certificateAuthority,
    proxy: undefined,
  };
  return identityOf({ endpoint, credential, impersonation } as unknown as Session);
}

function jwt(claims: object): Credential {
  return { authorization: `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln` };
}

function serviceAccount(uid: string, exp: number): Credential {
  const own = { namespace: 'n', serviceaccount: { name: 's', uid }, warnafter: exp - 1 };
  return jwt({ iss: 'i', sub: 'system:serviceaccount:n:s', exp, jti: String(exp), 'kubernetes.io': own });
}

describe('the identity of a session', () => {
  let authority: CertificateAuthority;
  before(async () => {
    authority = await createCertificateAuthority();
  });

  async function certificate(commonName: string): Promise<Credential> {
    const { certificate, key } = await authority.client({ commonName });
    const clientCertificate: ClientCertificate = {
      certificate: Buffer.from(certificate),
      key: Buffer.from(key),
      notAfter: new Date(),
    };
    return { clientCertificate };
  }

  it('stays the same when the credential is renewed for the same user', async () => {
    const pairs: [Parts, Parts][] = [
      [{ credential: await certificate('alice') }, { credential: await certificate('alice') }],
      [
        { credential: jwt({ iss: 'i', sub: 'alice', exp: 1 }) },
        { credential: jwt({ iss: 'i', sub: 'alice', exp: 2 }) },
      ],
      [{ credential: serviceAccount('uid-1', 1) }, { credential: serviceAccount('uid-1', 2) }],
    ];
    for (const [one, other] of pairs) assert.equal(identity(one), identity(other));
  });

  it('differs for every other user, API server, authority or impersonation', async () => {
    const token = { authorization: 'Bearer one' };
    const basic = { authorization: `Basic ${Buffer.from('alice:secret').toString('base64')}` };
    const identities = [
      {},
      { credential: await certificate('alice') },
      { credential: await certificate('bob') },
      { credential: { ...(await certificate('alice')), ...token } },
      { credential: token },
      { credential: { authorization: 'Bearer two' } },
      { credential: basic },
      { credential: jwt({ iss: 'i', sub: 'alice' }) },
      { credential: jwt({ iss: 'i', sub: 'bob' }) },
      { credential: jwt({ iss: 'j', sub: 'alice' }) },
      { credential: jwt({ iss: 'i' }) },
      { credential: jwt({ iss: 'i', sub: 'alice', email: 'a@b' }) },
      { credential: jwt({ iss: 'i', sub: 'alice', email: 'a@b', groups: ['admins'] }) },
      { credential: jwt({ iss: 'i', sub: 'alice', 'kubernetes.io': null }) },
      { credential: serviceAccount('uid-1', 1) },
      { credential: serviceAccount('uid-2', 1) },
      { config: { server: { ...server, port: 6444 } }, credential: token },
      { config: { server: { ...server, path: '/c1' } }, credential: token },
      { config: { server: { ...server, path: '/c2' } }, credential: token },
      { config: { tlsServerName: 'other' }, credential: token },
      { certificateAuthority: Buffer.from('PEM'), credential: token },
      { impersonation: ['Impersonate-User', 'alice'], credential: token },
      { impersonation: ['Impersonate-User', 'alice', 'Impersonate-Group', 'a'], credential: token },
    ].map(identity);
    assert.equal(new Set(identities).size, identities.length);
  });

  it('differs for another token of the same file or plugin if the token does not say whose it is', () => {
    for (const config of [
      { tokenFile: '/token' },
      { exec: { command: 'login' } },
    ] as Partial<ClientConfig>[]) {
      const [one, other] = ['Bearer one', 'Bearer two'].map(authorization =>
        identity({ config, credential: { authorization } }),
      );
      assert.notEqual(one, other);
    }
  });

  it('contains no secret', () => {
    assert.doesNotMatch(identity({ credential: { authorization: 'Bearer secret-token' } }), /secret/);
  });
});
