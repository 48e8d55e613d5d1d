import assert from 'node:assert/strict';
import { describe, it, mock, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { answerTo, discovery, entry, grant, parametersOf, type Sent, startIssuer } from './fake-issuer.js';
import { FakeWindow } from './fake-window.js';

const ui = 'https://gw.example/x/-/ui/';
const redirectUri = `${ui}from-login`;
new FakeWindow(ui);
const { Client, proxyItself } = await import('../../../../src/features/explorer/page/api/client.js');
const { takeArrival } = await import('../../../../src/features/explorer/page/sign-in/answer.js');
const { IssuerSignIn } = await import('../../../../src/features/explorer/page/sign-in/issuer-sign-in.js');

const [attemptKey, signedInKey] = ['kube-api-proxy-sign-in /x/-/ui/', 'kube-api-proxy-signed-in /x/-/ui/'];
const signedIn = { issuer: entry.issuer, subject: 'alice' };
const attempt = { issuer: entry.issuer, redirectUri, state: 's', nonce: 'n', verifier: 'v', view: '#/api' };

type Answers = Readonly<Record<string, (sent: Sent) => Response>>;

/** A document at an address, in a window with this storage, which was reached in this way. */
function load(
  t: TestContext,
  { address = `${ui}#/api`, stored = {}, by = 'navigate', answers = {} as Answers, issuers = [entry] } = {},
) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const window = new FakeWindow(address);
  for (const [key, value] of Object.entries(stored)) window.stored.set(key, JSON.stringify(value));
  t.mock.method(performance, 'getEntriesByType', () => [{ type: by }]);
  const network = startIssuer(t, {
    'https://gw.example/x/-/sign-in': () => Response.json({ issuers }),
    '.well-known/openid-configuration': () => Response.json(discovery),
    token: () => grant({ nonce: 'n' }),
    revoke: () => new Response(),
    ...answers,
  });
  const client = new Client('https://gw.example/x');
  const onEnd = mock.fn<(problem: string) => void>();
  const signIn = new IssuerSignIn(client, takeArrival(), onEnd);
  t.after(() => signIn.forget());
  const kept = (key: string) => JSON.parse(window.stored.get(key) ?? 'null');
  /** Waits until the page has sent the browser away. */
  const left = async () => {
    while (window.ways.length === 0) await setImmediate();
    return (window.ways[0] ?? '').split(' ') as [how: string, url: string];
  };
  return { ...network, window, client, onEnd, signIn, kept, left };
}

/** The address of an answer to the attempt that the window keeps. */
const arrived = { address: `${redirectUri}?${answerTo(attempt)}#x`, stored: { [attemptKey]: attempt } };

