import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ApiError } from '../../../../src/features/explorer/page/api/client.js';
import { Issuer, sentenceOf } from '../../../../src/features/explorer/page/sign-in/issuer.js';
import { answerTo, discovery, entry, grant, parametersOf, type Sent, startIssuer } from './fake-issuer.js';
import { FakeWindow } from './fake-window.js';

new FakeWindow('https://gw.example/-/ui/');
const base = 'https://gw.example';
const redirectUri = `${base}${entry.redirectPath}`;
const name = 'login.example/realms/dev';
const document = '.well-known/openid-configuration';

/** An issuer with these members in its discovery document, and these answers of its token endpoint. */
async function discover(t: TestContext, members: object = {}, token?: (sent: Sent) => Response) {
  const network = startIssuer(t, {
    [document]: () => Response.json({ ...discovery, ...members }),
    ...(token && { token }),
    revoke: () => new Response(),
  });
  return { ...network, issuer: await Issuer.discover(entry, base) };
}

/** The sentence for the user about the error of a promise. */
const sentence = async (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => sentenceOf(error, entry),
  );

/** How each request to an issuer is sent. */
const always = { cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer' };
const alwaysOf = ({ cache, credentials, redirect, referrerPolicy }: Sent) => {
  return { cache, credentials, redirect, referrerPolicy };
};

describe('the way to an issuer', () => {
  for (const subject of [undefined, 'alice'])
    it(`asks for a code by PKCE, ${subject === undefined ? 'and may ask the user' : 'in silence for a known user'}`, async t => {
      const { issuer, sent } = await discover(t);
      const { url, attempt } = await issuer.begin('#/api', subject);
      assert.ok(url.startsWith(`${discovery.authorization_endpoint}&`));
      const { state, nonce, verifier, ...known } = attempt;
      assert.deepEqual(known, { issuer: entry.issuer, redirectUri, view: '#/api', subject });
      assert.deepEqual(parametersOf(url), {
        ...{ kept: '1', response_type: 'code', response_mode: 'query', client_id: 'gateway', state, nonce },
        ...{ redirect_uri: redirectUri, scope: 'openid groups', code_challenge_method: 'S256' },
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        ...(subject !== undefined && { prompt: 'none' }),
      });
      assert.equal(new Set([state, nonce, verifier]).size, 3);
      assert.equal(issuer.name, name);
      assert.deepEqual(sent.map(alwaysOf), [always]);
    });
});

describe('an answer of an issuer', () => {
  /** The attempt that answers are for. */
  const attempt = { issuer: entry.issuer, redirectUri, view: '', state: 's', nonce: 'n', verifier: 'v' };
  const anyone = { ...attempt, subject: undefined };

  it('brings the tokens of the user', async t => {
    const { issuer, sentTo } = await discover(t, {}, () => grant({ nonce: 'n' }));
    const { idToken, lifetime, ...tokens } = (await issuer.redeem(answerTo(anyone), anyone)) ?? assert.fail();
    assert.deepEqual(tokens, { subject: 'alice', refreshToken: 'refresh' });
    assert.equal(JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString()).sub, 'alice');
    assert.ok(lifetime > 290_000 && lifetime <= 300_000, `${lifetime}`);
    const [request] = sentTo('token');
    assert.deepEqual(request?.form, {
      ...{ grant_type: 'authorization_code', code: 'c0de', code_verifier: 'v' },
      ...{ redirect_uri: redirectUri, client_id: 'gateway' },
    });
    assert.deepEqual([request?.method, alwaysOf(request as Sent)], ['POST', always]);
  });

  for (const [what, alter, problem] of [
    ['with another state', query => query.set('state', 'x'), /state/],
    ['without a state', query => query.delete('state'), /state/],
    ['with two states', query => query.append('state', 'x'), /state/],
    ['of another issuer', query => query.set('iss', 'https://other.example'), /iss/],
    ['that does not name its issuer', query => query.delete('iss'), /iss/],
    ['with a code and an error', query => query.set('error', 'server_error'), /server_error/],
    ['with two codes', query => query.append('code', 'x'), /code/],
    ['with an ID token', query => query.set('id_token', 'x'), /implicit|hybrid/],
  ] as readonly (readonly [string, (query: URLSearchParams) => void, RegExp])[])
    it(`${what} is not used`, async t => {
      const { issuer, sentTo } = await discover(t);
      const query = answerTo(anyone);
      alter(query);
      assert.match(await sentence(issuer.redeem(query, anyone)), problem);
      assert.deepEqual(sentTo('token'), []);
    });

  it('that is an error is shown, but for one in silence, which only means that the user has to be asked', async t => {
    const refusal = { error: 'invalid_grant', error_description: 'used already' };
    const { issuer } = await discover(t, {}, () => Response.json(refusal, { status: 400 }));
    const said = await sentence(issuer.redeem(answerTo(anyone), anyone));
    assert.equal(said, `${name} answers invalid_grant: used already`);
    const [error, error_description] = ['access_denied', 'no'];
    const query = new URLSearchParams({ error, error_description, state: 's', iss: entry.issuer });
    assert.equal(await sentence(issuer.redeem(query, anyone)), `${name} answers access_denied: no`);
    query.delete('error_description');
    assert.equal(await sentence(issuer.redeem(query, anyone)), `${name} answers access_denied`);
    assert.equal(await issuer.redeem(query, { ...attempt, subject: 'alice' }), undefined);
    query.set('state', 'x');
    assert.match(await sentence(issuer.redeem(query, { ...attempt, subject: 'alice' })), /state/);
  });

  for (const [what, claims, members, problem] of [
    ['another nonce', { nonce: 'x' }, {}, /nonce/],
    ['no nonce', {}, {}, /nonce/],
    ['another audience', { nonce: 'n', aud: 'other' }, {}, /aud/],
    ['another issuer', { nonce: 'n', iss: 'https://other.example' }, {}, /iss/],
    ['another user than the one to bring back', { nonce: 'n', sub: 'bob' }, {}, /another user has signed in/],
    ['no ID token', {}, { id_token: undefined }, /id_token/],
  ] as const)
    it(`with an ID token of ${what} is not used`, async t => {
      const { issuer } = await discover(t, {}, () => grant(claims, members));
      const known = { ...attempt, subject: 'alice' };
      const said = await sentence(issuer.redeem(answerTo(known), known));
      assert.match(said, /cannot be used: /);
      assert.match(said, problem);
    });

  it('counts the life of its token from its begin, or from now, but never less than a quarter of it', async t => {
    const now = Math.floor(Date.now() / 1000);
    for (const [iat, exp, least, most] of [
      [now - 240, now + 60, 74_000, 75_000],
      [now - 100, now + 200, 198_000, 200_000],
      [now + 100, now + 200, 99_000, 100_000],
    ] as const) {
      const { issuer } = await discover(t, {}, () => grant({ nonce: 'n', iat, exp }));
      const { lifetime } = (await issuer.redeem(answerTo(anyone), anyone)) ?? assert.fail();
      assert.ok(lifetime >= least && lifetime <= most, `${iat - now} ${exp - now}: ${lifetime}`);
    }
  });
});

