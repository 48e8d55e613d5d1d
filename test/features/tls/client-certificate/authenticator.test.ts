import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { after, describe, it } from 'node:test';
import { type SecureVersion, TLSSocket } from 'node:tls';
import { IdentityError } from '../../../../src/authentication/identity.js';
import { createClientCertificateAuthenticator } from '../../../../src/features/tls/client-certificate/authenticator.js';
import { toClientAuthorities } from '../../../../src/features/tls/client-certificate/authorities.js';
import type { UserInfo } from '../../../../src/kubernetes/user-info.js';
import {
  type CertificatePair,
  type ClientCertificateOptions,
  createCertificateAuthority,
  sharedIdentity,
} from '../../../support/certificates/certificates.js';
import {
  ambiguousCertificate,
  issueBelow,
  issueOdd,
  oddCertificates,
} from '../../../support/certificates/odd-certificates.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { startSecureServer } from '../secure-server.js';

const day = 86_400_000;

let now = Date.now();
let admissions = 0;
let lastUser: UserInfo | undefined;

/** The authority of the listener's own certificate. */
const { authority: serving } = await sharedIdentity();
const authority = await createCertificateAuthority({
  commonName: 'clients',
  notAfter: new Date(now + 100 * day),
});
let trusted = toClientAuthorities(Buffer.from(authority.certificate));
const { authenticator, rechecker } = createClientCertificateAuthenticator(
  () => trusted,
  user => {
    admissions += 1;
    if (user.username === 'root') throw new IdentityError('root may not act here');
    return { ...user };
  },
  () => now,
);
const { port } = await startSecureServer(
  { after },
  (request, response) => {
    try {
      const asked = request.url === '/again' ? rechecker : authenticator;
      const user = asked.authenticateRequest(request) as UserInfo | undefined;
      lastUser = user;
      response.end(JSON.stringify(user === undefined ? null : [user.username, user.groups]));
    } catch (error) {
      response.end(JSON.stringify((error as Error).message));
    }
  },
  {},
  () => trusted,
);

