import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import { AuthenticationError } from '../../../src/authentication/identity.js';
import { TokenCache, userOf } from '../../../src/features/common/token-cache.js';
import { OidcKeys } from '../../../src/features/oidc/keys.js';
import { createIdTokenVerifier, createWaitsForIssuer } from '../../../src/features/oidc/verifier.js';
import { Deferred } from '../../../src/lib/promises.js';
import { createIssuerDial } from '../../../src/transport/dial/issuer-dial.js';
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from '../../support/certificates/certificates.js';
import { eventuallyPasses, until } from '../../support/eventually.js';
import { type OidcIssuer, startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import { compactJwt, createOidcSigner, type OidcSigner } from '../../support/identities/oidc-signer.js';
import { ManualClock, unevenTimes } from '../../support/manual-clock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const now = 1_700_000_000_000;
const seconds = now / 1000;

let authority: CertificateAuthority;
let folder: string;
let caFile: string;
let signer: OidcSigner;
let other: OidcSigner;

before(async () => {
  authority = await createCertificateAuthority();
  folder = temporaryFolder();
  caFile = join(folder, 'ca.crt');
  await writeFile(caFile, authority.certificate);
  signer = createOidcSigner('one');
  other = createOidcSigner('two');
});

async function set(
  t: TestContext,
  more: {
    algorithms?: string[];
    issuer?: OidcIssuer;
    caFile?: string;
    discoveryUrl?: string;
    keys?: readonly object[];
    isSlow?: boolean;
  } = {},
) {
  const issuer = more.issuer ?? (await startOidcIssuer(authority));
  t.after(() => issuer.close());
  issuer.jwks = { keys: more.keys ?? [signer.jwk] };
  const clock = new ManualClock(now);
  const log: string[] = [];
  const keys = new OidcKeys({
    issuer: issuer.url,
    discoveryUrl: more.discoveryUrl ?? '',
    certificateAuthority: { file: more.caFile ?? caFile },
    names: { issuer: '--oidc-issuer-url', certificateAuthority: '--oidc-ca-file' },
    dial: createIssuerDial({}),
    clock,
    log: {
      info: message => log.push(message),
      warn: (fields, message) => log.push(message, JSON.stringify(fields)),
    },
  });
  t.after(() => keys.close());
  keys.start();
  if (more.isSlow !== true) await until(() => log.length > 0);
  const waits = createWaitsForIssuer({ issuer: issuer.url, keys });
  const verify = createIdTokenVerifier({
    issuer: issuer.url,
    audiences: ['gateway'],
    algorithms: more.algorithms ?? ['RS256'],
    mapping: {
      ...{ username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: '' }, uid: undefined },
      ...{ requiredClaims: new Map(), extra: [], claimRules: [], userRules: [] },
    },
    rules: { allowed: new Set(), serviceAccounts: false },
    keys,
    clock,
  });
  const cache = new TokenCache({
    ...{ verify, waits, clock, successTtl: 10_000, failureTtl: 10_000 },
    metrics: { cacheAsked: () => {} },
  });
  return {
    ...{ issuer, clock, log, keys },
    /** The cache that calls `verify`. */
    cache,
    waits: (text: string) => waits({ text, digest: digestOf(text), source: '' }),
    verify: async (text: string) =>
      (await verify({ text, digest: digestOf(text), source: '' }))?.user.username,
    claims: (claims: object = {}) => ({
      iss: issuer.url,
      aud: 'gateway',
      sub: 'alice',
      exp: seconds + 60,
      ...claims,
    }),
  };
}

