import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { page, rules } from '../../../src/features/explorer/feature.js';
import { problems } from '../../../src/features/explorer/options.js';
import { formatHelp } from '../../../src/options/help.js';
import type { Wish } from '../../../src/reviews/authorizer.js';

type Handler = (request: object, reply: object) => Promise<unknown>;

it('the page is found without its final slash, and has only its files below it', async () => {
  const serve = page.create({ issuers: () => [] } as never, { explorerSignIn: false } as never);
  const get = (received: string) =>
    (serve as unknown as Handler)(
      { context: { path: { received: { path: received } } }, headers: {} },
      { redirect: (to: string, code: number) => `${code} ${to}` },
    );
  assert.equal(await get('/-/ui'), '301 ui/');
  await assert.rejects(get('/-/ui/constructor'), { message: '/-/ui/constructor is not served here' });
});

it('the text of --help shows the default of a switch that is on', () => {
  assert.match(formatHelp(), /^ {6}--explorer\n(?: {6}.*\n)*? {6}.*\(default true\)$/m);
});

it('--explorer-sign-in needs the page, and an issuer', () => {
  const [issuer, other] = [
    { name: 'oidc', flag: '--issuers', hasIssuers: true },
    { name: 'token-file', flag: '--tokens' },
  ];
  const issues = /^--explorer-sign-in needs an OpenID Connect issuer: --issuers$/;
  for (const [explorer, explorerSignIn, methodsOn, expected] of [
    [false, false, [], []],
    [true, true, [other, issuer], []],
    [true, true, [other], [issues]],
    [false, true, [issuer], [/^--explorer-sign-in needs the page/]],
  ] as const) {
    const facts = { methods: [issuer, other], methodsOn } as never;
    const found = problems({ explorer, explorerSignIn, publicUrl: '' }, undefined, facts);
    assert.equal(found.length, expected.length, found.join());
    for (const [index, problem] of expected.entries()) assert.match(found[index] ?? '', problem);
  }
});

describe('what the rules of the proxy would reject', () => {
  const caller = { username: 'jane', uid: undefined, groups: [], extra: new Map() };

  /** Asks about requests, where the rules reject DELETE, and these decide besides. */
  async function ask(query: string, title?: string, isApi = true) {
    const cluster = { endpoint: { config: { server: { path: '' } } } };
    const judge = rules.create({
      destinationOf: (target: string) => ({ mount: { isApi }, target, prefix: '', cluster }),
      rejectionOf: ({ head }: { head: { method: string } }) =>
        head.method === 'DELETE' ? { reason: 'read_only', message: 'no' } : undefined,
      reviews: {
        denialOf: async ({ user, attributes }: Wish) =>
          JSON.stringify(attributes).includes('/version')
            ? { by: 'policy', attributes, reason: `not ${user.username}`, error: undefined }
            : undefined,
        authorizer: title && { title },
      },
      missingRights: { missingFor: async () => undefined },
      noteOn: () => 'noted',
    } as never);
    const text = await (judge as unknown as Handler)(
      { context: { caller, path: { received: { query } } } },
      { headers: () => {} },
    );
    return JSON.parse(String(text));
  }
  const get = 'request=GET%20/api';

  it('is told of each request, in their order, with who else decides', async () => {
    const requests = [
      { request: 'GET /api', allowed: true, note: 'noted' },
      { request: 'DELETE /api/v1/pods', allowed: false, reason: 'read_only', message: 'no' },
    ];
    const message = 'forbidden: User "jane" cannot get path "/version": not jane';
    requests.push({ request: 'GET /version', allowed: false, reason: 'webhook_denied', message });
    const query = `${get}&request=DELETE%20/api/v1/pods&request=GET%20/version`;
    assert.deepEqual(await ask(query), { requests });
    assert.deepEqual(await ask(query, 'a webhook'), { requests, alsoDecide: ['a webhook'] });
  });

  it('is told of 1 to 100 requests for an API server alone', async () => {
    const most = Array(100).fill(get).join('&');
    assert.equal((await ask(most)).requests.length, 100);
    const malformed = ['', 'x=1', `${most}&${get}`, 'request=GET', 'request=get%20/api', 'request=GET%20api'];
    for (const query of malformed) await assert.rejects(ask(query), /ask as \/-\/rules/, query.slice(0, 40));
    await assert.rejects(ask(get, undefined, false), /ask as \/-\/rules/);
    await assert.rejects(ask('request=GET%20/api/../x'), ({ message }) => !/ask as/.test(message));
  });
});
