import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sharableWatch } from '../../../src/features/shared-watches/sharable-watch.js';
import { assertLinear } from '../../support/growth.js';

const query = 'watch=1&resourceVersion=5';
const chrome =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';
const table =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

describe('a watch that can be shared', () => {
  it('has a version, a usual query, and the two header fields that choose its form', () => {
    const headers = ['Host', 'a', 'accept', table, 'ACCEPT-ENCODING', 'gzip', 'User-Agent', 'kubectl/v1.34'];
    assert.deepEqual(
      sharableWatch(
        'labelSelector=a%3Db&resourceVersion=0012&watch=true&timeoutSeconds=7&allowWatchBookmarks=true&&fieldSelector=x+y',
        headers,
      ),
      {
        query: 'labelSelector=a%3Db&watch=true&fieldSelector=x+y',
        ...{ version: '12', initialQuery: undefined },
        bookmarks: true,
        timeout: 7000,
        accept: table,
        acceptEncoding: 'gzip',
      },
    );
  });

  it('needs no header fields', () => {
    assert.deepEqual(sharableWatch('resourceVersion=9223372036854775807', []), {
      query: '',
      ...{ version: '9223372036854775807', initialQuery: undefined },
      bookmarks: false,
      timeout: undefined,
      accept: '',
      acceptEncoding: '',
    });
  });

  it('may have its parameters percent-encoded', () => {
    const watch = sharableWatch(
      '%77atch=1&%72esourceVersion=%35&timeout%53econds=%31&a%6clowWatchBookmarks',
      [],
    );
    assert.equal(watch?.query, '%77atch=1');
    assert.equal(watch?.version, '5');
    assert.equal(watch?.timeout, 1000);
    assert.equal(watch?.bookmarks, true);
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
  "client-go's typed informers with protobuf and selectors": [
    seconds =>
      `allowWatchBookmarks=true&${selectors}&resourceVersion=7&timeout=${duration(seconds)}&timeoutSeconds=${seconds}&watch=true`,
    ...[...go, 'application/vnd.kubernetes.protobuf,application/json'],
  ],
  // dynamic/simple.go
  "client-go's dynamic informers": [
    seconds => `allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=${seconds}&watch=true`,
    ...[...go, 'application/json'],
  ],
  // rest/request.go: a request without a time limit of its own has that of the rest.Config.
  "client-go's dynamic clients with a timeout": [
    seconds => `resourceVersion=7&timeout=${duration(seconds)}&watch=true`,
    ...[...go, 'application/json'],
  ],
  // Seen with kubectl 1.32.
  'kubectl get --watch': [() => 'resourceVersion=7&watch=true', ...[...go, table]],
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

describe('the clients of a program', () => {
  for (const [program, [queryFor, ...fields]] of Object.entries(programs)) {
    it(`share a watch, each with its own time limit, if they are ${program}`, () => {
      const shown = queryFor(0).split('&');
      const isOwn = /^(?:allowWatchBookmarks|resourceVersion|timeout|timeoutSeconds)=/;
      for (const seconds of [554, 301, 599]) {
        const watch = sharableWatch(queryFor(seconds), fields);
        assert.equal(watch?.query, shown.filter(pair => !isOwn.test(pair)).join('&'));
        assert.deepEqual([watch?.version, watch?.initialQuery], ['7', undefined]);
        const hasLimit = shown.some(pair => pair.startsWith('timeoutSeconds='));
        assert.equal(watch?.timeout, hasLimit ? seconds * 1000 : undefined);
      }
    });
  }
});

describe('a watch that begins with the initial events', () => {
  const informer =
    'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';

  it('can be shared, in the form that client-go sends', () => {
    const watch = sharableWatch(`labelSelector=a&${informer}&timeout=9m14s&timeoutSeconds=554`, []);
    assert.deepEqual(watch, {
      query: 'labelSelector=a&watch=true',
      ...{ version: undefined, initialQuery: `labelSelector=a&${informer}` },
      ...{ bookmarks: true, timeout: 554_000, accept: '', acceptEncoding: '' },
    });
  });

  it('has every parameter in the query for the initial events, as sent, but the time limits', () => {
    for (const version of [
      'resourceVersion=',
      'resourceVersion=0',
      'resourceVersion=0012',
      'resourceVersion=%37',
    ]) {
      const watch = sharableWatch(`timeoutSeconds=5&${informer}&${version}&time%6fut=5s&a`, []);
      assert.deepEqual([watch?.version, watch?.initialQuery], [undefined, `${informer}&${version}&a`]);
      assert.equal(watch?.query, 'watch=true&a');
    }
  });

  const unshared = [
    'sendInitialEvents=true&allowWatchBookmarks=true',
    'resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=5',
    ...['Exact', '', 'notolderthan'].map(
      match => `sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=${match}`,
    ),
    ...['false', '0', '', '1', 'True', 'no'].map(
      sends => `sendInitialEvents=${sends}&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
    ),
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=false',
    ...['x', '-1', '00', '9223372036854775808', '1.5'].map(
      version => `${informer}&resourceVersion=${version}`,
    ),
    ...['sendInitialEvents=true', 'resourceVersionMatch=NotOlderThan', 'limit=1', 'continue=x', 'a;b'].map(
      pair => `${informer}&${pair}`,
    ),
    `${informer}&includeObject=None`,
    `${informer}&include%4fbject=None`,
    `${informer}&timeoutSeconds=x`,
  ];
  for (const each of unshared) {
    it(`is not shared with "${each}"`, () => assert.equal(sharableWatch(each, []), undefined));
  }
});

describe('allowWatchBookmarks', () => {
  const asked = ['=true', '=1', '=', '', '=no', '=f', '=00', '=false%0A'].map(
    value => `allowWatchBookmarks${value}`,
  );
  const not = ['=0', '=false', '=FALSE', '=fal%C5%BFe'].map(value => `allowWatchBookmarks${value}`);
  for (const [bookmarks, pairs] of [
    [true, asked],
    [false, [...not, '']],
  ] as const) {
    for (const pair of pairs) {
      it(`is ${bookmarks} in "${pair}"`, () => {
        assert.equal(sharableWatch(`${query}&${pair}`, [])?.bookmarks, bookmarks);
      });
    }
  }
});

describe('timeoutSeconds', () => {
  const rows: readonly (readonly [text: string, timeout: number | undefined])[] = [
    ['0', undefined],
    ['000', undefined],
    ['1', 1000],
    ['0600', 600_000],
    ['2147483', 2_147_483_000],
  ];
  for (const [text, timeout] of rows) {
    it(`of ${text} is ${timeout} milliseconds`, () => {
      assert.deepEqual(sharableWatch(`${query}&timeoutSeconds=${text}`, [])?.timeout, timeout);
    });
  }
});

describe('timeout', () => {
  for (const text of ['9m14s', '30s', '1h0m0s', '1.5h', '0', '0s', '-1s', '%31s', '500ms', '1%C2%B5s']) {
    it(`of ${text} changes nothing, because the API server ignores it`, () => {
      const watch = sharableWatch(query, []);
      assert.ok(watch);
      assert.deepEqual(sharableWatch(`${query}&timeout=${text}`, []), watch);
      assert.deepEqual(sharableWatch(`time%6fut=${text}&${query}`, []), watch);
    });
  }

  it('is not timeoutSeconds, which ends the watch of its client', () => {
    assert.equal(sharableWatch(`${query}&timeout=9m14s&timeoutSeconds=554`, [])?.timeout, 554_000);
  });
});

describe('a watch that cannot be shared', () => {
  const queries = [
    '',
    'watch=1',
    'watch=1&resourceVersion',
    ...['', '0', '00', '-1', '%2B1', '+1', '1.0', 'abc', '5%00', '%EF%BC%95'].map(
      version => `watch=1&resourceVersion=${version}`,
    ),
    'watch=1&resourceVersion=9223372036854775808',
    'watch=1&resourceVersion=18446744073709551615',
    'watch=1&resourceVersion=18446744073709551616',
    'watch=1&resourceVersion=00018446744073709551616',
    `watch=1&resourceVersion=${'1'.repeat(400)}`,
    `${query}&resourceVersion=5`,
    `${query}&resourceVersion=6`,
    `${query}&%72esourceVersion=6`,
    'resourceversion=5',
    ...['', '-1', '%2B5', '1.5', '1e3', '0x1', 'abc', '%205', '2147484', '9'.repeat(400)].map(
      seconds => `${query}&timeoutSeconds=${seconds}`,
    ),
    `${query}&timeoutSeconds=5&timeoutSeconds=5`,
    ...['', '30', '1', '1d', 's', '9m14', '1s2', ' 1s', '1s%0A', '--1s', '%2B', 'Infinity', '0x1s', '1S'].map(
      timeout => `${query}&timeout=${timeout}`,
    ),
    `${query}&timeout`,
    `${query}&timeout=1s&timeout=1s`,
    `${query}&allowWatchBookmarks=true&allowWatchBookmarks=true`,
    ...[
      'sendInitialEvents=true',
      'sendInitialEvents=false',
      'sendInitialEvents',
      'sendInitial%45vents=1',
    ].map(pair => `${query}&${pair}`),
    ...[
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch=',
      'limit=500',
      'limit=0',
      'continue=x',
    ].map(pair => `${query}&${pair}`),
    ...['a;b', 'a=1;timeoutSeconds=5', ';', 'a=%', 'a=%4', 'a=%zz', '%=1', 'timeoutSeconds=5;'].map(
      pair => `${query}&${pair}`,
    ),
  ];
  it('has so many parameters that two more are too many for the API server', () => {
    const withPairs = (count: number) => sharableWatch(`${query}${'&a'.repeat(count)}`, []);
    assert.ok(withPairs(9_997));
    assert.equal(withPairs(9_998), undefined);
  });

  for (const each of queries) {
    it(`asks for "${each.slice(0, 60)}"`, () => assert.equal(sharableWatch(each, []), undefined));
  }
});

describe('a header field', () => {
  const harmless: readonly (readonly [name: string, value: string])[] = [
    ['Host', 'localhost:8001'],
    ['User-Agent', 'curl/8'],
    ['accept-language', 'de'],
    ['Connection', 'keep-alive'],
    ['Connection', 'Close'],
    ['Connection', 'close, , Keep-Alive'],
    ['Cache-Control', 'no-cache'],
    ['TraceParent', '00-1-2-01'],
    ['X-Forwarded-For', '10.0.0.1'],
    ['Sec-Fetch-Mode', 'cors'],
    ['Sec-CH-UA-Platform', '"Linux"'],
    ['Kubectl-Session', 'x'],
    ['Content-Type', 'application/json'],
  ];
  for (const [name, value] of harmless) {
    it(`${name}: ${value} allows sharing`, () => assert.ok(sharableWatch(query, [name, value])));
  }

  const others: readonly (readonly [name: string, value: string])[] = [
    ...[
      ...'Authorization Proxy-Authorization Cookie Cookie2 Impersonate-User impersonate-group Impersonate-Uid'.split(
        ' ',
      ),
      ...'Impersonate-Extra-Scopes Impersonate_User X-Remote-User X-Remote-Group X_Remote_User'.split(' '),
      ...'X-Remote-Extra-A X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Auth-Request-User'.split(
        ' ',
      ),
      ...'X-Forwarded-Access-Token X-Forwarded-Client-Cert X-HTTP-Method-Override X-Peer-Proxied Upgrade'.split(
        ' ',
      ),
      ...'Sec-WebSocket-Protocol Sec-WebSocket-Key Transfer-Encoding Expect Range If-None-Match'.split(' '),
      ...'X-Anything X-Sec-Fetch-Mode User_Agent Accept_Encoding Acc\u0131pt'.split(' '),
      ...['Accept ', ' Accept', ''],
    ].map(name => [name, 'x'] as const),
    ['Connection', 'Upgrade'],
    ['Connection', 'keep-alive, User-Agent'],
    ['Connection', 'close;x'],
    ['connection', 'Accept'],
  ];
  for (const [name, value] of others) {
    it(`${name}: ${value} prevents sharing`, () => {
      assert.equal(sharableWatch(query, ['Host', 'a', name, value, 'User-Agent', 'b']), undefined);
    });
  }

  for (const name of ['Accept', 'Accept-Encoding']) {
    it(`${name} prevents sharing if it comes twice, because servers read that differently`, () => {
      assert.equal(sharableWatch(query, [name, '*/*', name.toLowerCase(), '*/*']), undefined);
    });
  }

  it('is read in linear time, even in a large request', () => {
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
});

describe('Accept', () => {
  const shared = [
    ...['', '*/*', 'application/*', 'application/json', 'Application/JSON ; q=0.5', table, chrome],
    ...[
      'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      'application/vnd.kubernetes.protobuf',
    ],
    'application/vnd.kubernetes.protobuf;stream=watch,application/json',
    'application/json,application/cbor',
  ];
  const others = [
    ...['application/cbor,application/json', 'application/cbor-seq, */*', 'application/yaml, */*'],
    ...['text/html', 'nonsense', ','],
  ];
  for (const accept of [...shared, ...others]) {
    const sharable = shared.includes(accept);
    it(`"${accept}" ${sharable ? 'allows' : 'prevents'} sharing`, () => {
      assert.equal(sharableWatch(query, ['Accept', accept]) !== undefined, sharable);
    });
  }
});