describe('an id-token', () => {
  it('for this client is valid up to a minute before its start, and until the second of its expiry', async t => {
    const { verify, claims, clock } = await set(t);
    const token = signer.sign(claims({ aud: ['other', 'gateway'], exp: seconds + 60 }));
    clock.advance(59_999);
    assert.equal(await verify(token), 'alice');
    clock.advance(1);
    await assert.rejects(verify(token), /the token has expired/);
    clock.advance(60_000);
    await assert.rejects(verify(token), AuthenticationError);
    const later = claims({ exp: seconds + 9999 });
    const early = (ahead: number) => signer.sign({ ...later, nbf: seconds + 120 + ahead });
    assert.equal(await verify(early(60)), 'alice');
    await assert.rejects(verify(early(61)), AuthenticationError);
    for (const exp of [undefined, String(seconds + 9999), null, Number.NaN]) {
      await assert.rejects(verify(signer.sign(claims({ exp }))), AuthenticationError);
    }
  });

  it('is rejected if the API server takes it for one that has expired, or cannot read a claim', async t => {
    const { verify, claims } = await set(t);
    for (const more of [
      { exp: seconds + 0.9 },
      { sub: 7 },
      ...[2 ** 63, 2 ** 63 - 62_135_596_800, 1e300].map(exp => ({ exp })),
      { _claim_names: { groups: '' }, _claim_sources: { '': {} } },
      ...[7, true, [], {}].flatMap(value => [{ nonce: value }, { at_hash: value }]),
      ...[7, [], 'groups', { groups: 'there' }, { groups: '' }, { groups: null }].map(names => ({
        _claim_names: names,
      })),
      ...[7, [], { there: 7 }, { there: { endpoint: 7 } }, { there: { access_token: 7 } }].map(sources => ({
        _claim_sources: sources,
      })),
    ]) {
      await assert.rejects(verify(signer.sign(claims(more))), AuthenticationError, JSON.stringify(more));
    }
    for (const more of [
      { exp: 2 ** 62 },
      { nonce: null, at_hash: null, _claim_names: null, _claim_sources: null },
      { nonce: 'n', at_hash: 'h', _claim_names: {}, _claim_sources: { there: null } },
      { _claim_names: { groups: 'there' }, _claim_sources: { there: { endpoint: 'https://x', more: 7 } } },
    ]) {
      assert.equal(await verify(signer.sign(claims(more))), 'alice', JSON.stringify(more));
    }
  });

  it('of another key is read once, because anybody may send one that takes milliseconds', async t => {
    const { claims, cache } = await set(t);
    const text = other.sign(claims({ mark: 'read once' }), { kid: 'one' });
    const parse = t.mock.method(JSON, 'parse');
    const outcome = await cache.find({ text, digest: digestOf(text), source: '' });
    assert.throws(() => userOf(outcome), AuthenticationError);
    const reads = parse.mock.calls.filter(({ arguments: [json] }) => String(json).includes('read once'));
    assert.equal(reads.length, 1);
  });

  it('is rejected for another audience, and not recognised if its issuer is another one or it is no JWT', async t => {
    const { verify, claims, issuer } = await set(t);
    for (const aud of [
      'other',
      ['other'],
      '',
      undefined,
      'gateway2',
      'Gateway',
      [],
      [['gateway']],
      ['gateway', 1],
    ]) {
      await assert.rejects(verify(signer.sign(claims({ aud }))), AuthenticationError, String(aud));
    }
    const others = [
      'https://other.example',
      'accounts.google.com',
      `${issuer.url}/`,
      issuer.url.toUpperCase(),
    ];
    for (const iss of [...others, undefined, '']) {
      assert.equal(await verify(signer.sign(claims({ iss }))), undefined, String(iss));
    }
    for (const text of ['', 'opaque', 'a.b.c', 'a.b', '....', `${issuer.url}.x.y`]) {
      assert.equal(await verify(text), undefined, text);
    }
    // A list is not an issuer.
    assert.equal(await verify(signer.sign(claims({ iss: [issuer.url] }))), undefined);
  });

  it('is rejected without a signature, or with one that anybody could make', async t => {
    const { verify, claims } = await set(t, { algorithms: ['RS256', 'ES256', 'PS256'] });
    const token = signer.sign(claims());
    const [head = '', body = '', signature = ''] = token.split('.');
    const byPublicKey = (alg: string, secret: string | Buffer) => {
      const hash = alg.replace('HS', 'sha');
      const input = compactJwt({ alg, kid: 'one' }, claims(), '').slice(0, -1);
      return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
    };
    const forged = Buffer.from(JSON.stringify(claims({ sub: 'mallory' }))).toString('base64url');
    for (const [what, text] of [
      ['alg none', compactJwt({ alg: 'none' }, claims(), '')],
      ['alg None', compactJwt({ alg: 'None', kid: 'one' }, claims(), '')],
      ['alg nOnE with the signature', compactJwt({ alg: 'nOnE', kid: 'one' }, claims(), signature)],
      ['no alg', compactJwt({ kid: 'one' }, claims(), signature)],
      ['alg a list', compactJwt({ alg: ['RS256'], kid: 'one' }, claims(), signature)],
      ['HS256 by the public key', byPublicKey('HS256', signer.publicPem)],
      ['HS256 by the modulus', byPublicKey('HS256', Buffer.from(String(signer.jwk['n']), 'base64url'))],
      ['HS512 by the JWK', byPublicKey('HS512', JSON.stringify(signer.jwk))],
      ['HS256 by nothing', byPublicKey('HS256', '')],
      ['no signature', `${head}.${body}.`],
      ['other claims', `${head}.${forged}.${signature}`],
      ['half a signature', `${head}.${body}.${signature.slice(0, 100)}`],
      ['another key under this name', other.sign(claims(), { kid: 'one' })],
      ['PS256 under this name', compactJwt({ alg: 'PS256', kid: 'one' }, claims(), signature)],
    ] as const) {
      await assert.rejects(verify(text), AuthenticationError, what);
    }
  });

  it('cannot bring its own key or name another place to fetch one from', async t => {
    const { verify, claims, issuer } = await set(t);
    const elsewhere = await startOidcIssuer(authority);
    t.after(() => elsewhere.close());
    elsewhere.jwks = { keys: [other.jwk] };
    for (const header of [
      { kid: 'two', jwk: other.jwk },
      { kid: 'two', jku: `${elsewhere.url}/keys` },
      { kid: 'two', x5u: `${elsewhere.url}/keys` },
      { kid: '../../../dev/null' },
      { kid: `${elsewhere.url}/keys` },
      { kid: '' },
      { kid: 7 },
      { kid: 'one', jwk: other.jwk, crit: ['jwk'] },
      { kid: '__proto__' },
    ]) {
      await assert.rejects(verify(other.sign(claims(), header)), AuthenticationError, JSON.stringify(header));
    }
    assert.equal(elsewhere.keyRequests + elsewhere.discoveries, 0);
    assert.equal(issuer.keyRequests, 1, 'the pause is not over');
  });

  it('without a key ID is tried with every key of the issuer', async t => {
    const { verify, claims, issuer, clock } = await set(t);
    issuer.jwks = { keys: [other.jwk, signer.jwk] };
    clock.advance(5_000);
    assert.equal(await verify(other.sign(claims())), 'alice');
    const withoutKid = signer.sign(claims(), { kid: undefined });
    assert.equal(await verify(withoutKid), 'alice');
    const stranger = createOidcSigner('three');
    await assert.rejects(verify(stranger.sign(claims(), { kid: undefined })), AuthenticationError);
    await assert.rejects(
      verify(signer.sign(claims({ aud: 'other' }), { kid: undefined })),
      /unexpected "aud" claim value/,
    );
  });
});

