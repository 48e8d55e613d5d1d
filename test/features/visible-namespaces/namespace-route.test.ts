import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Cluster, ClusterPart } from '../../../src/clusters/cluster.js';
import { NamespaceRoute } from '../../../src/features/visible-namespaces/namespace-route.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import type { StatusError } from '../../../src/kubernetes/status.js';
import type { RoutedTrip } from '../../../src/proxy/route.js';
import type { Question } from '../../../src/reviews/reviews.js';
import { lastingBytes } from '../../../src/transport/borrowed-bytes.js';
import type {
  BodySink,
  ClientSink,
  OutgoingRequest,
  ResponseSink,
  SwitchedResponse,
} from '../../../src/transport/round-trip.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordedResponse } from '../../support/transport/recorded-response.js';
import {
  accessTo,
  endpoint,
  onlySource,
  upstreamRequestTo,
} from '../../support/transport/upstream-requests.js';

const path = '/api/v1/namespaces';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const rules = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
const watching = `GET ${path}?watch=1`;
const fields = ['X-Kubernetes-Pf-Flowschema-Uid', 'x'];
const refusal = { status: 403, text: 'no', headers: fields };
const question = { spec: { resourceAttributes: { verb: 'list', resource: 'namespaces' } } };
const mayList = JSON.stringify(question);
const no = {
  status: 201,
  text: JSON.stringify({ ...question, status: { allowed: false } }),
  headers: ['Content-Type', 'application/json'],
};
const selected = (names: string) => `labelSelector=kubernetes.io/metadata.name+in+(${names})`;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers?: readonly string[];
}

/** A client's connection. */
class Client extends RecordedResponse implements ClientSink {
  readonly waiting = 0;
  socket: SwitchedResponse | undefined;
  trip: RoutedTrip | undefined;
  /** With what its watch was ended. */
  expired: StatusError[] = [];

  switched(response: SwitchedResponse): BodySink {
    this.socket = response;
    return this;
  }
}

/** A request of the gateway with names, until it is answered. */
interface Named {
  readonly request: OutgoingRequest;
  readonly sink: ResponseSink;
  readonly calls: string[];
}

const meta = (name: string) => ({ name, uid: `u-${name}`, resourceVersion: '7' });

/** A cluster with the namespaces a, b and c, of which ann may get a, whose API server refuses users lists and watches of them. */
class World {
  readonly clock = new ManualClock(0);
  /** What the proxy itself may read. */
  readonly objects = new Map<string, object[]>([
    [path, ['a', 'b', 'c'].map(name => ({ metadata: meta(name) }))],
    [`${rbac}/roles`, []],
    [
      `${rbac}/clusterroles`,
      [{ metadata: meta('reader'), rules: [{ verbs: ['get'], apiGroups: [''], resources: ['namespaces'] }] }],
    ],
    [`${rbac}/rolebindings`, [bindingOf('ann', 'a')]],
    [`${rbac}/clusterrolebindings`, []],
  ]);
  version = 100;
  allowed = new Set(['ann a', 'ann b', 'ann c']);
  asked: string[] = [];
  /** What the API server got of users. */
  sent: string[] = [];
  /** What it got of the gateway with names, and has not answered. */
  named: Named[] = [];
  /** What it answers to these; undefined for nothing. */
  namedAnswer: Answer | undefined = { status: 200, text: 'shown' };
  readonly calls: string[] = [];
  readonly annotations: string[] = [];
  answer: Answer | undefined = refusal;
  readonly #watches = new Map<string, (event: object) => void>();
  filtered = 0;
  readonly parts: ClusterPart[] = [];
  readonly cluster: Cluster;
  readonly route: NamespaceRoute;

