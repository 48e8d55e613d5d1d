import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { FeatureSet, rejectionReasons } from '../../src/app/feature-set.js';
import type { Authentication } from '../../src/authentication/authentication.js';
import { AuthenticationError } from '../../src/authentication/identity.js';
import { GuardChain } from '../../src/guard/chain.js';
import { inOrder } from '../../src/guard/guards.js';
import { RejectedPages } from '../../src/guard/rejected-pages.js';
import { Rejection } from '../../src/guard/rejection.js';
import { systemClock } from '../../src/lib/clock.js';
import { flagName } from '../../src/lib/option.js';
import { parseOptions } from '../../src/options/parse.js';
import { type OptionKey, optionOwners } from '../../src/options/table.js';
import { RequestContext } from '../../src/request/context.js';
import type { Mount } from '../../src/request/mount.js';
import { Reviews } from '../../src/reviews/reviews.js';
import { projectFile } from '../support/project.js';
import { createIdleMetrics } from '../support/proxy/metrics.js';

const guards = inOrder(new FeatureSet(new Registry()).guards);

/** What the guard `message` rejects, in its order. */
const messageFaults = ['framing', 'target', 'host field'] as const;

const api: Mount = {
  route: '/api',
  access: 'caller',
  isApi: true,
  isCounted: true,
  namesContext: false,
  relocates: false,
  appendsServerPath: false,
};

/** Every guard is active. */
const { options } = parseOptions({
  argv: [
    ...['--cors-allowed-origins=^https://app\\.example$', '--reject-methods=^TRACE$', '--read-only'],
    ...['--max-requests-inflight=1', '--max-longrunning-requests=1'],
    ...['--accept-namespaces=team-.*', '--reject-resources=pods/log', '--allow-impersonation'],
    '--authorization-config=file',
  ],
  env: {},
});

/** A request that each guard in `faults`, and no other, would reject or answer; and one of the faults of a message. */
function createRequest(faults: ReadonlySet<string>, upgrade: boolean): RequestContext {
  const has = (name: string) => faults.has(name);
  const origin = has('preflight') ? 'app' : has('origin') ? 'evil' : undefined;
  const rawHeaders = [
    ...['Host', has('host') ? 'evil.example' : 'localhost'],
    ...(has('host field') ? ['Host', 'localhost'] : []),
    ...(has('framing') || has('message') ? ['Transfer-Encoding', 'gzip'] : []),
    ...(origin === undefined ? [] : ['Origin', `https://${origin}.example`]),
    ...(has('cross-site') ? ['Sec-Fetch-Site', 'cross-site'] : []),
    ...(has('claimed identity') ? ['X-Remote-User', 'root'] : []),
    ...(has('configured impersonation') || has('requested user') ? ['Impersonate-User', 'system:admin'] : []),
    ...(upgrade ? ['Connection', 'Upgrade', 'Upgrade', 'websocket'] : []),
  ];
  const write = has('origin') || has('read-only') ? 'POST' : 'GET';
  const method = has('preflight') ? 'OPTIONS' : has('filter') ? 'TRACE' : write;
  const namespace = has('namespaces') ? 'default' : 'team-a';
  const path = has('resources') ? 'pods/web/log' : 'configmaps?watch=true';
  const target = `/api/v1/namespaces/${namespace}/${path}${has('target') ? '\\' : ''}`;
  const socket = { remoteAddress: '127.0.0.1' };
  const reply = { code: () => reply, send: () => reply, request: { originalUrl: target } };
  const impersonation = has('configured impersonation') ? {} : undefined;
  const request = new RequestContext(
    { method, rawHeaders, upgrade, httpVersion: '1.1', socket } as unknown as IncomingMessage,
    reply as never,
    {
      ...{ mount: api, target, prefix: '' },
      cluster: { endpoint: { config: { server: { path: '' }, impersonation } } } as never,
    },
  );
  request.record = {
    longRunning: false,
    hasEnded: false,
    recordings: [],
    onEnd() {},
    received() {},
    annotate() {},
    denied() {},
  } as never;
  return request;
}