describe('the keys of an issuer', () => {
  it('are fetched again for an unknown key: once for all requests, and not again before a pause', async t => {
    const { verify, claims, issuer, clock } = await set(t);
    issuer.jwks = { keys: [signer.jwk, other.jwk] };
    const token = other.sign(claims());
    await assert.rejects(verify(token), (error: AuthenticationError) => error.isPassing);
    assert.equal(issuer.keyRequests, 1);
    clock.advance(5_000);
    const names = await Promise.all(Array.from({ length: 20 }, () => verify(token)));
    assert.ok(names.every(name => name === 'alice'));
    assert.equal(issuer.keyRequests, 2);
    await assert.rejects(verify(other.sign(claims(), { kid: 'three' })), AuthenticationError);
    assert.equal(issuer.keyRequests, 2);
  });

  it('are fetched again after ten minutes, and a key that the issuer has removed is dropped', async t => {
    const { verify, claims, issuer, clock, log } = await set(t);
    const token = signer.sign(claims({ exp: seconds + 9999 }));
    issuer.jwks = { keys: [other.jwk] };
    clock.advance(599_999);
    assert.equal(await verify(token), 'alice');
    clock.advance(1);
    const asked = Array.from({ length: 20 }, () => verify(token));
    await Promise.all(asked.map(result => assert.rejects(result, AuthenticationError)));
    assert.equal(issuer.keyRequests, 2);
    assert.equal(await verify(other.sign(claims({ exp: seconds + 9999 }))), 'alice');
    assert.equal(issuer.keyRequests, 2);
    assert.equal(log.length, 1, 'the log says once that they are there');
  });

  it('that are ten minutes old stay in use if the issuer does not answer within 2 s, until it does', async t => {
    const { verify, claims, issuer, clock } = await set(t);
    const token = signer.sign(claims({ exp: seconds + 9999 }));
    issuer.jwks = { keys: [other.jwk] };
    const answer = new Deferred();
    issuer.hold(answer.promise);
    clock.advance(600_000);
    const first = verify(token);
    await until(() => issuer.discoveries === 2);
    clock.advance(1_000);
    const second = verify(token);
    clock.advance(999);
    assert.equal(clock.pending, 1, 'both wait');
    clock.advance(1);
    // Nobody waits for longer than 2 s after the first one, and who comes then does not wait.
    assert.deepEqual([await first, await second, await verify(token)], ['alice', 'alice', 'alice']);
    assert.equal(clock.pending, 0);
    answer.resolve();
    await eventuallyPasses(() => assert.rejects(verify(token), AuthenticationError));
    assert.equal(issuer.keyRequests, 2);
  });

  for (const [when, pass] of unevenTimes) {
    it(`are fetched again after ten minutes, and searched again after five seconds ${when}`, async t => {
      const { verify, claims, issuer, clock } = await set(t);
      const search = () =>
        verify(other.sign(claims({ exp: seconds + 99_999 }), { kid: 'two' })).catch(() => {});
      pass(clock, 4_999);
      await search();
      assert.equal(issuer.keyRequests, 1);
      clock.advance(1);
      await search();
      assert.equal(issuer.keyRequests, 2);
      pass(clock, 600_000);
      await verify(signer.sign(claims({ exp: seconds + 99_999 })));
      await until(() => issuer.keyRequests === 3);
    });
  }

  it('are found below the path of their issuer, or by a document at another URL, which names the issuer', async t => {
    const issuer = await startOidcIssuer(authority);
    const discoveryUrl = `${issuer.url}/.well-known/openid-configuration`;
    const { log } = await set(t, { issuer: { ...issuer, url: 'https://elsewhere.example' }, discoveryUrl });
    assert.match(log.join(), /for another issuer/);
    issuer.metadata = { ...(issuer.metadata as object), issuer: 'https://elsewhere.example' };
    const found = await set(t, {
      issuer: Object.assign(issuer, { url: 'https://elsewhere.example' }),
      discoveryUrl,
    });
    assert.equal(await found.verify(signer.sign(found.claims())), 'alice');
    // The path of an issuer may end with a slash.
    const below = await startOidcIssuer(authority);
    below.metadata = { ...(below.metadata as object), issuer: `${below.url}/` };
    const slashed = await set(t, { issuer: Object.assign(below, { url: `${below.url}/` }) });
    assert.equal(await slashed.verify(signer.sign(slashed.claims())), 'alice');
  });

  it('at an address of any length are named by its beginning, because readyz and the log say why they are missing', async t => {
    const issuer = await startOidcIssuer(authority);
    for (const origin of [new URL(issuer.url).origin, `https://${'x'.repeat(9_000)}`]) {
      issuer.metadata = { ...(issuer.metadata as object), jwks_uri: `${origin}/${'x'.repeat(9_000)}` };
      const { log, keys } = await set(t, { issuer });
      assert.match(keys.warning ?? '', /x{100}.* (?:answered 404|cannot be used)/);
      assert.ok((keys.warning ?? '').length < 500);
      assert.ok(log.join('\n').length < 1_000);
    }
  });

  it('are at most 100, because a token without the name of its key is checked with each', async t => {
    const { verify, claims, issuer, clock, log } = await set(t);
    const keys = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...other.jwk, kid: `k${index}` }));
    issuer.jwks = { keys: keys(101) };
    clock.advance(5_000);
    await assert.rejects(verify(other.sign(claims(), { kid: 'k7' })), { code: 503 });
    assert.match(
      log.join(),
      /cannot be renewed; the last ones stay in use.*the issuer has more than 100 keys/s,
    );
    assert.equal(await verify(signer.sign(claims())), 'alice', 'the last keys stay in use');
    issuer.jwks = { keys: keys(100) };
    clock.advance(5_000);
    assert.equal(await verify(other.sign(claims(), { kid: 'k7' })), 'alice');
  });

  it('are fetched again if the issuer was not reachable at the start; until then its tokens get a 503 at once, which clients do not repeat', async t => {
    const probe = await startOidcIssuer(authority);
    const port = Number(new URL(probe.url).port);
    await probe.close();
    const away: OidcIssuer = { ...probe, close: async () => {} };
    const { verify, claims, clock, log, keys } = await set(t, { issuer: away });
    assert.match(log.join('\n'), /cannot fetch the keys.*\n.*connection refused/);
    assert.match(keys.warning ?? '', /no keys of the OpenID Connect issuer https:.*: .*connection refused/);
    const token = signer.sign(claims());
    await assert.rejects(verify(token), { code: 503, retryAfterSeconds: undefined });
    clock.advance(8_500);
    await assert.rejects(verify(token), { code: 503, retryAfterSeconds: undefined });
    const issuer = await startOidcIssuer(authority, { port });
    t.after(() => issuer.close());
    issuer.jwks = { keys: [signer.jwk] };
    clock.advance(1_500);
    // The next try is under way, and the token waits for it.
    assert.equal(await verify(token), 'alice');
    assert.equal(keys.warning, undefined);
  });

  it('delay tokens that come before them, until the issuer has been silent for 5 s, or for 1 s if it has failed before', async t => {
    const issuer = await startOidcIssuer(authority);
    const answer = new Deferred();
    issuer.hold(answer.promise);
    const { verify, claims, clock, keys, log, waits } = await set(t, { issuer, isSlow: true });
    const token = signer.sign(claims());
    assert.match(keys.warning ?? '', /they are being fetched/);
    assert.equal(waits(token), true);
    const late = verify(token);
    await until(() => clock.pending === 1);
    clock.advance(4_999);
    const others = Array.from({ length: 20 }, () => verify(token));
    await until(() => clock.pending === 21);
    clock.advance(1);
    for (const one of [late, ...others])
      await assert.rejects(one, { code: 503, retryAfterSeconds: undefined });
    await assert.rejects(verify(token), { code: 503 }, 'at once');
    assert.equal(clock.pending, 0);
    const { metadata } = issuer;
    issuer.metadata = 'x';
    answer.resolve();
    await until(() => log.length > 0);
    await assert.rejects(verify(token), { code: 503 }, 'at once');

    const again = new Deferred();
    issuer.hold(again.promise);
    clock.advance(10_000);
    await until(() => issuer.discoveries === 2);
    clock.advance(999);
    const inTime = verify(token);
    await until(() => clock.pending === 1);
    clock.advance(1);
    await assert.rejects(inTime, { code: 503 });
    const left = verify(token);
    await assert.rejects(left, { code: 503 }, 'at once');
    issuer.metadata = metadata;
    again.resolve();
    await until(() => keys.warning === undefined);
    assert.equal(await verify(token), 'alice');
    assert.equal(waits(token), false);
  });

  it('cause a 503 for a token of an unknown key if the issuer does not answer, while tokens of known keys are accepted', async t => {
    const { verify, claims, issuer, clock, waits } = await set(t);
    const [known, unknown] = [signer.sign(claims()), other.sign(claims())];
    assert.deepEqual([waits(known), waits(unknown)], [false, true]);
    assert.deepEqual(
      [signer.sign(claims({ iss: 'https://other.example' })), 'opaque', 'a.b.c'].map(waits),
      [false, false, false],
      'a token that is not of this issuer does not wait',
    );
    issuer.hold(new Promise(() => {}));
    clock.advance(5_000);
    const waiting = verify(unknown);
    await until(() => issuer.discoveries === 2);
    assert.equal(await verify(known), 'alice');
    clock.advance(5_000);
    await assert.rejects(waiting, { code: 503, retryAfterSeconds: undefined });
    await assert.rejects(verify(unknown), { code: 503 }, 'at once');
    await issuer.close();
    await until(() => clock.pending === 0);
    await assert.rejects(verify(unknown), { code: 503 });
    assert.equal(await verify(known), 'alice');
  });

  it('are fetched again for a token whose key has no name that is a text, because such a name is not known', async t => {
    const elliptic = createOidcSigner('ec', 'ES256').jwk;
    for (const [kid, user] of [
      [undefined, 'alice'],
      [7, undefined],
    ] as const) {
      const keys = [{ ...elliptic, kid }];
      const { verify, claims, issuer, clock, waits } = await set(t, { keys });
      const token = signer.sign(claims(), { kid });
      assert.equal(waits(token), true);
      issuer.jwks = { keys: [{ ...signer.jwk, kid }] };
      clock.advance(5_000);
      const found = await verify(token).catch(() => undefined);
      assert.deepEqual([found, issuer.keyRequests], [user, 2]);
    }
  });

  it('are not fetched any more when they are closed', async t => {
    const broken = await startOidcIssuer(authority);
    broken.metadata = 'x';
    const { keys, clock } = await set(t, { issuer: broken });
    assert.equal(clock.pending, 1);
    keys.close();
    assert.equal(clock.pending, 0);
    const silent = await startOidcIssuer(authority);
    silent.hold(new Promise(() => {}));
    const late = await set(t, { issuer: silent, isSlow: true });
    const waiting = late.verify(signer.sign(late.claims()));
    await until(() => silent.discoveries === 1);
    late.keys.close();
    await assert.rejects(waiting, { code: 503 });
    assert.deepEqual([late.log, late.clock.pending], [[], 0]);
  });

  it('are not fetched again for a key ID that is known with another algorithm, or with one that may not sign', async t => {
    const elliptic = createOidcSigner('one', 'ES256');
    for (const algorithms of [['RS256', 'ES256'], ['RS256']]) {
      for (const keys of [[signer.jwk], [elliptic.jwk]]) {
        const { verify, claims, issuer, clock, waits } = await set(t, { algorithms, keys });
        clock.advance(5_000);
        const token = elliptic.sign(claims());
        assert.equal(waits(token), false);
        if (algorithms.length === 2 && keys[0] === elliptic.jwk) assert.equal(await verify(token), 'alice');
        else await assert.rejects(verify(token), AuthenticationError);
        assert.equal(issuer.keyRequests, 1);
      }
    }
  });

  const withUri = (uri: unknown) => (i: OidcIssuer) => ({
    metadata: { ...(i.metadata as object), jwks_uri: uri },
  });
  for (const [what, spoil, reason] of [
    [
      'a discovery document of another issuer',
      i => ({ metadata: { ...(i.metadata as object), issuer: `${i.url}/` } }),
      /another issuer; check --oidc-issuer-url/,
    ],
    ['a jwks_uri without TLS', withUri('http://127.0.0.1/keys'), /no jwks_uri that is an https/],
    ['a jwks_uri that is no URL', withUri('/keys'), /no jwks_uri that is an https/],
    ['a jwks_uri that is a list', i => withUri([`${i.url}/keys`])(i), /no jwks_uri that is an https/],
    ['no jwks_uri', i => ({ metadata: { issuer: i.url } }), /no jwks_uri/],
    ['an invalid discovery document', () => ({ metadata: 'x' }), /answered 200, not 200 with a JSON object/],
    ['another status than 200', () => ({ status: 500 }), /answered 500, not 200 with a JSON object/],
    ['a status that is a success, but not 200', () => ({ status: 203 }), /answered 203, not 200/],
  ] as const satisfies readonly (readonly [string, (i: OidcIssuer) => object, RegExp])[]) {
    it(`are not accepted with ${what}`, async t => {
      const issuer = await startOidcIssuer(authority);
      Object.assign(issuer, spoil(issuer));
      const { log, keys } = await set(t, { issuer });
      assert.match(log.join('\n'), reason);
      assert.match(keys.warning ?? '', reason);
    });
  }

  it('are not accepted from an issuer whose certificate another authority signed', async t => {
    const stranger = join(folder, 'stranger.crt');
    await writeFile(stranger, (await createCertificateAuthority()).certificate);
    const { log } = await set(t, { caFile: stranger });
    assert.match(log.join('\n'), /unknown authority; check --oidc-ca-file/);
    const missing = await set(t, { caFile: join(folder, 'missing.crt') });
    assert.match(missing.log.join('\n'), /--oidc-ca-file: .*missing\.crt: no such file/);
  });
});