/** @param path `/again` asks as about a request that is open already. */
async function whoIs(
  pair: CertificatePair | undefined,
  agent?: https.Agent,
  path = '/',
  maxVersion: SecureVersion = 'TLSv1.3',
): Promise<unknown> {
  const request = https.get({
    ...{ port, path, maxVersion },
    ca: serving.certificate,
    agent: agent ?? false,
    ...(pair !== undefined && { cert: pair.certificate, key: pair.key }),
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
}

async function whoHas(options: ClientCertificateOptions): Promise<unknown> {
  return whoIs(await authority.client(options));
}

describe('a client certificate', () => {
  it('names its user: CN is the name, every O is a group, in order and with repetitions', async () => {
    assert.deepEqual(await whoHas({ commonName: 'jane', organizations: ['b', 'a', 'b'] }), [
      'jane',
      ['b', 'a', 'b'],
    ]);
    assert.deepEqual(await whoHas({ commonName: 'jane', organizations: [] }), ['jane', []]);
    assert.deepEqual(await whoHas({ commonName: 'jane', organizations: ['one'] }), ['jane', ['one']]);
  });

  it('names its user over HTTP/2 too', async () => {
    const pair = await authority.client({ commonName: 'jane', organizations: ['dev'] });
    const session = await connectHttp2(port, serving.certificate, { cert: pair.certificate, key: pair.key });
    assert.deepEqual((await ask(session, '/')).json, ['jane', ['dev']]);
    session.destroy();
  });

  it('has its user admitted once for each connection, and each request gets the same object, or the same error', async () => {
    const before = admissions;
    for (const commonName of ['carol', 'root']) {
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
      const pair = await authority.client({ commonName, organizations: [] });
      const expected = commonName === 'root' ? 'root may not act here' : ['carol', []];
      assert.deepEqual(await whoIs(pair, agent), expected);
      const first = lastUser;
      assert.deepEqual(await whoIs(pair, agent), expected);
      assert.equal(lastUser, first);
      agent.destroy();
    }
    assert.equal(admissions - before, 2);
  });

  it('is optional: without one there is no user', async () => {
    assert.equal(await whoIs(undefined), null);
  });

  const hostile = [
    ...['x/O=system:masters', 'x,O=system:masters', 'x+O=system:masters', 'x\nO=system:masters'],
    ...['x\r\nO=system:masters\r\n', 'x\u0000O=system:masters', 'x\\nO=system:masters'],
    ...['"x", O="system:masters"', 'CN=admin\nO=system:masters', '\nO=system:masters'],
    ...['#0c0e73797374656d3a6d617374657273', 'Ünïcödé 日本', '__proto__'],
  ];
  for (const text of hostile) {
    it(`whose CN or O is ${JSON.stringify(text)} has exactly one name or group with that text`, async () => {
      assert.deepEqual(await whoHas({ commonName: text, organizations: ['g'] }), [text, ['g']]);
      assert.deepEqual(await whoHas({ commonName: 'x', organizations: [text] }), ['x', [text]]);
    });
  }

  it('is read as Go reads it: several attributes in one RDN, other string types, several CNs', async () => {
    const subject = [
      { O: [{ printableString: 'one' }], CN: [{ utf8String: 'first' }] },
      { OU: [{ utf8String: 'unit' }], L: [{ utf8String: 'O=system:masters' }] },
      { O: [{ bmpString: 'two' }] },
      { CN: [{ ia5String: 'last' }] },
    ];
    assert.deepEqual(await whoHas({ subject }), ['last', ['one', 'two']]);
  });

  for (const { what, user, parts } of [...oddCertificates, { ...ambiguousCertificate, user: undefined }]) {
    const verdict = user === undefined ? 'refused' : `that of ${JSON.stringify(user)}`;
    it(`${what} is ${verdict}, as in the API server`, async () => {
      const found = await whoIs(issueOdd(authority, parts));
      assert.deepEqual(Array.isArray(found) ? found.flat() : undefined, user, String(found));
    });
  }

  it('of an intermediate authority that the API server cannot read is refused', async () => {
    assert.deepEqual(await whoIs(issueBelow(authority, 1)), ['alice', []]);
    assert.match(
      String(await whoIs(issueBelow(authority, 2))),
      /cannot be read: the extension 1\.2\.3\.4 is there twice/,
    );
  });

  const leafOf = ({ certificate, key }: CertificatePair) => ({
    key,
    certificate: certificate.split(/(?<=-----END CERTIFICATE-----\n)/)[0] as string,
  });
  const rejected: Readonly<Record<string, readonly [() => Promise<CertificatePair>, reason: RegExp]>> = {
    'without a CN': [() => authority.client({ subject: [{ O: ['system:masters'] }] }), /has no CN/],
    'with an empty CN': [() => authority.client({ commonName: '' }), /has no CN/],
    ...Object.fromEntries(
      ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0', ''].map(usage => [
        `for another purpose (${usage})`,
        [() => authority.client({ usage }), /rejected|not for client authentication/],
      ]),
    ),
    'of another authority with the same name': [
      async () => (await createCertificateAuthority({ commonName: 'clients' })).client(),
      /^the client certificate is rejected/,
    ],
    'that is an authority itself': [
      () => createCertificateAuthority({ commonName: 'admin' }),
      /^the client certificate is rejected/,
    ],
    'of the authority that issued the listener’s own certificate': [
      () => serving.client(),
      /^the client certificate is rejected/,
    ],
    'of an intermediate authority without its chain': [
      async () => leafOf(await (await authority.intermediate()).client()),
      /is rejected/,
    ],
    'signed by a certificate that is no authority': [
      async () => {
        const leaf = await authority.client({ commonName: 'leaf' });
        const forged = await createCertificateAuthority({ commonName: 'leaf' });
        const { certificate, key } = await forged.client({ commonName: 'system:admin' });
        return { key, certificate: certificate + leaf.certificate + authority.certificate };
      },
      /is rejected/,
    ],
    'that has expired': [
      () => authority.client({ notBefore: new Date(now - 2 * day), notAfter: new Date(now - day) }),
      /rejected: CERT_HAS_EXPIRED/,
    ],
    'that is not valid yet': [
      () => authority.client({ notBefore: new Date(now + day), notAfter: new Date(now + 2 * day) }),
      /rejected: CERT_NOT_YET_VALID/,
    ],
  };
  for (const [what, [pairOf, reason]] of Object.entries(rejected)) {
    it(`${what} is rejected`, async () => assert.match(String(await whoIs(await pairOf())), reason));
  }

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`has its chain read only if it is accepted, over ${version}`, async t => {
      let chains = 0;
      const { getPeerCertificate } = TLSSocket.prototype;
      t.mock.method(TLSSocket.prototype, 'getPeerCertificate', function (
        this: TLSSocket,
        withChain: boolean,
      ) {
        if (this.localPort === port && withChain) chains += 1;
        return getPeerCertificate.call(this, withChain);
      } as never);
      const stranger = await createCertificateAuthority({ commonName: 'clients' });
      for (const issuer of [stranger, await stranger.intermediate()]) {
        const user = await whoIs(await issuer.client(), undefined, '/', version);
        assert.match(String(user), /^the client certificate is rejected: [A-Z_]+$/);
        assert.equal(chains, 0);
      }
      const pair = await (await authority.intermediate()).client({ commonName: 'x', organizations: [] });
      assert.deepEqual(await whoIs(pair, undefined, '/', version), ['x', []]);
      assert.equal(chains, 1);
    });
  }

  it('stops authenticating on an open connection when it expires, and works again when the clock goes back', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const notAfter = new Date(now + day);
    const pair = await authority.client({ commonName: 'x', organizations: [], notAfter });
    assert.deepEqual(await whoIs(pair, agent), ['x', []]);
    now += day + 1000;
    assert.match(String(await whoIs(pair, agent)), /is not valid now/);
    now -= day + 1000;
    assert.deepEqual(await whoIs(pair, agent), ['x', []]);
    agent.destroy();
  });

  it('of an intermediate authority is accepted with its chain while that is valid, too', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const intermediate = await authority.intermediate({ notAfter: new Date(now + day) });
    const notBefore = new Date(now - day);
    const pair = await intermediate.client({ commonName: 'x', organizations: [], notBefore });
    assert.deepEqual(await whoIs(pair, agent), ['x', []]);
    // The authority became valid an hour ago, and its certificate for the client a day before.
    for (const away of [2 * day, -2 * 3_600_000]) {
      now += away;
      assert.match(String(await whoIs(pair, agent)), /is not valid now/);
      now -= away;
    }
    agent.destroy();
  });

  it('is not verified by the dates of a forged intermediate that the client sends', async () => {
    const intermediate = await authority.intermediate({ notAfter: new Date(now + day) });
    // OpenSSL skips an issuer that is not valid yet. By the time it is valid, the real one has expired.
    const stranger = await createCertificateAuthority({ commonName: 'clients' });
    const later = { notBefore: new Date(now + day), notAfter: new Date(now + 9 * day) };
    const madeUp = await stranger.intermediate(later);
    const { certificate, key } = await intermediate.client({ commonName: 'x', organizations: [] });
    const [leaf = '', ...issuers] = certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
    // Without the stranger in the chain, a search by name finds the real authority above the forged intermediate.
    for (const above of [[], [stranger.certificate]]) {
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
      const pair = { key, certificate: [leaf, madeUp.certificate, ...above, ...issuers].join('') };
      const before = await whoIs(pair, agent);
      now += 2 * day;
      const afterwards = await whoIs(pair, agent);
      now -= 2 * day;
      agent.destroy();
      for (const found of [before, afterwards]) assert.equal(typeof found, 'string', JSON.stringify(found));
    }
  });

  it('stays valid for an open request until its own authority is removed, whichever other ones are', async () => {
    const first = trusted;
    const other = await createCertificateAuthority({ commonName: 'other' });
    const pair = await authority.client({ commonName: 'x', organizations: [] });
    const trust = (...authorities: readonly { readonly certificate: string }[]) => {
      const pem = Buffer.from(authorities.map(({ certificate }) => certificate).join(''));
      trusted = toClientAuthorities(pem);
    };
    for (const [left, path, expected] of [
      [authority, '/again', /^x,$/],
      [authority, '/', /removed from --client-ca-file/],
      [other, '/again', /removed from --client-ca-file/],
    ] as const) {
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
      trust(authority, other);
      await whoIs(pair, agent);
      trust(left);
      assert.match(String(await whoIs(pair, agent, path)), expected);
      agent.destroy();
    }
    trusted = first;
  });
});
