import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Cluster, ClusterPart } from '../../../src/clusters/cluster.js';
import { NamespaceRoute } from '../../../src/features/visible-namespaces/namespace-route.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import type { RoutedTrip } from '../../../src/proxy/route.js';
import type { Question } from '../../../src/reviews/reviews.js';
import { type BorrowedBytes, ownBytes } from '../../../src/transport/borrowed-bytes.js';
import type { ClientSink, ResponseSink, SwitchedResponse } from '../../../src/transport/round-trip.js';
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
const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
const fields = [['X-Kubernetes-Pf-Flowschema-Uid', 'x']] as const;
const refusal = { status: 403, text: 'no', headers: fields.flat() };

const no = {
  status: 201,
  text: '{"status":{"allowed":false}}',
  headers: ['Content-Type', 'application/json'],
};
const mayList = JSON.stringify({ spec: { resourceAttributes: { verb: 'list', resource: 'namespaces' } } });
/** The example of RFC 6455, section 1.3. */
const handshake = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version', '13'];

/** What the API server answers to a request; undefined for nothing. */
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers?: readonly string[];
}

/** A client's connection. */
class Client extends RecordedResponse implements ClientSink {
  readonly waiting = 0;
  socket: SwitchedResponse['socket'] | undefined;
  trip: RoutedTrip | undefined;

  override data(chunk: BorrowedBytes): void {
    assert.ok(chunk.length > 0);
    super.data(chunk);
  }

  switched({ socket }: SwitchedResponse): void {
    this.socket = socket;
  }

  /** Each event, as its type, its name and its version. */
  get events(): string[] {
    const lines = this.text.split('\n').slice(0, -1);
    return lines.map(line => {
      const { type, object } = JSON.parse(line);
      return [type, object.metadata?.name ?? object.code, object.metadata?.resourceVersion].join(' ');
    });
  }

  /** The names of a list. */
  get names(): string {
    if (this.text === '') return '';
    const { items } = JSON.parse(this.text) as { items: { metadata: { name: string } }[] };
    return items.map(({ metadata }) => metadata.name).join();
  }
}

/** A cluster with the namespaces a, b and c, whose API server refuses users lists and watches of them. */
class World {
  readonly clock = new ManualClock(0);
  /** Whether the proxy itself may read these paths, and what they have. */
  readonly objects = new Map<string, object[]>([
    [path, ['a', 'b', 'c'].map(name => namespace(name))],
    [`${rbac}/roles`, []],
    [`${rbac}/clusterroles`, [{ metadata: meta('reader'), rules: [] }]],
    [`${rbac}/rolebindings`, []],
    [`${rbac}/clusterrolebindings`, []],
  ]);
  version = 100;
  /** What users may get. */
  readonly visible = new Map([
    ['ann', 'a'],
    ['bob', ''],
  ]);
  /** The questions of users, as `USER NAME`. */
  asked: string[] = [];
  /** The requests of the proxy itself. */
  own: string[] = [];
  /** What the API server got of users. */
  sent: string[] = [];
  /** What was done to requests, by their paths. */
  readonly calls: string[] = [];
  readonly annotations: string[] = [];
  answer: Answer | undefined = refusal;
  ownAnswer: Answer | undefined;
  /** The watches of the proxy that are open, by their paths. */
  readonly #watches = new Map<string, Set<{ write(event: object): void; end(): void }>>();
  /** How many watches are filtered. */
  filtered = 0;
  readonly parts: ClusterPart[] = [];
  readonly cluster: Cluster;
  readonly route: NamespaceRoute;

