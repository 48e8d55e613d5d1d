import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createServer } from 'node:tls';
import { inspect } from 'node:util';
import type { Credential, CredentialError, CredentialSource } from '../../src/credentials/credential.js';
import { createOidcSource } from '../../src/credentials/oidc.js';
import type { OidcConfig } from '../../src/kubeconfig/auth-provider.js';
import { createIssuerDial } from '../../src/transport/dial/issuer-dial.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { eventually } from '../support/eventually.js';
import { createIdToken, type OidcIssuer, startOidcIssuer } from '../support/identities/oidc-issuer.js';
import { ManualClock } from '../support/manual-clock.js';
import { listenFor } from '../support/ports.js';
import { type RecordedEvents, recordEvents } from './recorded-events.js';

const authority = await createCertificateAuthority();
const start = Date.UTC(2030, 0, 1);
const minute = 60_000;

const secrets = { clientSecret: 'the-client-secret', refreshToken: 'the-refresh-token' };

describe('the oidc credential source', () => {
  let issuer: OidcIssuer;
  let clock: ManualClock;
  let report: RecordedEvents;
  let source: CredentialSource | undefined;

  beforeEach(async () => {
    issuer = await startOidcIssuer(authority);
    clock = new ManualClock(start);
    report = recordEvents();
  });
  afterEach(async () => {
    source?.close();
    source = undefined;
    await issuer.close();
  });

  function create(config: Partial<OidcConfig> = {}, base: Credential = {}): CredentialSource {
    source = createOidcSource({
      config: {
        issuer: issuer.url,
        clientId: 'kubernetes',
        idToken: '',
        certificateAuthority: { data: Buffer.from(authority.certificate) },
        ...secrets,
        ...config,
      },
      base,
      events: report.events,
      clock,
      dial: createIssuerDial({}),
    });
    return source;
  }

  const tokenFor = (milliseconds: number): string => createIdToken(new Date(clock.now() + milliseconds));

  it('returns the id-token at once and sends no request while it is valid', async () => {
    const token = tokenFor(60 * minute);
    const [certificate, key] = [Buffer.from('c'), Buffer.from('k')];
    const clientCertificate = { certificate, key, notAfter: new Date(start) };
    const oidc = create({ idToken: token }, { clientCertificate });
    const credential = oidc.get();
    assert.deepEqual(credential, { clientCertificate, authorization: `Bearer ${token}` });
    clock.advance(50 * minute);
    assert.equal(oidc.get(), credential);
    assert.deepEqual(report.expirations, [start + 60 * minute]);
    assert.equal(issuer.discoveries, 0);
  });

  it('renews an id-token that has expired at the start before it is used', async () => {
    const token = tokenFor(60 * minute);
    issuer.answer = () => ({ body: { id_token: token } });
    const { authorization } = await create({ idToken: createIdToken(new Date(start)) }).get();
    assert.equal(authorization, `Bearer ${token}`);
  });

  it('sends the refresh grant without scopes, and tries basic authentication for the client first', async () => {
    issuer.answer = () => ({ body: { id_token: tokenFor(60 * minute) } });
    await create({ clientId: 'a b:c', clientSecret: 'p+ä' }).get();
    const pair = Buffer.from('a+b%3Ac:p%2B%C3%A4').toString('base64');
    assert.deepEqual(issuer.requests, [
      {
        authorization: `Basic ${pair}`,
        form: { grant_type: 'refresh_token', refresh_token: 'the-refresh-token' },
      },
    ]);
  });

  it('falls back to the client in the body, remembers what the endpoint accepts, and uses a new refresh-token', async () => {
    issuer.answer = ({ form }) => {
      if (form['client_id'] === undefined) return { status: 401, body: { error: 'invalid_client' } };
      const next = form['refresh_token'] === secrets.refreshToken ? { refresh_token: 'second' } : {};
      return { body: { id_token: tokenFor(60 * minute), ...next } };
    };
    const oidc = create();
    await oidc.get();
    for (const refreshes of [2, 3]) {
      clock.advance(61 * minute);
      await oidc.get();
      await eventually(`${refreshes} refreshes`, () => report.refreshes.length >= refreshes);
    }
    const inBody = [false, 'the-client-secret'] as const;
    assert.deepEqual(
      issuer.requests.map(({ authorization, form }) => [
        ...[authorization !== undefined, form['client_secret'], form['refresh_token']],
      ]),
      [
        [true, undefined, secrets.refreshToken],
        [...inBody, secrets.refreshToken],
        [...inBody, 'second'],
        [...inBody, 'second'],
      ],
    );
  });

  it('reads an answer in form encoding, which some issuers send', async () => {
    const token = tokenFor(60 * minute);
    issuer.answer = () => ({ contentType: 'text/plain; charset=utf-8', body: `id_token=${token}&x=y` });
    assert.equal((await create().get()).authorization, `Bearer ${token}`);
  });

  it('uses the id-token until its end and then says that the user must log in again if there is no refresh-token', async () => {
    const oidc = create({ idToken: tokenFor(60 * minute), refreshToken: '' });
    const credential = oidc.get() as Credential;
    await oidc.refused(credential);
    clock.advance(60 * minute - 1);
    assert.equal(oidc.get(), credential);
    clock.advance(1);
    await assert.rejects(
      async () => oidc.get(),
      /there is no refresh-token; log in again when it has expired/,
    );
    assert.match(String(report.lines[0]), /there is no refresh-token/);
    assert.equal(issuer.discoveries, 0);
  });

  describe('rejects', () => {
    const failWith = async (pattern: RegExp, config: Partial<OidcConfig> = {}): Promise<void> => {
      await assert.rejects(async () => create(config).get(), pattern);
    };

    it('an issuer with a certificate of another authority, or that cannot be reached', async () => {
      const stranger = await createCertificateAuthority();
      const certificateAuthority = { data: Buffer.from(stranger.certificate) };
      await failWith(/unknown authority; check idp-certificate-authority/, { certificateAuthority });
      await failWith(/cannot be verified: certificate-authority \/nowhere\/ca.crt: no such file/, {
        certificateAuthority: { file: '/nowhere/ca.crt' },
      });
      assert.equal(issuer.discoveries, 0);
      await issuer.close();
      await failWith(/connection refused/);
    });

    it('a discovery document that is of another issuer, or has no endpoint with TLS', async () => {
      const { url } = issuer;
      const bad: [string | Record<string, unknown>, RegExp][] = [
        [{ issuer: 'https://issuer.example', token_endpoint: `${url}/token` }, /for another issuer/],
        [{ token_endpoint: `${url}/token` }, /for another issuer/],
        [{ issuer: url }, /has no token_endpoint/],
        [{ issuer: url, token_endpoint: `${url.replace('https', 'http')}/token` }, /not a plain https/],
        [{ issuer: url, token_endpoint: `${url.replace('//', '//eve@')}/token` }, /not a plain https/],
        [{ issuer: url, token_endpoint: `${url.replace('//', '//:hush@')}/token` }, /not a plain https/],
        ['<html>', /not a JSON object/],
        ['[{}]', /not a JSON object/],
        [`"${'x'.repeat(1024 * 1024)}"`, /its answer is too large/],
      ];
      for (const [metadata, pattern] of bad) {
        issuer.metadata = metadata;
        await failWith(pattern);
      }
      assert.equal(issuer.requests.length, 0);
    });

    it('an answer without a valid id_token', async () => {
      issuer.answer = () => ({ body: { access_token: 'a' } });
      await failWith(/has no id_token/);
      issuer.answer = () => ({ body: { id_token: 'x\r\ny' } });
      await failWith(/not a JSON Web Token/);
      assert.equal(issuer.requests.length, 2, 'a token that was given is not asked for again in another way');
    });

    it('an answer that says why, by the codes of the standards alone, and any other status than 2xx', async () => {
      for (const error of [
        ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'invalid_scope'],
        ...['unsupported_grant_type', 'access_denied', 'server_error', 'temporarily_unavailable'],
        ...['interaction_required', 'login_required', 'consent_required'],
      ]) {
        issuer.answer = () => ({ status: 400, body: { error } });
        await failWith(new RegExp(`: it answered 400 ${error}\\b`));
      }
      const body = { id_token: tokenFor(60 * minute) };
      issuer.answer = () => ({ status: 200, body: { ...body, error: 'other' } });
      await failWith(/: it answered 200$/);
      issuer.answer = () => ({ status: 300, body });
      await failWith(/: it answered 300$/);
    });
  });

  it('shows no secret in an error, in its causes or in the log', async () => {
    const { url } = issuer;
    const idToken = tokenFor(0);
    const everything = `${secrets.clientSecret} ${secrets.refreshToken} ${idToken}`;
    const answers: { status?: number; body: string | object }[] = [
      { status: 400, body: { error: everything, error_description: everything } },
      { status: 500, body: everything },
      { status: 200, body: everything },
      { status: 200, body: { id_token: everything } },
      { status: 302, body: { refresh_token: everything } },
    ];
    const shown: string[] = [];
    for (const answer of answers) {
      issuer.answer = () => answer;
      await assert.rejects(
        async () => create({ idToken }).get(),
        (error: CredentialError) => {
          shown.push(inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error.toStatus()));
          assert.equal(error.code, 503);
          return true;
        },
      );
    }
    shown.push(inspect(report.lines, { depth: 20 }));
    assert.equal(report.refreshes.length, answers.length);
    for (const secret of [...Object.values(secrets), idToken, idToken.split('.')[1] as string]) {
      assert.ok(!shown.join('\n').includes(secret), `${secret} in ${shown.join('\n')}`);
    }
    assert.ok(shown.join('\n').includes(url));
  });

  it('shows nothing of an answer that is not HTTP', async t => {
    const { certificate, key } = await authority.server();
    const broken = createServer({ cert: certificate, key }, socket => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n{"id_token": "the-new-token"}\r\n\r\n`));
    });
    const token_endpoint = `https://127.0.0.1:${await listenFor(t, broken)}/token`;
    issuer.metadata = { issuer: issuer.url, token_endpoint };
    await assert.rejects(
      async () => create().get(),
      (error: CredentialError) => {
        assert.match(error.message, /its answer is not valid HTTP/);
        assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /the-new-token/);
        return true;
      },
    );
  });
});
