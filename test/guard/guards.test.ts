import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OptionFacts } from '../../src/authentication/method.js';
import { authentication } from '../../src/guard/authentication.js';
import { claimedIdentity } from '../../src/guard/claimed-identity.js';
import { cors, preflight } from '../../src/guard/cors.js';
import { crossSite, crossSiteOfCallers } from '../../src/guard/cross-site.js';
import { filter } from '../../src/guard/filter.js';
import { answered, type Guard, type GuardParts, stages } from '../../src/guard/guard.js';
import { guards, inOrder } from '../../src/guard/guards.js';
import { host } from '../../src/guard/host.js';
import { message } from '../../src/guard/message.js';
import { configuredImpersonation } from '../../src/guard/open-cluster.js';
import { origin } from '../../src/guard/origin.js';
import { originList } from '../../src/guard/origin-list.js';
import { proxiedPage } from '../../src/guard/proxied-page.js';
import { readOnly } from '../../src/guard/read-only.js';
import { regexpList } from '../../src/guard/regexp-list.js';
import { Rejection } from '../../src/guard/rejection.js';
import { requestedUser } from '../../src/guard/requested-user.js';
import { sameOriginOnly } from '../../src/http/header-fields.js';
import type { UserInfo } from '../../src/kubernetes/user-info.js';
import type { Mount } from '../../src/request/mount.js';
import { parsedValue } from '../support/option-value.js';
import { apiMount, type RequestParts, rejectedPages, requestOf } from './judged-request.js';

const own = { ...apiMount, isApi: false };
const mounts: Readonly<Record<string, Mount>> = {
  api: apiMount,
  'unknown context': { ...own, namesContext: true },
  page: { ...own, access: 'optional' },
  metrics: { ...own, access: 'public', isCounted: false },
  probe: { ...own, access: 'probe', isCounted: false },
};

describe('the guards of the core', () => {
  it('have stages, reasons, and mounts that they judge', () => {
    const everything = 'api, unknown context, page, metrics, probe';
    const pages = 'api, unknown context, page, metrics';
    const callers = 'api, unknown context, page';
    assert.deepEqual(
      inOrder(guards).map(({ stage, name, reasons, judges }: Guard) => {
        const judged = Object.keys(mounts).filter(mount => judges(mounts[mount] as Mount));
        return `${stage}: ${name} (${reasons.join(', ')}) of ${judged.join(', ')}`;
      }),
      [
        `answer: CORS () of ${everything}`,
        'answer: proxied page () of api, unknown context',
        `message: message (bad_request) of ${everything}`,
        `page: host (host, bad_request) of ${everything}`,
        `page: preflight () of ${everything}`,
        `page: cross-site (cross_site) of ${pages}`,
        `caller: claimed identity (impersonation, bad_request) of ${everything}`,
        `caller: authentication (unauthenticated, identity) of ${callers}`,
        `origin: cross-site of callers (cross_site) of ${callers}`,
        'origin: origin (origin) of api',
        'operation: filter (path, method) of api',
        'operation: open cluster () of unknown context',
        'operation: configured impersonation (impersonation) of api',
        'operation: read-only (read_only) of api',
        'user: requested user (impersonation, bad_request) of api',
      ],
    );
    assert.deepEqual(stages, ['answer', 'message', 'page', 'caller', 'origin', 'room', 'operation', 'user']);
    const asked = inOrder(guards).filter((guard: Guard) => 'judgesOperations' in guard);
    assert.deepEqual(
      asked.map(guard => guard.name),
      ['filter', 'read-only'],
    );
  });
});

const jane: UserInfo = { username: 'jane', uid: undefined, groups: [], extra: new Map() };
/** The requests whose callers have become known. */
const known: unknown[] = [];
const methods = {
  hints: ['send a token', 'sign in'],
  strangers: { known: (request: unknown) => known.push(request) },
  authenticate: () => jane,
  identify: (): UserInfo | undefined => undefined,
};
const callers = { authentication: methods, rejectedPages: rejectedPages() } as unknown as GuardParts;
const strangers = { authentication: undefined, rejectedPages: rejectedPages() } as unknown as GuardParts;

type AnyGuard = Pick<Guard, 'name'> & { create(options: never, parts: GuardParts): unknown };

/** `off`, `passes`, `answered`, or the code and reason of the rejection. */
async function verdictOf(
  guard: AnyGuard,
  options: object,
  parts: GuardParts,
  request: object,
): Promise<string> {
  const check = guard.create(options as never, parts) as ((request: object) => unknown) | undefined;
  if (check === undefined) return 'off';
  try {
    return (await check(request)) === answered ? 'answered' : 'passes';
  } catch (error) {
    assert.ok(error instanceof Rejection, String(error));
    return `${error.code} ${error.reason}`;
  }
}