  constructor() {
    const world = this;
    const pool = {
      lease: () => {
        let isOver = false;
        let end = () => {};
        const call = (what: string) => () => world.calls.push(what);
        return {
          ...{ isStale: false, pause: call('pause'), resume: call('resume') },
          abort() {
            isOver = true;
            end();
          },
          send({ path: target }: { path: string }, sink: ResponseSink) {
            queueMicrotask(() => {
              if (!isOver) end = world.#answer(decodeURIComponent(target), sink);
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
        isStillAllowed: async ({ as, attributes }: Question) => {
          const { name = '' } = 'resourceAttributes' in attributes ? attributes.resourceAttributes : {};
          this.asked.push(`${as[1]} ${name}`);
          return this.visible.get(`${as[1]}`)?.includes(name) === true;
        },
        denialOf: async () => undefined,
      },
    });
  }

  /** Answers the proxy itself. Returns what ends the answer. */
  #answer(target: string, sink: ResponseSink): () => void {
    const [of = '', query = ''] = target.split('?');
    this.own.push(target);
    const objects = this.objects.get(of);
    const given = this.ownAnswer ?? (objects === undefined ? { status: 403, text: 'not you' } : undefined);
    if (given !== undefined) {
      const body = sink.head(given.status, '', []);
      if (given.text !== '') body.data(ownBytes(Buffer.from(given.text)));
      sink.end([]);
      return () => {};
    }
    const body = sink.head(200, '', []);
    const write = (part: object) => body.data(ownBytes(Buffer.from(`${JSON.stringify(part)}\n`)));
    if (!query.includes('watch=true')) {
      const names = /name(?: in \(|=)([^)]*)/.exec(query)?.[1]?.split(',');
      const items = objects?.filter(object => names?.includes(nameOf(object)) ?? true);
      write({ kind: 'NamespaceList', metadata: { resourceVersion: `${this.version}` }, items });
      sink.end([]);
      return () => {};
    }
    const watch = { write, end: () => sink.end([]) };
    const open = this.#watches.get(of) ?? new Set();
    this.#watches.set(of, open.add(watch));
    return () => open.delete(watch);
  }

  /** An event of all watches of a path. */
  async happens(of: string, type: string, object: object): Promise<void> {
    this.version += 1;
    const { metadata, ...rest } = object as { metadata: object };
    const changed = { ...rest, metadata: { ...metadata, resourceVersion: `${this.version}` } };
    const all = this.objects.get(of) ?? [];
    const others = all.filter(known => nameOf(known) !== nameOf(changed));
    if (type !== 'BOOKMARK') this.objects.set(of, type === 'DELETED' ? others : [...others, changed]);
    for (const watch of this.#watches.get(of) ?? []) watch.write({ type, object: changed });
    await settled();
  }

  /** The API server ends the watches of a path, but for the first one, which follows all. */
  async endWatches(of: string): Promise<void> {
    for (const watch of [...(this.#watches.get(of) ?? [])].slice(1)) watch.end();
    await settled();
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await settled();
  }

  /** What takes a request; `body` is that of a POST. */
  take(user: string, line: string, { body, upgrade, headers = [] }: RequestParts = {}): Client {
    const [method = '', target = ''] = line.split(' ');
    const [api = '', query = ''] = target.split('?');
    const info = parseRequestInfo(method, api, query);
    const client = new Client();
    const request = {
      ...{ cluster: this.cluster, caller: {}, endpoint: { identity: endpoint }, mount: {} },
      head: { method, hasBody: body !== undefined, upgradeProtocol: upgrade ?? '' },
      path: { info, api, forServer: { query } },
      record: { info, annotate: (...what: string[]) => this.annotations.push(what.join(' ')) },
    } as never;
    const impersonation = user === '' ? undefined : ['Impersonate-User', user];
    const peek = async () => Buffer.from(body ?? '');
    const own = upstreamRequestTo(target, {
      ...{ method, headers, impersonation, judgedFor: endpoint },
      ...(body !== undefined && { body: { start() {}, stop() {}, peek } }),
    });
    const onward = {
      sendAfter: (_route: unknown, _own: unknown, sink: ResponseSink) => {
        let isOver = false;
        this.sent.push(`${user} ${line}`);
        queueMicrotask(() => {
          if (isOver || this.answer === undefined) return;
          const { status, text, headers: more = [] } = this.answer;
          sink.head(status, '', [...more]).data(ownBytes(Buffer.from(text)));
          sink.end([]);
        });
        const call = (what: string) => () => this.calls.push(`${what} as user`);
        const abort = () => {
          isOver = true;
        };
        return { pause: call('pause'), resume: call('resume'), abort };
      },
    };
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
}

const meta = (name: string) => ({ name, uid: `u-${name}`, resourceVersion: '7' });
const namespace = (name: string, more: object = {}) => ({ metadata: { ...meta(name), ...more } });
const nameOf = (object: object) => (object as { metadata: { name: string } }).metadata.name;

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
      [`POST ${reviews}`, false],
      [`POST ${path}`, false, { body: '{}' }],
      [`GET ${path}?watch=1`, true, { upgrade: 'WebSocket' }],
      [`GET ${path}?watch=1`, false, { upgrade: 'SPDY/3.1' }],
      [`GET ${path}`, false, { upgrade: 'websocket' }],
    ] as const)
      for (const user of ['ann', '']) {
        const { trip } = world.take(user, line, parts);
        assert.equal(trip !== undefined, isTaken && user !== '', `${line} ${JSON.stringify(parts)}`);
        trip?.abort();
      }
    await settled();
    assert.equal(world.parts.length, 1, 'the cluster is followed once');
  });

  it('passes on whatever is no refusal of the user', async () => {
    const world = new World();
    for (const answer of [
      { status: 200, text: 'all of them' },
      { status: 500, text: 'broken' },
      { status: 403, text: 'users "ann" is forbidden: User "proxy" cannot impersonate resource "users"' },
    ]) {
      world.answer = answer;
      const { status, text, trailers } = await world.ask('ann', `GET ${path}`);
      assert.deepEqual([status, text, trailers], [answer.status, answer.text, []]);
    }
    // In an API server without priority and fairness.
    world.answer = { status: 403, text: 'User "ann" cannot list resource "namespaces" in API group ""' };
    assert.equal((await world.ask('ann', `GET ${path}`)).names, 'a');
  });

  it('shows those that the user may get, and remembers the refusal for ten seconds', async () => {
    const world = new World();
    const { names, trip } = await world.ask('ann', `GET ${path}`);
    assert.deepEqual([names, trip?.questions], ['a', undefined]);
    assert.equal((await world.ask('ann', `GET ${path}`)).names, 'a');
    assert.equal((await world.ask('bob', `GET ${path}`)).names, '');
    const one = [`ann GET ${path}`];
    assert.deepEqual(world.sent, [...one, `bob GET ${path}`]);
    await world.pass(10_000);
    await world.ask('ann', `GET ${path}`);
    assert.deepEqual(world.sent.slice(2), one);
    assert.deepEqual(world.calls, []);
  });

  it('has an answer of its own for what it cannot show', async () => {
    const world = new World();
    await world.ask('ann', `GET ${path}`);
    for (const [query, headers, code] of [
      ['?limit=1&continue=x', [], 410],
      ['', ['Accept', 'application/yaml'], 406],
    ] as const)
      assert.equal((await world.ask('ann', `GET ${path}${query}`, { headers })).failure?.code, code);
    for (const [ownAnswer, status, text] of [
      [{ status: 500, text: '' }, 500, ''],
      [{ status: 429, text: 'later' }, 429, 'later'],
      [{ status: 403, text: 'not you' }, 403, 'no'],
    ] as const) {
      world.ownAnswer = ownAnswer;
      const answer = await world.ask('ann', `GET ${path}?labelSelector=a`);
      assert.deepEqual([answer.status, answer.text, answer.failure], [status, text, undefined]);
    }
  });

  it('shows those of 5,000 namespaces, and of more none: the 403 says why', async () => {
    const world = new World();
    const others = Array.from({ length: 4_997 }, (_, at) => namespace(`n-${at}`));
    world.objects.set(path, [...(world.objects.get(path) ?? []), ...others]);
    // A list that selects some is asked about these.
    const some = `GET ${path}?fieldSelector=metadata.name%3Da`;
    const told = async (status: number, isYes: boolean) => {
      world.answer = refusal;
      const { names, failure } = await world.ask('ann', some);
      assert.deepEqual([names, failure?.code], status === 200 ? ['a', undefined] : ['', status]);
      world.answer = no;
      const { text } = await world.ask('ann', `POST ${reviews}`, { body: mayList });
      assert.equal(/"allowed":true/.test(text), isYes);
      world.answer = refusal;
    };
    await told(200, true);
    await world.happens(path, 'ADDED', namespace('one-more'));
    for (const [line, parts] of [
      [`GET ${path}`],
      [`GET ${path}?watch=1`],
      [`GET ${path}?watch=1`, { upgrade: 'websocket', headers: handshake }],
    ] as const) {
      const { failure } = await world.ask('ann', line, parts);
      assert.equal(failure?.code, 403, line);
      assert.match(failure.message, /^you may not list all namespaces.* at most 5000 namespaces$/);
    }
    await told(403, false);
    await world.happens(path, 'DELETED', namespace('one-more'));
    await told(200, true);
  });

  it('filters lists without the right to read RBAC, and neither without the one to read namespaces', async () => {
    const refused = /^(?:403 no|200 \{"status":\{\}\})$/;
    for (const [missing, list, watch] of [
      [`${rbac}/roles`, /^200/, refused],
      [path, refused, refused],
    ] as const) {
      const world = new World();
      world.objects.delete(missing);
      const told = async (line: string, parts?: RequestParts) => {
        const { status, text } = await world.ask('ann', line, parts);
        return `${status} ${text}`;
      };
      assert.match(await told(`GET ${path}`), list);
      assert.match(await told(`GET ${path}?watch=1`), watch);
      world.answer = { status: 200, text: '{"status":{}}', headers: ['Content-Type', 'application/json'] };
      for (const [verb, expected] of [
        ['list', list],
        ['watch', watch],
      ] as const) {
        const spec = { resourceAttributes: { verb, resource: 'namespaces' } };
        const answer = await told(`POST ${reviews}`, { body: JSON.stringify({ spec }) });
        assert.match(answer, expected === refused ? refused : /"allowed":true/, `${missing} ${verb}`);
      }
      const [part] = world.parts as unknown as { warnings(): string[] }[];
      assert.match(part?.warnings().join() ?? '', /^the proxy's identity may not list and watch .* at api;/);
    }
  });
});

describe('a review of the own rights', () => {
  it('has a yes, if nobody has compressed it, and if it is about namespaces', async () => {
    for (const [answer, question, isYes] of [
      [no, mayList, true],
      [{ ...no, headers: [...no.headers, 'Content-Encoding', 'identity'] }, mayList, true],
      [{ ...no, headers: [...no.headers, 'Content-Encoding', 'gzip'] }, mayList, false],
      [no, mayList.replace('list', 'get'), false],
      [{ ...no, status: 500 }, mayList, false],
    ] as const) {
      const world = new World();
      world.answer = answer;
      const { status, text } = await world.ask('ann', `POST ${reviews}`, { body: question });
      assert.deepEqual([status, /"allowed":true/.test(text)], [answer.status, isYes], question);
    }
  });

  it('is neither sent nor answered when its client has left', async () => {
    const world = new World();
    world.answer = no;
    const early = world.take('ann', `POST ${reviews}`, { body: mayList });
    early.trip?.abort();
    await settled();
    assert.deepEqual(world.sent, []);
    const late = world.take('ann', `POST ${reviews}`, { body: mayList });
    while (world.sent.length === 0) await Promise.resolve();
    await Promise.resolve();
    late.trip?.abort();
    await settled();
    assert.deepEqual([world.sent.length, late.status], [1, 0]);
  });
});

describe('a watch of namespaces', () => {
  const subjects = ['ann', 'eve'].map(name => ({ kind: 'User', name }));
  const roleRef = { kind: 'ClusterRole', name: 'reader' };
  const bind = { metadata: { ...meta('r'), namespace: 'b' }, roleRef, subjects };
  const watching = `GET ${path}?watch=1`;

  it('shows what a binding, a role or a new namespace changes, and asks nothing for who has no watch open', async () => {
    const world = new World();
    await world.ask('eve', `GET ${path}`);
    const ann = await world.ask('ann', watching);
    const bob = await world.ask('bob', watching);
    assert.deepEqual([ann.status, ann.events, bob.events], [200, ['ADDED a 7'], []]);
    assert.deepEqual(ann.trip?.questions, []);
    assert.deepEqual(world.annotations, Array(3).fill('kube-api-proxy/filtered namespaces'));
    world.asked = [];
    world.visible.set('ann', 'ab');
    await world.happens(`${rbac}/rolebindings`, 'ADDED', bind);
    assert.deepEqual(world.asked, []);
    await world.pass(500);
    await world.pass(2_000);
    assert.deepEqual(world.asked, ['ann b']);
    assert.deepEqual(ann.events.slice(1), ['ADDED b 100']);
    assert.match(world.own.at(-1) ?? '', /^\/api\/v1\/namespaces\?fieldSelector=metadata\.name=b$/);
    world.visible.set('ann', 'a');
    const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['namespaces'] }];
    await world.happens(`${rbac}/clusterroles`, 'MODIFIED', { metadata: meta('reader'), rules });
    await world.pass(500);
    await world.pass(2_000);
    assert.deepEqual(ann.events.slice(2), ['DELETED b 100']);
    // What of a role is not about namespaces changes nothing.
    world.asked = [];
    await world.happens(`${rbac}/clusterroles`, 'MODIFIED', { metadata: meta('reader'), rules, other: 1 });
    await world.pass(2_500);
    assert.deepEqual(world.asked, []);
    world.visible.set('ann', 'ad');
    await world.happens(path, 'ADDED', namespace('d'));
    await world.pass(100);
    assert.deepEqual(world.asked.sort(), ['ann d', 'bob d']);
    assert.deepEqual([ann.events.slice(3), bob.events], [['ADDED d 104'], []]);
    await world.happens(path, 'DELETED', namespace('d'));
    assert.deepEqual(ann.events.slice(4), ['DELETED d 105']);
  });

  it('asks nothing while nothing changes, for 100 users', async () => {
    const world = new World();
    const clients: Client[] = [];
    for (let at = 0; at < 100; at += 1) {
      world.visible.set(`user-${at}`, 'a');
      clients.push(await world.ask(`user-${at}`, watching + ['', `&${initial}`][at % 2]));
    }
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    await world.happens(path, 'BOOKMARK', { kind: 'Namespace', metadata: { annotations } });
    assert.deepEqual([world.filtered, world.asked.length], [100, 300]);
    // Longer than a yes and a no count.
    for (let second = 0; second < 90; second += 1) await world.pass(1_000);
    // A namespace of that name is the same one as long as its uid is.
    await world.happens(path, 'MODIFIED', namespace('a', { labels: { a: 'b' } }));
    for (const { events, trip, trailers, failure } of clients) {
      assert.equal(events.at(-1), 'MODIFIED a 102');
      assert.deepEqual([trailers, failure], [undefined, undefined]);
      trip?.abort();
    }
    assert.deepEqual([world.filtered, world.asked.length], [0, 300]);
  });

  it('begins from a version with what its client has not got, and with nothing of what it may no longer get', async () => {
    const world = new World();
    world.visible.set('ann', 'ab');
    const list = await world.ask('ann', `GET ${path}`);
    assert.equal(list.names, 'a,b');
    world.visible.set('ann', 'ac');
    world.objects.set(
      path,
      ['a', 'b', 'c'].map(name => namespace(name, { labels: { now: 'secret' } })),
    );
    const [part] = world.parts as unknown as { viewerOf(as: string[]): { forget(name: undefined): void } }[];
    part?.viewerOf(['Impersonate-User', 'ann']).forget(undefined);
    const from = await world.ask('ann', `${watching}&resourceVersion=100`);
    assert.deepEqual(from.events, ['DELETED b 100', 'ADDED c 100']);
    assert.match(world.own.at(-1) ?? '', /\?watch=true&allowWatchBookmarks=true&resourceVersion=100$/);
    assert.doesNotMatch(from.text.split('\n')[0] ?? '', /secret/);
    from.trip?.abort();
    // Another client was shown another set at this version: whoever comes back may lack what only one of them got.
    const again = await world.ask('ann', `${watching}&resourceVersion=100`);
    assert.deepEqual(again.events, ['DELETED b 100', 'ADDED c 100']);
    const other = await world.ask('ann', `${watching}&resourceVersion=99`);
    assert.deepEqual([other.events, other.trailers], [['ERROR 410 '], []]);
  });

  it('begins with the initial events and their bookmark, if its client asks for these', async () => {
    const world = new World();
    const ann = await world.ask('ann', `${watching}&${initial}`);
    assert.match(world.own.at(-1) ?? '', /\?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&/);
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    for (const name of ['a', 'b']) await world.happens(path, 'ADDED', namespace(name));
    await world.happens(path, 'BOOKMARK', { kind: 'Namespace', metadata: { annotations } });
    assert.deepEqual(ann.events, ['ADDED a 101', 'BOOKMARK  103']);
    const without = await world.ask('ann', watching);
    await world.happens(path, 'BOOKMARK', { kind: 'Namespace', metadata: {} });
    assert.deepEqual([without.events, ann.events.length], [['ADDED a 101'], 3]);
  });

  it('stops, goes on and ends as its client and the API server do', async () => {
    const world = new World();
    const ann = await world.ask('ann', watching);
    assert.deepEqual(world.calls, []);
    ann.trip?.pause();
    ann.trip?.resume();
    assert.deepEqual(world.calls, ['pause', 'resume']);
    await world.endWatches(path);
    assert.deepEqual([ann.trailers, ann.failure], [[], undefined]);
  });

  it('gets the error of the proxy’s own watch', async () => {
    for (const [ownAnswer, status, code] of [
      [{ status: 403, text: 'not you' }, 0, 503],
      [{ status: 429, text: 'later' }, 429, undefined],
    ] as const) {
      const world = new World();
      await world.ask('ann', `GET ${path}`);
      const client = world.take('ann', `${watching}&resourceVersion=100`);
      world.ownAnswer = ownAnswer;
      await settled();
      assert.deepEqual([client.status, client.failure?.code], [status, code]);
    }
  });

  it('comes over a WebSocket too', async () => {
    const world = new World();
    const { socket } = await world.ask('ann', watching, { upgrade: 'websocket', headers: handshake });
    const received: Buffer[] = [];
    socket?.on('data', (chunk: Buffer) => received.push(chunk));
    await settled();
    assert.match(Buffer.concat(received).toString(), /"type":"ADDED".*"name":"a"/);
    socket?.destroy();
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
