import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sharableWatch } from '../../../src/features/shared-watches/sharable-watch.js';
import { assertLinear } from '../../support/growth.js';

const query = 'watch=1&resourceVersion=5';
const chrome =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';
const table =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

const words = (text: string) => text.split(/\s+/);
const isShared = (text: string, headers: readonly string[] = []) =>
  sharableWatch(text, headers) !== undefined;

describe('a watch that can be shared', () => {
  it('has a version, a usual query, and the header field that chooses its form', () => {
    const headers = ['Host', 'a', 'accept', table, 'ACCEPT-ENCODING', 'gzip', 'User-Agent', 'kubectl/v1.34'];
    const own = 'resourceVersion=0012&watch=true&timeoutSeconds=7&allowWatchBookmarks=true';
    assert.deepEqual(sharableWatch(`labelSelector=a%3Db&${own}&&fieldSelector=x+y`, headers), {
      query: 'labelSelector=a%3Db&watch=true&fieldSelector=x+y',
      ...{ version: '12', bookmarks: true, timeout: 7000 },
      accept: table,
    });
  });

  it('has no more than 1 KB of that, because it stays with the watch', () => {
    assert.equal(isShared(query, ['Accept', 'x'.repeat(1024)]), true);
    assert.equal(isShared(query, ['Accept', 'x'.repeat(1025)]), false);
  });

  it('has one form for all that ask for plain JSON, and keeps any other', () => {
    const acceptOf = (...fields: string[]) => sharableWatch(query, fields)?.accept;
    for (const accept of ['', '*/*', 'application/json', 'application/json, */*'])
      assert.equal(acceptOf('Accept', accept), 'application/json', accept);
    assert.equal(acceptOf(), 'application/json');
    const others = [table, chrome, 'application/vnd.kubernetes.protobuf;stream=watch,application/json'];
    for (const accept of [...others, 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'])
      assert.equal(acceptOf('Accept', accept), accept);
  });

  it('needs no header fields', () => {
    assert.deepEqual(sharableWatch('resourceVersion=9223372036854775807', []), {
      query: '',
      ...{ version: '9223372036854775807', bookmarks: false, timeout: undefined },
      accept: 'application/json',
    });
  });

  it('may have its parameters percent-encoded', () => {
    const encoded = '%77atch=1&%72esourceVersion=%35&timeout%53econds=%31&a%6clowWatchBookmarks';
    const watch = sharableWatch(encoded, []);
    assert.deepEqual(
      [watch?.query, watch?.version, watch?.timeout, watch?.bookmarks],
      ['%77atch=1', '5', 1000, true],
    );
  });
});

/** As Go prints it. */
const duration = (seconds: number) => `${Math.floor(seconds / 60)}m${seconds % 60}s`;
const selectors = 'fieldSelector=metadata.name%3Dseen&labelSelector=app%3Dweb';
const go = ['Accept-Encoding', 'gzip', 'Accept'];

/** The query of a watch, whose client ends it after some seconds, and its header fields, as the source of a program makes them. */
const programs: Readonly<Record<string, readonly [(seconds: number) => string, ...fields: string[]]>> = {
  // gentype/type.go, with the options of tools/cache/reflector.go
  "client-go's typed informers": [
    seconds =>
      `allowWatchBookmarks=true&resourceVersion=7&timeout=${duration(seconds)}&timeoutSeconds=${seconds}&watch=true`,
    ...[...go, 'application/json, */*'],
  ],
  // rest/request.go: a request without a time limit of its own has that of the rest.Config.
  "client-go's dynamic clients with a timeout": [
    seconds => `resourceVersion=7&timeout=${duration(seconds)}&watch=true`,
    ...[...go, 'application/json'],
  ],
  // Seen with kubectl 1.32.
  'kubectl get --watch --request-timeout': [
    seconds => `${selectors}&resourceVersion=7&timeout=${duration(seconds)}&watch=true`,
    ...[...go, table],
  ],
  'kubectl wait': [
    seconds =>
      `allowWatchBookmarks=true&fieldSelector=metadata.name%3Dseen&resourceVersion=7&timeoutSeconds=${seconds}&watch=true`,
    ...[...go, 'application/json'],
  ],
  // watch.js and cache.js of 1.4
  'the JavaScript client': [
    () => 'watch=true&resourceVersion=7&labelSelector=app%3Dweb',
    ...['accept', '*/*', 'accept-encoding', 'gzip, deflate, br'],
  ],
  // watch/watch.py and api/core_v1_api.py; newer versions write `true`.
  'the Python client': [
    seconds => `labelSelector=app%3Dweb&resourceVersion=7&timeoutSeconds=${seconds}&watch=True`,
    ...['accept', 'application/json', 'content-type', 'application/json'],
  ],
};

it('the clients of each program share a watch, each with its own time limit', () => {
  for (const [program, [queryFor, ...fields]] of Object.entries(programs)) {
    const shown = queryFor(0).split('&');
    const isOwn = /^(?:allowWatchBookmarks|resourceVersion|timeout|timeoutSeconds)=/;
    const hasLimit = shown.some(pair => pair.startsWith('timeoutSeconds='));
    for (const seconds of [554, 301, 599]) {
      const watch = sharableWatch(queryFor(seconds), fields);
      assert.deepEqual(
        [watch?.query, watch?.version, watch?.timeout],
        [shown.filter(pair => !isOwn.test(pair)).join('&'), '7', hasLimit ? seconds * 1000 : undefined],
        program,
      );
    }
  }
});

describe('a watch that begins with the initial events', () => {
  const informer =
    'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';

  it('can be shared with those that begin with a version', () => {
    assert.deepEqual(sharableWatch(`labelSelector=a&${informer}&timeout=9m14s&timeoutSeconds=554`, []), {
      query: 'labelSelector=a&watch=true',
      ...{ version: undefined, bookmarks: true, timeout: 554_000, accept: 'application/json' },
    });
    for (const value of ['', '0', '0012', '%37']) {
      const version = `resourceVersion=${value}`;
      const watch = sharableWatch(`timeoutSeconds=5&${informer}&${version}&time%6fut=5s&a`, []);
      assert.deepEqual([watch?.version, watch?.query], [undefined, 'watch=true&a']);
    }
  });

  it('is not shared if it asks for them in any other way', () => {
    const match = 'resourceVersionMatch=NotOlderThan';
    const rows = [
      ...words(`sendInitialEvents=true&allowWatchBookmarks=true ${match}&allowWatchBookmarks=true&resourceVersion=5
        sendInitialEvents=true&${match} sendInitialEvents=true&${match}&allowWatchBookmarks=false`),
      ...['Exact', '', 'notolderthan'].map(
        other => `sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=${other}`,
      ),
      ...['false', '0', '', '1', 'True', 'no'].map(
        sends => `sendInitialEvents=${sends}&allowWatchBookmarks=true&${match}`,
      ),
      ...words(`resourceVersion=x resourceVersion=-1 resourceVersion=00 resourceVersion=9223372036854775808
        resourceVersion=1.5 sendInitialEvents=true ${match} limit=1 continue=x a;b includeObject=None
        include%4fbject=None timeoutSeconds=x`).map(pair => `${informer}&${pair}`),
    ];
    for (const text of rows) assert.ok(!isShared(text), text);
  });
});

it('allowWatchBookmarks is true and false for the API server as in Go', () => {
  const asked = ['=true', '=1', '=', '', '=no', '=f', '=00', '=false%0A'];
  for (const value of [...asked, '=0', '=false', '=FALSE', '=fal%C5%BFe']) {
    const watch = sharableWatch(`${query}&allowWatchBookmarks${value}`, []);
    assert.equal(watch?.bookmarks, asked.includes(value), value);
  }
});

it('timeoutSeconds ends the watch of its client, and 0 means no time', () => {
  for (const [text, timeout] of [
    ['0', undefined],
    ['000', undefined],
    ['1', 1000],
    ['0600', 600_000],
    ['2147483', 2_147_483_000],
  ] as const)
    assert.equal(sharableWatch(`${query}&timeoutSeconds=${text}`, [])?.timeout, timeout, text);
});

it('timeout changes nothing, because the API server ignores it', () => {
  const watch = sharableWatch(query, []);
  assert.ok(watch);
  for (const text of ['9m14s', '30s', '1h0m0s', '1.5h', '0', '0s', '-1s', '%31s', '500ms', '1%C2%B5s']) {
    assert.deepEqual(sharableWatch(`${query}&timeout=${text}`, []), watch, text);
    assert.deepEqual(sharableWatch(`time%6fut=${text}&${query}`, []), watch, text);
  }
});

describe('a watch is not shared', () => {
  it('if the API server might reject its query, or read it in another way', () => {
    const versions = words(`0 00 -1 %2B1 +1 1.0 abc 5%00 %EF%BC%95 9223372036854775808 18446744073709551615
      18446744073709551616 00018446744073709551616`);
    const seconds = words('-1 %2B5 1.5 1e3 0x1 abc %205 2147484');
    const timeouts = words('30 1 1d s 9m14 1s2 1s%0A --1s %2B Infinity 0x1s 1S');
    const added = words(`resourceVersion=5 resourceVersion=6 %72esourceVersion=6 timeout timeout=1s&timeout=1s
      timeoutSeconds=5&timeoutSeconds=5 allowWatchBookmarks=true&allowWatchBookmarks=true
      sendInitialEvents=true sendInitialEvents=false sendInitialEvents sendInitial%45vents=1
      resourceVersionMatch=NotOlderThan resourceVersionMatch= limit=500 limit=0 continue=x
      a;b a=1;timeoutSeconds=5 ; a=% a=%4 a=%zz %=1 timeoutSeconds=5;`);
    for (const text of [
      ...['', 'watch=1', 'watch=1&resourceVersion', 'resourceversion=5'],
      ...['', ...versions, '1'.repeat(400)].map(version => `watch=1&resourceVersion=${version}`),
      ...['', ...seconds, '9'.repeat(400)].map(value => `${query}&timeoutSeconds=${value}`),
      ...['', ' 1s', ...timeouts].map(value => `${query}&timeout=${value}`),
      ...added.map(pairs => `${query}&${pairs}`),
    ])
      assert.ok(!isShared(text), text);
  });

  it('if it has so many parameters that two more are too many for the API server', () => {
    const withPairs = (count: number) => `${query}${'&a'.repeat(count)}`;
    assert.deepEqual([isShared(withPairs(9_997)), isShared(withPairs(9_998))], [true, false]);
  });

  it('if a header field could change the answer, or say who the client is', () => {
    const harmless =
      words(`Host User-Agent accept-language Cache-Control TraceParent X-Forwarded-For Sec-Fetch-Mode
      Sec-CH-UA-Platform Kubectl-Session Content-Type`);
    for (const name of harmless) assert.ok(isShared(query, [name, 'x']), name);
    for (const value of ['keep-alive', 'Close', 'close, , Keep-Alive'])
      assert.ok(isShared(query, ['Connection', value]), value);
    const names = words(`Authorization Proxy-Authorization Cookie Cookie2 Impersonate-User impersonate-group
      Impersonate-Uid Impersonate-Extra-Scopes Impersonate_User X-Remote-User X-Remote-Group X_Remote_User
      X-Remote-Extra-A X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Auth-Request-User
      X-Forwarded-Access-Token X-Forwarded-Client-Cert X-HTTP-Method-Override X-Peer-Proxied Upgrade
      Sec-WebSocket-Protocol Sec-WebSocket-Key Transfer-Encoding Expect Range If-None-Match X-Anything
      X-Sec-Fetch-Mode User_Agent Accept_Encoding Acc\u0131pt`);
    const between = (name: string, value: string) => ['Host', 'a', name, value, 'User-Agent', 'b'];
    for (const name of [...names, 'Accept ', ' Accept', ''])
      assert.ok(!isShared(query, between(name, 'x')), name);
    for (const value of ['Upgrade', 'keep-alive, User-Agent', 'close;x', 'Accept'])
      assert.ok(!isShared(query, between('Connection', value)), value);
  });

  it('if Accept comes twice, because servers read that differently', () => {
    assert.ok(!isShared(query, ['Accept', '*/*', 'accept', '*/*']));
  });
});

it('a large request is read in linear time', () => {
  const requests: Readonly<Record<string, (length: number) => readonly [string, readonly string[]]>> = {
    'spaces in Connection': length => [query, ['Connection', `${' '.repeat(length)}x`]],
    'terms in timeout': length => [`${query}&timeout=${'1s'.repeat(length / 2)}x`, []],
    'digits in timeout': length => [`${query}&timeout=${'1'.repeat(length)}`, []],
    'semicolons in Accept': length => [query, ['Accept', ';'.repeat(length)]],
    parameters: length => [`${'a=%41&'.repeat(length / 6)}x=%`, []],
  };
  for (const [what, requestOf] of Object.entries(requests)) {
    const prepare = (length: number) => {
      const [text, headers] = requestOf(length);
      return () => assert.equal(sharableWatch(text, headers), undefined);
    };
    assertLinear(1e6, prepare, what);
  }
});