describe('a refresh token', () => {
  const before = { idToken: 'old', subject: 'alice', lifetime: 1, refreshToken: 'first' };

  it('brings other tokens of the same user, and stays if there is no other one', async t => {
    for (const refresh_token of ['second', undefined]) {
      const { issuer, sentTo } = await discover(t, {}, () => grant({}, { refresh_token }));
      const { subject, refreshToken } = await issuer.refresh(before);
      assert.deepEqual([subject, refreshToken], ['alice', refresh_token ?? 'first']);
      const [request] = sentTo('token');
      const form = { grant_type: 'refresh_token', refresh_token: 'first', client_id: 'gateway' };
      assert.deepEqual(request?.form, form);
    }
  });

  for (const [what, token] of [
    ['the issuer refuses it', () => Response.json({ error: 'invalid_grant' }, { status: 400 })],
    ['it brings no ID token', () => grant({}, { id_token: undefined })],
    ['it brings a token of another user', () => grant({ sub: 'bob' })],
  ] as const)
    it(`is the end of the sign-in if ${what}`, async t => {
      const { issuer } = await discover(t, {}, token);
      await assert.rejects(issuer.refresh(before), {
        message: `Your sign-in at ${name} has ended. Sign in again.`,
      });
    });

  it('is revoked by a request that outlives the document', async t => {
    const { issuer, sentTo } = await discover(t);
    issuer.revoke('first');
    await setImmediate();
    const [request] = sentTo('revoke');
    assert.deepEqual([request?.form, request?.keepalive], [{ token: 'first', client_id: 'gateway' }, true]);
  });
});