  constructor() {
    const pool = {
      lease: () => {
        const calls: string[] = [];
        const call = (what: string) => () => calls.push(what);
        return {
          ...{ isStale: false, pause: call('pause'), resume: call('resume'), abort: call('abort') },
          send: (request: OutgoingRequest, sink: ResponseSink) => {
            queueMicrotask(() => {
              if (!calls.includes('abort')) this.#answer(request, sink, calls);
            });
          },
        };
      },
    };
    this.cluster = {
      ...{ host: 'api', name: 'dev', endpoint: { identity: endpoint }, ...onlySource(accessTo(pool)) },
      attach: (part: ClusterPart) => this.parts.push(part),
    } as unknown as Cluster;
    this.route = new NamespaceRoute({
      clock: this.clock,
      observer: {
        reviewed() {},
        watches: count => {
          this.filtered += count;
        },
      },
      reviews: {
        authorizer: undefined,
        ask: () => assert.fail('not asked'),
        forget() {},
        askNow: async ({ as, attributes }: Question) => {
          const { name = '' } = 'resourceAttributes' in attributes ? attributes.resourceAttributes : {};
          this.asked.push(`${as[1]} ${name}`);
          return { isAllowed: this.allowed.has(`${as[1]} ${name}`), reason: '', hasError: false };
        },
        denialOf: async () => undefined,
      },
    });
  }

  #answer(request: OutgoingRequest, sink: ResponseSink, calls: string[]): void {
    const [of = '', query = ''] = request.path.split('?');
    if (query.startsWith('labelSelector=')) {
      this.named.push({ request, sink, calls });
      if (this.namedAnswer !== undefined) this.respond(this.namedAnswer);
      return;
    }
    const objects = of === rules ? [] : this.objects.get(of);
    const body = sink.head(objects === undefined ? 403 : 200, '', []);
    const write = (part: object) => body.data(lastingBytes(Buffer.from(`${JSON.stringify(part)}\n`)));
    if (query.includes('watch=true')) {
      this.#watches.set(of, write);
      return;
    }
    const metadata = { resourceVersion: `${this.version}` };
    write({ metadata, items: query === 'limit=1' ? [] : objects, status: { incomplete: false } });
    sink.end();
  }

  /** The API server answers the oldest request of the gateway with names. A watch stays open. */
  respond({ status, text, headers = ['Audit-Id', 'x'] }: Answer): Named {
    const named = this.named.shift() as Named;
    const body = named.sink.head(status, '', [...headers]);
    body.data(lastingBytes(Buffer.from(text)));
    body.idle();
    if (!named.request.path.includes('watch=1') && !named.calls.includes('abort')) named.sink.end();
    return named;
  }

  /** An event of the gateway's watch of a path. */
  async happens(of: string, type: 'ADDED' | 'DELETED', object: object): Promise<void> {
    this.version += 1;
    const { metadata, ...rest } = object as { metadata: object };
    const changed = { ...rest, metadata: { ...metadata, resourceVersion: `${this.version}` } };
    this.#watches.get(of)?.({ type, object: changed });
    await settled();
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await settled();
  }

  /** What takes a request; `body` is that of a POST. */
  take(user: string, line: string, { body, upgrade, headers = [], by }: RequestParts = {}): Client {
    const [method = '', target = ''] = line.split(' ');
    const [api = '', query = ''] = target.split('?');
    const info = parseRequestInfo(method, api, query);
    const client = new Client();
    const request = {
      ...{ cluster: this.cluster, endpoint: { identity: endpoint }, mount: {} },
      caller: { username: user, uid: undefined, groups: [], extra: new Map() },
      impersonated: by && { by: [{ resourceAttributes: { verb: by } }] },
      head: { method, hasBody: body !== undefined, upgradeProtocol: upgrade ?? '' },
      path: { info, api, forServer: { query } },
      record: {
        info,
        annotate: (...what: string[]) => this.annotations.push(what.join(' ')),
        ...{ firstByte() {}, unauthorized() {} },
      },
    } as never;
    const impersonation = user === '' ? undefined : ['Impersonate-User', user];
    const own = upstreamRequestTo(target, { method, headers, impersonation, judgedFor: endpoint });
    const onward = {
      sendAfter: (_route: unknown, _own: unknown, sink: ResponseSink) => {
        let isOver = false;
        this.sent.push(`${user} ${line}`);
        queueMicrotask(() => {
          if (isOver || this.answer === undefined) return;
          const { status, text, headers: more = [] } = this.answer;
          sink.head(status, '', [...more]).data(lastingBytes(Buffer.from(text)));
          sink.end();
        });
        const call = (what: string) => () => this.calls.push(`${what} as user`);
        const abort = () => {
          isOver = true;
        };
        return { pause: call('pause'), resume: call('resume'), abort };
      },
      expire: (error: StatusError) => client.expired.push(error),
    } as never;
    client.trip =
      upgrade === undefined
        ? this.route.take(request, own, client, onward)
        : this.route.takeUpgrade(request, own, client, onward);
    return client;
  }

  async ask(user: string, line: string, parts?: RequestParts): Promise<Client> {
    const client = this.take(user, line, parts);
    await settled();
    return client;
  }
}