/** The reason of the rejection, `passed`, or `answered` if a guard answers the request itself. */
async function judge(
  faults: ReadonlySet<string>,
  { upgrade, authenticates }: Record<string, boolean>,
): Promise<string> {
  const authentication = {
    hints: [],
    strangers: { known() {} },
    authenticate() {
      if (faults.has('authentication')) throw new AuthenticationError('no credential');
      return { username: 'jane', groups: [], extra: new Map() };
    },
  };
  const reviews = new Reviews(systemClock);
  reviews.authorizer = {
    title: '',
    denialOf({ attributes }) {
      if (!faults.has('authorization webhooks')) return undefined;
      return { by: 'policy', attributes, reason: '', error: undefined };
    },
  };
  const chain = new GuardChain(options, new FeatureSet(new Registry()).guards, {
    authentication: authenticates ? (authentication as unknown as Authentication) : undefined,
    metrics: createIdleMetrics(),
    reviews,
    constrainedImpersonation: { isThere: async () => false },
    rejectedPages: new RejectedPages(systemClock, { warn() {} }),
  });
  let outcome = 'answered';
  const request = createRequest(faults, upgrade === true);
  if (faults.has('limits')) chain.judge(createRequest(new Set(), upgrade === true), () => {});
  chain.judge(request, rejection => {
    if (rejection !== undefined && !(rejection instanceof Rejection)) throw rejection;
    outcome = rejection === undefined ? 'passed' : rejection.reason;
  });
  // A guard may wait, though none of these asks an API server.
  await setImmediate();
  return outcome;
}

describe('the list of guards', () => {
  it('has one order, that of the core and of all features', () => {
    assert.deepEqual(
      guards.map(({ stage, name }) => `${stage}: ${name}`),
      [
        ...['answer: CORS', 'answer: proxied page', 'message: message', 'page: host', 'page: preflight'],
        ...['page: cross-site', 'caller: claimed identity', 'caller: authentication'],
        ...[
          'origin: cross-site of callers',
          'origin: origin',
          'room: limits',
          'operation: filter',
          'operation: open cluster',
        ],
        ...['operation: configured impersonation', 'operation: read-only', 'operation: namespaces'],
        ...['operation: resources', 'user: requested user', 'user: authorization webhooks'],
      ],
    );
  });

  for (const upgrade of [false, true]) {
    for (const authenticates of [false, true]) {
      // The cross-site guard has waited for no caller.
      const never = ['open cluster', 'cross-site of callers'];
      const notInForce: readonly string[] = authenticates
        ? [...never, 'configured impersonation']
        : [...never, 'claimed identity', 'authentication', 'requested user', 'authorization webhooks'];
      const inForce = guards.filter(({ name, stage }) => stage !== 'answer' && !notInForce.includes(name));
      const leg = upgrade ? 'an upgrade' : 'a plain request';
      it(`is the order of the checks of ${leg} ${authenticates ? 'with' : 'without'} authentication`, async () => {
        const faults = new Set(inForce.map(({ name }) => name));
        for (const { name, reasons } of inForce) {
          const expected: readonly string[] = name === 'preflight' ? ['answered'] : reasons;
          const outcome = await judge(faults, { upgrade, authenticates });
          assert.ok(expected.includes(outcome), `${name} comes first, not what gives "${outcome}"`);
          faults.delete(name);
        }
        assert.equal(await judge(faults, { upgrade, authenticates }), 'passed');
      });
    }
  }

  it('begins with a guard that rejects each fault of a message', async () => {
    for (const fault of messageFaults) {
      const outcome = await judge(new Set([fault, 'host', 'resources']), {
        upgrade: true,
        authenticates: true,
      });
      assert.equal(outcome, 'bad_request', fault);
    }
  });

  it('has each name once, and each option of its guards once in the table', () => {
    const names: readonly string[] = guards.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    const flags = optionOwners.flatMap(({ options }) => Object.keys(options));
    assert.deepEqual(
      flags.filter((flag, index) => flags.indexOf(flag) !== index),
      [],
    );
    for (const { name, options } of guards)
      assert.ok(
        optionOwners.some(owner => owner.options === options),
        name,
      );
  });

  it('has the flags and the reasons of each guard in rules.md', async () => {
    const rules = await readFile(projectFile('deploy/reference/rules.md'), 'utf8');
    for (const { name, options, reasons } of guards) {
      const flags = (Object.keys(options) as OptionKey[]).map(key => `--${flagName(key)}`);
      for (const text of [...flags, ...reasons]) {
        // A flag may have its value behind it.
        assert.match(rules, new RegExp(`\`${text}[=\`]`), `rules.md has no ${text} of the guard "${name}"`);
      }
    }
  });

  it('has separate reasons for each guard, except for malformed requests, pages of other sites and the impersonation rules', () => {
    const all = guards.flatMap(({ reasons }): readonly string[] => [...new Set(reasons)]);
    const shared = all.filter((reason, index) => all.indexOf(reason) !== index);
    assert.deepEqual([...new Set(shared)].sort(), ['bad_request', 'cross_site', 'impersonation']);
    assert.deepEqual([...rejectionReasons], [...new Set(all)]);
  });
});