it('the page for signing out gets no token', async t => {
  const { issuer } = await discover(t);
  const address = issuer.signOutAddress ?? assert.fail();
  assert.ok(address.startsWith(`${discovery.end_session_endpoint}?`));
  assert.deepEqual(parametersOf(address), { client_id: 'gateway', post_logout_redirect_uri: redirectUri });
});

describe('a discovery document', () => {
  const endpoints = ['authorization', 'token', 'revocation', 'end_session'].map(each => `${each}_endpoint`);
  const insecure = 'http://evil.example/ javascript:x=1 http://127.0.0.1.evil.example/'.split(' ');
  const bad = [...insecure, '', 7, [entry.issuer]];
  for (const [what, members, problem] of [
    ['of another issuer', { issuer: 'https://other.example' }, /issuer/],
    ...endpoints.flatMap(endpoint =>
      bad.map(
        url => [`with the ${endpoint} ${JSON.stringify(url)}`, { [endpoint]: url }, /is not https:/] as const,
      ),
    ),
  ] as const)
    it(`${what} is not used`, async t => {
      const said = await sentence(discover(t, members));
      assert.match(said, /^The answer of login\.example\/realms\/dev cannot be used: /);
      assert.match(said, problem);
    });

  const loopback = ['http://localhost:1/', 'http://127.0.0.1/', 'http://127.100.20.30/', 'http://[::1]:7/'];
  for (const url of ['https://other.example/', ...loopback])
    it(`may name ${url}`, async t => {
      const { issuer } = await discover(t, { end_session_endpoint: url });
      assert.ok(issuer.signOutAddress?.startsWith(url));
    });

  it('that names no endpoints is of an issuer that nobody can sign in or out at, or ask to forget', async t => {
    const names = ['authorization_endpoint', 'revocation_endpoint', 'end_session_endpoint'];
    const { issuer, sent } = await discover(t, Object.fromEntries(names.map(each => [each, undefined])));
    assert.match(await sentence(issuer.begin('', undefined)), /cannot be used: it names no authorization_/);
    issuer.revoke('first');
    assert.deepEqual([sent.length, issuer.signOutAddress], [1, undefined]);
  });

  it('that does not come, or not now, is no verdict on the user: another attempt may succeed', async t => {
    for (const [status, message] of [
      [429, /^login\.example\/realms\/dev answers 429\. Try again later\.$/],
      [500, /^login\.example\/realms\/dev answers 500\. Try again later\.$/],
      [503, /^login\.example\/realms\/dev answers 503\. Try again later\.$/],
      [0, /does not answer this page\. It may not allow requests of pages at https:\/\/gw\.example \(CORS\)/],
    ] as const) {
      startIssuer(t, {
        [document]: () => {
          if (status === 0) throw new TypeError('fetch failed');
          return new Response('', { status });
        },
      });
      const error: unknown = await Issuer.discover(entry, base).catch((reason: unknown) => reason);
      assert.ok(error instanceof ApiError && error.isPassing && error.code === status, String(error));
      assert.equal(sentenceOf(error, entry), error.message);
      assert.match(error.message, message);
    }
    startIssuer(t, { [document]: () => new Response('', { status: 499 }) });
    assert.match(await sentence(Issuer.discover(entry, base)), /cannot be used/);
  });
});