interface RequestParts {
  readonly body?: string;
  readonly upgrade?: string;
  readonly headers?: readonly string[];
  /** The verb of the right by which the caller acts as the user. */
  readonly by?: string;
}

function bindingOf(user: string, namespace: string) {
  const metadata = { ...meta(`${user}-${namespace}`), namespace };
  const roleRef = { kind: 'ClusterRole', name: 'reader' };
  return { metadata, roleRef, subjects: [{ kind: 'User', name: user }] };
}

async function settled(): Promise<void> {
  for (let count = 0; count < 12; count += 1) await turn();
}

describe('the route of lists and watches of namespaces', () => {
  it('takes these of callers alone, and reviews of their rights', async () => {
    const world = new World();
    for (const [line, isTaken, parts] of [
      [`GET ${path}`, true],
      [`GET ${path}?watch=1`, true],
      ['GET /api/v1/watch/namespaces', true],
      [`GET ${path}/a`, false],
      ['GET /api/v1/pods', false],
      [`GET ${path}`, false, { body: '' }],
      [`DELETE ${path}`, false],
      [`POST ${reviews}`, true, { body: '{}' }],
      [`POST ${path}`, false, { body: '{}' }],
      [`GET ${path}?watch=1`, true, { upgrade: 'WebSocket' }],
      [`GET ${path}?watch=1`, false, { upgrade: 'SPDY/3.1' }],
      [`GET ${path}`, false, { upgrade: 'websocket' }],
      [`GET ${path}`, true, { by: 'impersonate' }],
      [`GET ${path}`, false, { by: 'impersonate-on:user-info:list' }],
      [`POST ${reviews}`, false, { body: '{}', by: 'impersonate-on:user-info:create' }],
      [`GET ${path}?watch=1`, false, { upgrade: 'websocket', by: 'impersonate-on:user-info:watch' }],
    ] as const)
      for (const user of ['ann', '']) {
        const { trip } = world.take(user, line, parts);
        assert.equal(trip !== undefined, isTaken && user !== '', `${line} ${JSON.stringify(parts)}`);
        trip?.abort();
      }
    await settled();
    assert.equal(world.parts.length, 6, 'the cluster is followed once, with five lists');
  });

  it('passes on whatever is no refusal of the user', async () => {
    const world = new World();
    for (const answer of [
      { status: 200, text: 'all of them' },
      { status: 500, text: 'broken' },
      { status: 403, text: 'users "ann" is forbidden: User "proxy" cannot impersonate resource "users"' },
    ]) {
      world.answer = answer;
      const { status, text, whole } = await world.ask('ann', `GET ${path}`);
      assert.deepEqual([status, text, whole], [answer.status, answer.text, true]);
    }
    // In an API server without priority and fairness.
    world.answer = { status: 403, text: 'User "ann" cannot list resource "namespaces" in API group ""' };
    assert.equal((await world.ask('ann', `GET ${path}`)).text, 'shown');
  });

  it('sends what was refused again as the gateway, with the names', async () => {
    const world = new World();
    world.namedAnswer = undefined;
    const headers = ['Accept', 'application/vnd.kubernetes.protobuf', 'Accept-Encoding', 'gzip'];
    for (const [user, line, parts, target, sent] of [
      ['ann', `GET ${path}?labelSelector=x`, {}, `${selected('a')},x`, headers],
      ['bob', `GET ${path}`, {}, 'labelSelector=!kubernetes.io/metadata.name', headers],
      ['ann', watching, {}, `${selected('a')}&watch=1`, headers.slice(0, 2)],
      ['ann', watching, { upgrade: 'websocket' }, `${selected('a')}&watch=1`, headers.slice(0, 2)],
    ] as const) {
      const { trip } = await world.ask(user, line, { ...parts, headers });
      assert.equal(world.sent.pop(), `${user} ${line}`);
      const request = world.named.pop()?.request;
      assert.equal(request?.path, `${path}?${target}`);
      assert.deepEqual(request?.headers, ['Host', 'api:6443', ...sent]);
      assert.equal(world.annotations.pop(), 'kube-api-proxy/filtered namespaces');
      // What the user may get, and what the proxy itself may.
      assert.deepEqual(
        trip?.questions?.map(({ as }) => as),
        [['Impersonate-User', user], 'configured'],
      );
    }
  });

  it('passes on what the API server answers then, but not what is about the gateway or the length', async () => {
    const audited = ['Audit-Id', 'x'];
    for (const [answer, status, text, message] of [
      [{ status: 200, text: 'shown' }, 200, 'shown'],
      [{ status: 429, text: 'later' }, 429, 'later'],
      [{ status: 400, text: 'selector', headers: audited }, 400, 'selector'],
      [{ status: 403, text: 'User "proxy" cannot list' }, 403, 'no'],
      [
        { status: 400, text: 'bad', headers: ['Server', 'nginx'] },
        0,
        '',
        /^you may not list all namespaces, .*\(256 KB\)$/,
      ],
      [{ status: 414, text: 'long' }, 0, '', /256 KB/],
      [{ status: 431, text: 'long' }, 0, '', /256 KB/],
    ] as const)
      for (const line of [`GET ${path}`, watching]) {
        const world = new World();
        world.namedAnswer = answer;
        const client = await world.ask('ann', line);
        assert.deepEqual([client.status, client.text], [status, text], `${line} ${JSON.stringify(answer)}`);
        if (message === undefined) assert.equal(client.failure, undefined);
        else {
          assert.equal(client.failure?.code, 403);
          assert.match(client.failure.message, message);
        }
      }
  });

  it('lets who has gone cost nothing more, at each moment', async () => {
    const world = new World();
    world.namedAnswer = undefined;
    for (const turns of [0, 1, 2, 3, 4, 5, 6, 8, 20]) {
      const client = world.take('ann', watching);
      for (let count = 0; count < turns; count += 1) await turn();
      client.trip?.abort();
      await settled();
      for (const { calls } of world.named.splice(0)) assert.deepEqual(calls, ['abort']);
      assert.deepEqual([client.status, client.failure, world.filtered], [0, undefined, 0]);
    }
  });

  it('stops and goes on as its client does', async () => {
    const world = new World();
    const { trip } = await world.ask('ann', watching);
    trip?.pause();
    trip?.resume();
    world.namedAnswer = undefined;
    const other = world.take('ann', watching);
    other.trip?.pause();
    await settled();
    assert.deepEqual(world.named[0]?.calls, ['pause']);
    assert.deepEqual(world.calls, ['pause as user']);
  });

  it('answers with the API server’s 403 without the right to read namespaces or RBAC', async () => {
    for (const missing of [path, `${rbac}/clusterroles`]) {
      const world = new World();
      world.objects.delete(missing);
      for (const line of [`GET ${path}`, watching]) {
        const { status, text } = await world.ask('ann', line);
        assert.deepEqual([status, text], [403, 'no'], missing);
      }
      world.answer = no;
      const { text } = await world.ask('ann', `POST ${reviews}`, { body: mayList });
      assert.equal(text, no.text);
      const warnings = world.parts.flatMap(part =>
        'warnings' in part ? (part as unknown as { warnings(): string[] }).warnings() : [],
      );
      assert.match(warnings.join(), /^the proxy's identity may not list and watch .* at api;.*does nothing$/);
    }
  });
});

describe('a change of what a user is shown', () => {
  it('lets what has no answer begin anew with the new names', async () => {
    const world = new World();
    world.namedAnswer = undefined;
    const list = await world.ask('ann', `GET ${path}`);
    const watch = await world.ask('ann', watching);
    const old = world.named.splice(0);
    await world.happens(path, 'DELETED', { metadata: meta('a') });
    assert.deepEqual(
      old.map(({ calls }) => calls),
      [['abort'], ['abort']],
    );
    assert.equal(world.named.length, 2);
    for (const { request } of world.named) assert.match(request.path, /labelSelector=!kubernetes/);
    for (let count = 0; count < 2; count += 1) world.respond({ status: 200, text: 'new' });
    assert.deepEqual([list.text, watch.text, watch.expired], ['new', 'new', []]);
  });

  it('cuts a list that is being answered', async () => {
    const world = new World();
    world.namedAnswer = undefined;
    const list = await world.ask('ann', `GET ${path}`);
    const [{ sink, calls } = {} as Named] = world.named;
    sink.head(200, '', []).data(lastingBytes(Buffer.from('half')));
    await world.happens(`${rbac}/rolebindings`, 'DELETED', bindingOf('ann', 'a'));
    assert.deepEqual([list.text, list.failure?.code, calls], ['half', 410, ['abort']]);
  });

  it('ends a watch: at once for a loss, and within some seconds for a grant, after one review', async () => {
    const world = new World();
    const lost = await world.ask('ann', watching);
    assert.equal(world.filtered, 1);
    await world.happens(`${rbac}/rolebindings`, 'DELETED', bindingOf('ann', 'a'));
    assert.deepEqual([lost.expired[0]?.code, lost.text], [410, 'shown']);
    lost.trip?.abort();
    const watches = [await world.ask('ann', watching), await world.ask('ann', watching)];
    world.asked = [];
    await world.happens(`${rbac}/rolebindings`, 'ADDED', bindingOf('ann', 'b'));
    await world.happens(`${rbac}/rolebindings`, 'ADDED', bindingOf('ann', 'c'));
    assert.deepEqual(world.asked, []);
    await world.pass(1_000);
    await world.pass(1_000);
    assert.deepEqual(world.asked, ['ann b', 'ann c']);
    await world.pass(5_000);
    for (const { expired } of watches)
      assert.deepEqual(
        expired.map(({ code }) => code),
        [410],
      );
    assert.equal(world.filtered, 2);
    for (const { trip } of watches) trip?.abort();
    assert.equal(world.filtered, 0);
  });

  it('of another user, and of what is not about namespaces, ends nothing', async () => {
    const world = new World();
    const watch = await world.ask('ann', watching);
    await world.happens(`${rbac}/rolebindings`, 'ADDED', bindingOf('bob', 'b'));
    await world.happens(`${rbac}/rolebindings`, 'ADDED', bindingOf('ann', 'none'));
    await world.happens(`${rbac}/clusterroles`, 'ADDED', { metadata: meta('other'), rules: [] });
    await world.happens(path, 'ADDED', { metadata: meta('d') });
    await world.happens(path, 'DELETED', { metadata: meta('c') });
    world.asked = [];
    await world.pass(60_000);
    assert.deepEqual([watch.expired, world.asked], [[], []]);
    // It is asked about while there are watches, when its yes is over.
    for (let second = 0; second < 300; second += 10) await world.pass(10_000);
    assert.deepEqual(world.asked, ['ann a']);
  });

  it('that a recheck finds ends a watch too', async () => {
    const world = new World();
    const watch = await world.ask('ann', watching);
    world.allowed.delete('ann a');
    const [question] = watch.trip?.questions ?? [];
    assert.equal(await question?.askAgain?.(), true);
    await settled();
    assert.equal(watch.expired[0]?.code, 410);
  });

  it('of a role, of the right to read RBAC and of the endpoint ends all', async () => {
    for (const change of [
      (world: World) =>
        world.happens(`${rbac}/clusterroles`, 'DELETED', { metadata: meta('reader'), rules: [] }),
      async (world: World) => {
        for (const part of world.parts) part.replaced?.();
      },
      async (world: World) => {
        for (const part of world.parts) part.close();
      },
    ]) {
      const world = new World();
      const watch = await world.ask('ann', watching);
      await change(world);
      assert.equal(watch.expired[0]?.code, 410);
    }
  });
});

describe('the floor', () => {
  it('lets nothing of the past pass, but the state', async () => {
    const world = new World();
    world.version = 50;
    for (const [query, code, target] of [
      ['?resourceVersion=49&resourceVersionMatch=Exact', 410, ''],
      ['?limit=1&continue=x', 410, ''],
      [
        '?resourceVersion=50&resourceVersionMatch=Exact',
        undefined,
        '&resourceVersion=50&resourceVersionMatch=Exact',
      ],
      ['?resourceVersion=0&limit=5', undefined, '&limit=5'],
      ['?resourceVersion=49&resourceVersionMatch=NotOlderThan', undefined, ''],
      [
        '?resourceVersion=51&resourceVersionMatch=NotOlderThan',
        undefined,
        '&resourceVersion=51&resourceVersionMatch=NotOlderThan',
      ],
      ['?resourceVersion=x', undefined, '&resourceVersion=x'],
    ] as const) {
      world.namedAnswer = undefined;
      const client = await world.ask('ann', `GET ${path}${query}`);
      assert.equal(client.failure?.code, code, query);
      assert.equal(
        world.named.pop()?.request.path,
        code === 410 ? undefined : `${path}?${selected('a')}${target}`,
      );
    }
  });

  it('lets a watch from below it begin, with the state, and end at once', async () => {
    const world = new World();
    for (const [query, isExpired, target] of [
      ['&resourceVersion=99', true, ''],
      ['&resourceVersion=100', false, '&resourceVersion=100'],
      ['&resourceVersion=0', false, ''],
      [
        '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=9',
        false,
        '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
      ],
    ] as const) {
      world.namedAnswer = undefined;
      const client = await world.ask('ann', watching + query);
      assert.equal(world.named[0]?.request.path, `${path}?${selected('a')}&watch=1${target}`);
      world.respond({ status: 200, text: 'event' });
      assert.deepEqual(
        client.expired.map(({ code }) => code),
        isExpired ? [410] : [],
        query,
      );
    }
    const client = await world.ask('ann', `${watching}&resourceVersion=99`, { upgrade: 'websocket' });
    const named = world.named.pop();
    const response = { statusMessage: '', headers: [], socket: {} as never };
    assert.equal(named?.sink.switched?.(response), client);
    assert.deepEqual([client.socket, client.expired[0]?.code], [response, 410]);
  });

  it('ends watches from a version once more, 15 s after a change', async () => {
    const world = new World();
    await world.ask('ann', `GET ${path}`);
    await world.happens(`${rbac}/rolebindings`, 'ADDED', bindingOf('ann', 'b'));
    await world.ask('ann', `GET ${path}`);
    const [from, state] = [
      await world.ask('ann', `${watching}&resourceVersion=${world.version}`),
      await world.ask('ann', watching),
    ];
    world.namedAnswer = undefined;
    const late = world.take('ann', `${watching}&resourceVersion=${world.version}`);
    await settled();
    world.version += 1;
    await world.pass(15_000);
    assert.deepEqual([from.expired[0]?.code, state.expired], [410, []]);
    world.respond({ status: 200, text: '' });
    assert.equal(late.expired[0]?.code, 410);
    assert.deepEqual(world.asked, ['ann a', 'ann b', 'ann b']);
  });
});

describe('a review of the own rights', () => {
  it('has a yes, if nobody has compressed it, and if it is about namespaces', async () => {
    for (const [answer, isYes] of [
      [no, true],
      [{ ...no, headers: [...no.headers, 'Content-Encoding', 'identity'] }, true],
      [{ ...no, headers: [...no.headers, 'Content-Encoding', 'gzip'] }, false],
      [{ ...no, text: no.text.replace('list', 'get') }, false],
      [{ ...no, status: 500 }, false],
    ] as const) {
      const world = new World();
      world.answer = answer;
      const { status, text } = await world.ask('ann', `POST ${reviews}`, { body: mayList });
      assert.deepEqual([status, /"allowed":true/.test(text)], [answer.status, isYes], answer.text);
    }
  });

  it('is not answered when its client has left', async () => {
    const world = new World();
    world.answer = no;
    const early = world.take('ann', `POST ${reviews}`, { body: mayList });
    early.trip?.abort();
    const late = world.take('ann', `POST ${reviews}`, { body: mayList });
    await Promise.resolve();
    await Promise.resolve();
    late.trip?.abort();
    await settled();
    assert.deepEqual([early.status, late.status], [0, 0]);
  });
});

it('a user is forgotten ten minutes after the last request', async () => {
  const { route, cluster, clock } = new World();
  const filtered = route.of(cluster);
  const viewerOf = (name: string) => filtered.viewerOf(['Impersonate-User', name]);
  const [ann, bob] = [viewerOf('ann'), viewerOf('bob')];
  clock.advance(300_000);
  assert.equal(viewerOf('ann'), ann);
  clock.advance(300_000);
  viewerOf('eve');
  assert.deepEqual([viewerOf('ann') === ann, viewerOf('bob') === bob], [true, false]);
  filtered.close();
});