const list = (source: string) => parsedValue(regexpList, source);
const app = { corsAllowedOrigins: parsedValue(originList, '^https://app\\.example$') };
const noApp = { corsAllowedOrigins: parsedValue(originList, '') };
const fromApp = { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' };
const fromEvil = { ...fromApp, origin: 'https://evil.example' };
const rules = {
  disableFilter: false,
  acceptHosts: list('^a$'),
  acceptPaths: list('^/api'),
  rejectPaths: list('^/api/x$'),
  rejectMethods: list('^TRACE$'),
};
const off = { ...rules, disableFilter: true };
const tokenPages = { ...rules, ...noApp, acceptTokenPages: true };
const byToken = { ...fromEvil, authorization: 'Bearer t' };
const decidedByToken = Object.assign(requestOf('POST /', byToken), { isByToken: true });
const unknownContext: RequestParts = { mount: { isApi: false, namesContext: true } };
const ownPage: RequestParts = { mount: { isApi: false, access: 'optional' } };
const may = { allowImpersonation: true };
const mayNot = { allowImpersonation: false };
const asUser = { 'impersonate-user': 'carol' };
const behind: RequestParts = { serverPath: '/k8s' };

/** The guard, its options, the parts, the request, and the verdict. */
const cases: readonly (readonly [AnyGuard, object, GuardParts, ReturnType<typeof requestOf>, string])[] = [
  [host, rules, strangers, requestOf('GET /', { host: 'a' }), 'passes'],
  [host, rules, strangers, requestOf('GET /', { host: 'b' }), '403 host'],
  [host, off, strangers, requestOf('GET /', { host: 'b' }), 'off'],
  [crossSite, { ...rules, ...app }, strangers, requestOf('POST /', fromApp), 'passes'],
  [crossSite, { ...rules, ...app }, strangers, requestOf('POST /', fromEvil), '403 cross_site'],
  [crossSite, { ...rules, ...noApp }, strangers, requestOf('POST /', fromApp), '403 cross_site'],
  [crossSite, { ...off, ...noApp }, strangers, requestOf('POST /', fromEvil), 'off'],
  [crossSite, tokenPages, callers, requestOf('POST /', byToken), 'passes'],
  [crossSite, tokenPages, callers, requestOf('POST /', fromEvil), '403 cross_site'],
  [crossSite, tokenPages, strangers, requestOf('POST /', byToken), '403 cross_site'],
  [crossSite, { ...rules, ...noApp }, callers, requestOf('POST /', byToken), '403 cross_site'],
  [crossSiteOfCallers, { ...rules, ...noApp }, callers, requestOf('POST /', byToken), 'off'],
  [
    crossSiteOfCallers,
    { ...off, ...tokenPages, disableFilter: true },
    callers,
    requestOf('POST /', byToken),
    'off',
  ],
  [crossSiteOfCallers, tokenPages, callers, requestOf('POST /', byToken), '403 cross_site'],
  [crossSiteOfCallers, tokenPages, callers, decidedByToken, 'passes'],
  [origin, { ...noApp, acceptTokenPages: true }, callers, decidedByToken, 'passes'],
  [origin, { ...noApp, acceptTokenPages: true }, callers, requestOf('POST /', byToken), '403 origin'],
  [origin, noApp, callers, decidedByToken, '403 origin'],
  [preflight, app, strangers, requestOf('OPTIONS /', fromApp), 'passes'],
  [preflight, noApp, strangers, requestOf('OPTIONS /', fromApp), 'off'],
  [claimedIdentity, mayNot, strangers, requestOf('GET /api', asUser), 'off'],
  [claimedIdentity, mayNot, callers, requestOf('GET /api'), 'passes'],
  [claimedIdentity, mayNot, callers, requestOf('GET /api', asUser), '403 impersonation'],
  [claimedIdentity, may, callers, requestOf('GET /api', asUser), 'passes'],
  [claimedIdentity, may, callers, requestOf('GET /api', asUser, unknownContext), 'passes'],
  [claimedIdentity, may, callers, requestOf('GET /', asUser, ownPage), '403 impersonation'],
  ...['User-Name', 'Group-Name', 'Uid-Name', 'Impersonate-User', 'User2'].map(
    name =>
      [
        ...([claimedIdentity, may, callers] as const),
        ...([requestOf('GET /api', { [`Impersonate-${name}`]: 'x' }), '403 impersonation'] as const),
      ] as const,
  ),
  [authentication, {}, strangers, requestOf('GET /api'), 'off'],
  [authentication, {}, callers, requestOf('GET /k8s/api', {}, behind), 'passes'],
  [authentication, {}, callers, requestOf('GET /k8s', {}, behind), 'passes'],
  [authentication, {}, callers, requestOf('GET /other/api', {}, behind), '403 identity'],
  [authentication, {}, callers, requestOf('GET /-/', {}, { ...behind, ...ownPage }), 'passes'],
  [filter, off, strangers, requestOf('TRACE /other'), 'off'],
  [filter, rules, strangers, requestOf('GET /api'), 'passes'],
  [filter, rules, strangers, requestOf('TRACE /api'), '403 method'],
  [filter, rules, strangers, requestOf('GET /api/x'), '403 path'],
  [
    filter,
    { ...rules, acceptPaths: list('/') },
    strangers,
    requestOf('GET /k8s/api/x', {}, behind),
    '403 path',
  ],
  [configuredImpersonation, {}, strangers, requestOf('GET /api', asUser), 'passes'],
  [configuredImpersonation, {}, strangers, requestOf('GET /api', {}, { impersonation: {} }), 'passes'],
  [
    ...([configuredImpersonation, {}, strangers] as const),
    ...([requestOf('GET /api', asUser, { impersonation: {} }), '403 impersonation'] as const),
  ],
  [readOnly, { readOnly: false }, strangers, requestOf('POST /api'), 'off'],
  [readOnly, { readOnly: true }, strangers, requestOf('GET /api'), 'passes'],
  [readOnly, { readOnly: true }, strangers, requestOf('POST /api'), '403 read_only'],
  [origin, app, strangers, requestOf('POST /api'), 'passes'],
  [origin, app, strangers, requestOf('POST /api', fromApp), 'passes'],
  [origin, app, strangers, requestOf('POST /api', fromEvil), '403 origin'],
  [origin, noApp, strangers, requestOf('POST /api', fromApp), '403 origin'],
  [message, {}, strangers, requestOf('GET /api'), 'passes'],
  [message, {}, strangers, requestOf('GET /api', { 'transfer-encoding': 'gzip' }), '400 bad_request'],
  [message, {}, strangers, requestOf('GET /api\\x'), '400 bad_request'],
  [message, {}, strangers, requestOf('GET /api', { Host: 'again' }), '400 bad_request'],
  [requestedUser, mayNot, callers, requestOf('GET /api', asUser), 'off'],
  [requestedUser, may, strangers, requestOf('GET /api', asUser), 'off'],
];

const idle = {
  metrics: { authentication: { impersonated() {} } },
  reviews: {},
  constrainedImpersonation: { isThere: async () => false },
} as unknown as GuardParts;

describe('the guard', () => {
  for (const [guard, options, parts, request, verdict] of cases) {
    const { head, path } = request;
    const on = Object.entries(options).map(([name, value]) => `${name}=${value?.source ?? value}`);
    it(`${guard.name}, with ${on}, says "${verdict}" of ${head.method} ${path.received.rawPath} ${head.rawHeaders}`, async () => {
      const by = parts === callers || parts === strangers ? parts : strangers;
      assert.equal(await verdictOf(guard, options, { ...idle, ...by }, request), verdict);
    });
  }
});

describe('the caller of a request', () => {
  const judge = (request: ReturnType<typeof requestOf>, found: Partial<typeof methods>) =>
    verdictOf(
      authentication,
      {},
      { authentication: { ...methods, ...found } } as unknown as GuardParts,
      request,
    );

  it('is the user whom authentication finds, at once or later', async () => {
    for (const user of [jane, Promise.resolve(jane)]) {
      const request = requestOf('GET /api');
      known.length = 0;
      assert.equal(await judge(request, { authenticate: () => user as UserInfo }), 'passes');
      assert.deepEqual(known, [request.raw]);
      assert.deepEqual([request.caller, request.record.user, request.annotations], [jane, 'jane', {}]);
    }
  });

  it('may be nobody where a credential is optional', async () => {
    const request = requestOf('GET /-/', {}, { ...behind, ...ownPage });
    known.length = 0;
    assert.equal(await judge(request, {}), 'passes');
    assert.deepEqual(known, [], 'it is still a stranger');
    assert.deepEqual([request.caller, request.record.user], [undefined, undefined]);
    assert.equal(await judge(request, { identify: () => jane }), 'passes');
    assert.equal(request.caller, jane);
  });

  it('has the groups that were left out in the record', async () => {
    const request = requestOf('GET /api');
    await judge(request, {
      authenticate: () => ({ ...jane, leftOut: ['dev', 'ops'] }) as unknown as UserInfo,
    });
    assert.deepEqual(request.annotations, { 'kube-api-proxy/left-out-groups': '["dev","ops"]' });
  });
});

it('an option that is about callers needs a method of authentication', () => {
  const methods = [{ flag: '--token-file', sendsSecret: true }];
  const facts = (methodsOn: object[]) => ({ methods, methodsOn }) as unknown as OptionFacts;
  for (const [problems, on, off] of [
    [authentication.problems, { acceptGroup: ['dev'] }, { acceptGroup: [] }],
    [authentication.problems, { acceptGroup: [], serviceAccountsByName: true }, { acceptGroup: [] }],
    [requestedUser.problems, may, mayNot],
    [crossSite.problems, { acceptTokenPages: true }, { acceptTokenPages: false }],
  ] as unknown as readonly (readonly [
    (on: object, given: unknown, facts: OptionFacts) => unknown[],
    object,
    object,
  ])[]) {
    assert.match(problems(on, undefined, facts([])).join(), /^--[a-z-]+ needs [^,]+ \(--token-file\)/);
    for (const none of [problems(on, undefined, facts(methods)), problems(off, undefined, facts([]))])
      assert.deepEqual(none, []);
  }
});

describe('the header fields of an answer', () => {
  const fieldsOf = (
    guard: AnyGuard,
    options: object,
    parts: GuardParts,
    request: ReturnType<typeof requestOf>,
  ) => {
    (guard.create(options as never, parts) as ((request: object) => void) | undefined)?.(request);
    return request.answerHeaders;
  };

  it('let only own pages embed it, and pages of --cors-allowed-origins', () => {
    assert.equal(cors.create(noApp), undefined);
    assert.equal(requestOf('GET /api', fromApp).answerHeaders, sameOriginOnly);
    assert.deepEqual(fieldsOf(cors, app, strangers, requestOf('GET /api', fromApp))?.slice(0, 2), [
      'Access-Control-Allow-Origin',
      'https://app.example',
    ]);
  });

  it('sandbox a proxied page by default if there are callers or several clusters', () => {
    const sandbox = [
      'Content-Security-Policy',
      'sandbox allow-scripts allow-forms allow-popups allow-downloads',
    ];
    const pod = 'GET /api/v1/namespaces/n/pods/web';
    for (const [sandboxProxiedPages, servesClusters, parts, isSandboxed] of [
      [undefined, false, strangers, false],
      [undefined, true, strangers, true],
      [undefined, false, callers, true],
      [false, true, callers, false],
      [true, false, strangers, true],
    ] as const) {
      const options = { sandboxProxiedPages, servesClusters };
      const request = requestOf(`${pod}/proxy/`);
      const expected = isSandboxed ? [...sameOriginOnly, ...sandbox] : sameOriginOnly;
      assert.deepEqual(fieldsOf(proxiedPage, options, parts, request), expected);
      request.answerHeaders = ['a', 'b'];
      const fields = fieldsOf(proxiedPage, options, parts, request);
      assert.deepEqual(fields, isSandboxed ? ['a', 'b', ...sandbox] : ['a', 'b']);
      assert.equal(fieldsOf(proxiedPage, options, parts, requestOf(`${pod}/log`)), sameOriginOnly);
    }
  });

  it('make a proxied page of every path that some program may take for one', () => {
    const sandboxed = (path: string) =>
      fieldsOf(proxiedPage, { sandboxProxiedPages: true }, strangers, requestOf(`GET ${path}`)) !==
      sameOriginOnly;
    for (const path of [
      ...['/a/proxy', '/a/PROXY/b', '/a/proxy;x', '/a%5Cproxy%5Cb', '/a/%2570roxy', '/a%252Fproxy'],
    ])
      assert.equal(sandboxed(path), true, path);
    for (const path of ['/a/proxys', '/a/xproxy', '/a/pro', '/a/%25/pods'])
      assert.equal(sandboxed(path), false, path);
  });

  it('answer a preflight of an allowed page at once', async () => {
    for (const [line, headers, verdict] of [
      ['OPTIONS /api', fromApp, 'answered'],
      ['GET /api', fromApp, 'passes'],
      ['OPTIONS /api', fromEvil, 'passes'],
      ['OPTIONS /api', {}, 'passes'],
    ] as const) {
      const request = requestOf(line, headers);
      fieldsOf(cors, app, strangers, request);
      assert.equal(await verdictOf(preflight, app, strangers, request), verdict, line);
      assert.deepEqual(request.answers, verdict === 'answered' ? [204] : []);
    }
  });
});

it('the cluster of a context is opened by the first request to it', async () => {
  const openCluster = guards.find(({ name }) => name === 'open cluster') as unknown as AnyGuard;
  const endpoint = { config: { server: { path: '' } } };
  const cluster = { opened: 0, open: () => Promise.resolve(endpoint).finally(() => cluster.opened++) };
  const request = requestOf('GET /api', {}, { mount: { appendsServerPath: true }, cluster });
  for (let times = 0; times < 2; times++) {
    assert.equal(await verdictOf(openCluster, {}, strangers, request), 'passes');
    assert.deepEqual([request.endpoint, cluster.opened], [endpoint, 1]);
  }
  const check = openCluster.create({} as never, strangers) as (request: object) => unknown;
  assert.equal(check(request), undefined, 'it need not wait');
});