describe('an answer', () => {
  for (const [address, shown, answer] of [
    [`${ui}?a=b#/api`, `${ui}#/api`, undefined],
    [`${redirectUri}#/api`, `${ui}#/api`, undefined],
    [`${redirectUri}?code=c&iss=i`, ui, 'code=c&iss=i'],
    [`${ui}?state=s`, ui, 'state=s'],
    [`${ui}?error=e`, ui, 'error=e'],
    [`${ui}#/api`, `${ui}#/api`, undefined],
  ] as const)
    it(`leaves the address bar at once: ${address}`, () => {
      const window = new FakeWindow(address);
      const replaced = mock.method(window.history, 'replaceState');
      const taken = takeArrival();
      assert.deepEqual([taken.address, taken.answer?.toString()], [address.replace(/[?#].*/, ''), answer]);
      assert.equal(window.location.href, shown);
      assert.equal(replaced.mock.callCount(), address === shown ? 0 : 1);
    });

  it('signs the user in, keeps the tokens in memory alone, and shows the view that was left', async t => {
    const { signIn, client, window, kept } = load(t, arrived);
    client.tokens.set(proxyItself, 'entered').set('/clusters/a', 'other');
    assert.equal(await signIn.resume(), '');
    assert.match(client.session?.token ?? '', /^eyJ/);
    assert.deepEqual([...client.tokens.keys()], ['/clusters/a']);
    assert.equal(window.location.href, `${ui}#/api`);
    assert.deepEqual([...window.stored.keys()], [signedInKey]);
    assert.deepEqual(kept(signedInKey), signedIn);
    signIn.forget();
    assert.deepEqual([client.session, window.stored.size], [undefined, 0]);
  });

  const other = { ...entry, issuer: 'https://other.example' };
  const unanswered = { 'https://gw.example/x/-/sign-in': () => new Response('no', { status: 403 }) };
  const asking = `${redirectUri}?error=login_required&state=s&iss=${entry.issuer}`;
  const silent = { [attemptKey]: { ...attempt, subject: 'alice' } };
  for (const [what, options, problem] of [
    ['that nobody asked for', { stored: {} }, /^This window has not asked/],
    ['at another address', { address: `${ui}?${answerTo(attempt)}` }, /^The answer came to another/],
    ['of an issuer that is offered no more', { issuers: [other] }, /^The proxy no longer offers this/],
    ['that the proxy says nothing about', { answers: unanswered }, /^403: no$/],
    ['that says in silence that the user has to be asked', { address: asking, stored: silent }, /^$/],
  ] as readonly (readonly [string, Parameters<typeof load>[1], RegExp])[])
    it(`${what} signs nobody in`, async t => {
      const { signIn, client, window } = load(t, { ...arrived, ...options });
      assert.match(await signIn.resume(), problem);
      assert.deepEqual([client.session, window.stored.size], [undefined, 0]);
    });

  it('that ends with the issuer’s no asks to sign in again', async t => {
    const token = ({ form }: Sent) =>
      form['grant_type'] === 'refresh_token' ? new Response('', { status: 400 }) : grant({ nonce: 'n' });
    const { signIn, client, onEnd } = load(t, { ...arrived, answers: { token } });
    await signIn.resume();
    await assert.rejects(client.session?.replace(client.session.token) ?? assert.fail());
    assert.match(String(onEnd.mock.calls[0]?.arguments), /^Your sign-in at login\.example\/.* has ended/);
  });
});

describe('the way to an issuer', () => {
  it('keeps what the answer has to be checked against, and can be gone back', async t => {
    const { signIn, window, kept, left } = load(t);
    void signIn.begin(entry.issuer);
    const [how, url] = await left();
    assert.equal(how, 'assign');
    const { state, redirect_uri, prompt } = parametersOf(url);
    assert.deepEqual([prompt, redirect_uri, state], [undefined, redirectUri, kept(attemptKey).state]);
    assert.equal(kept(attemptKey).view, '#/api');
    signIn.drop();
    assert.deepEqual([window.ways.length, window.ways[1], window.stored.size], [2, 'stop', 0]);
    signIn.drop();
    assert.equal(window.ways.length, 2);
  });

  it('ends without a word if the user has decided otherwise', async t => {
    const { signIn, window } = load(t);
    const ended = signIn.begin(entry.issuer);
    signIn.drop();
    assert.equal(await ended, '');
    assert.deepEqual([window.ways, window.stored.size], [[], 0]);
  });

  it('is gone in silence once if the document of a user who signed in is loaded again', async t => {
    const { signIn, window, kept, left } = load(t, { by: 'reload', stored: { [signedInKey]: signedIn } });
    void signIn.resume();
    const [how, url] = await left();
    assert.deepEqual([how, parametersOf(url)['prompt']], ['replace', 'none']);
    assert.deepEqual([...window.stored.keys()], [attemptKey]);
    assert.equal(kept(attemptKey).subject, 'alice');
  });

  for (const [what, by, stored] of [
    ['a link, which anyone can make,', 'navigate', { [signedInKey]: signedIn }],
    ['another document of nobody', 'reload', {}],
  ] as const)
    it(`is not begun by ${what}`, async t => {
      const { signIn, sent } = load(t, { by, stored });
      assert.equal(await signIn.resume(), '');
      assert.deepEqual(sent, []);
    });
});

describe('signing out', () => {
  /** A user who has signed in. */
  async function start(t: TestContext, members: object = {}) {
    const document = {
      '.well-known/openid-configuration': () => Response.json({ ...discovery, ...members }),
    };
    const loaded = load(t, { ...arrived, answers: document });
    await loaded.signIn.resume();
    return loaded;
  }

  it('forgets, revokes, and goes to the issuer’s page; if that does not come, it says so', async t => {
    const { signIn, client, window, sentTo, left } = await start(t);
    const ended = signIn.end();
    assert.deepEqual([client.session, window.stored.size], [undefined, 0]);
    const [how, url] = await left();
    assert.deepEqual([how, url.split('?')[0]], ['assign', discovery.end_session_endpoint]);
    assert.deepEqual(
      sentTo('revoke').map(({ form }) => form['token']),
      ['refresh'],
    );
    t.mock.timers.tick(15_000);
    assert.match(await ended, /^The page of login\.example\/realms\/dev for signing out does not come\./);
    assert.equal(window.ways[1], 'stop');
  });

  it('ends without a word if the user has decided otherwise, or if there is no page or no user to sign out', async t => {
    const other = await start(t);
    const ended = other.signIn.end();
    await other.left();
    other.signIn.drop();
    assert.equal(await ended, '');
    t.mock.timers.reset();
    const none = await start(t, { end_session_endpoint: undefined, revocation_endpoint: undefined });
    assert.deepEqual([await none.signIn.end(), await none.signIn.end()], ['', '']);
    assert.deepEqual([none.window.ways, none.sentTo('revoke')], [[], []]);
  });
});
