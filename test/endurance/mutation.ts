import type { Random } from '../support/random.js';

/** A mutated request, one character per byte. */
export interface Mutation {
  readonly bytes: string;
  /** The mutations, in order. */
  readonly steps: readonly string[];
}

const proxied = '/api/v1/namespaces/default/services/web/proxy';

const valid: readonly ((id: string) => string)[] = [
  id => `GET ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n`,
  id => `GET /api/v1/pods?limit=5&id=${id} HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nUser-Agent: curl/8\r\n\r\n`,
  id => `HEAD ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  id =>
    `POST ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"one":"two"}`,
  id =>
    `PUT ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n`,
  id => `DELETE ${proxied}/${id} HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n`,
  id =>
    `GET ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  id =>
    `POST ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n\x80\x03\x00\x01\x00\x00\x00\x04abcd`,
  id =>
    `PATCH ${proxied}/${id} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
  id => `GET ${proxied}/${id}?watch=1 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n`,
];

const methods = [
  ...['get', 'GET ', ' GET', 'G\x00T', 'CONNECT', 'TRACE', 'OPTIONS', 'PRI', 'M-SEARCH', 'PURGE'],
  ...['QUERY', 'ÄÖ'],
];
const targets = [
  ...['*', '', '//', '/-/metrics', '/%', '/%zz', '/%00', '/%2e%2e/', '/../', '/\\', '/#x', '/?'],
  ...['/;', '/a b', '/\x7f', '/\xff', 'http://evil/', 'http://localhost/api'],
  ...['https://u:p@localhost/', 'localhost:443', '/api/v1/namespaces/default/pods/p/exec'],
  ...['/api//v1', `/${'a'.repeat(9000)}`, `/${'a/'.repeat(70_000)}`, '/?a=\r\nX: y', '/api\t'],
  ...['/api HTTP/1.1\r\nX: y\r\n\r\n'],
];
const lines = [
  ...['Content-Length: 0', 'Content-Length: 5', 'Content-Length: -1', 'Content-Length: 1e3'],
  ...['Content-Length: 99999999999999999999', 'Content-Length : 3', 'Content-Length: 3, 3'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
  ...['Transfer-Encoding: gzip, chunked', 'Transfer-Encoding:\x0bchunked'],
  ...[' Transfer-Encoding: chunked', 'Transfer-Encoding : chunked', 'transfer-encoding: CHUNKED'],
  ...['Connection: close', 'Connection: keep-alive, Content-Length'],
  ...['Connection: Transfer-Encoding', 'Connection: Authorization, Host', 'Connection: Upgrade'],
  ...['Upgrade: h2c', 'Upgrade: websocket', 'Upgrade:', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
  ...['Host: evil.example', 'Host:', 'Host: localhost', 'Host: localhost\r\nHost: localhost'],
  ...['Expect: 100-continue', 'Expect: 200-ok', 'Authorization: Bearer of-the-client'],
  ...['Authorization:', 'Impersonate-User: root', 'X-Forwarded-For: 1.2.3.4', 'X-Request-Id: \x01'],
  ...['X: a\r\n b', 'X: a\rb', 'X: a\nY: b', 'X\x00: y', ': no name', 'no colon', 'Ü: x'],
  ...['X: \xff\xfe', `X: ${'y'.repeat(20_000)}`, `X: ${'y'.repeat(140_000)}`, 'TE: trailers'],
  ...['Trailer: X-Sum', 'Keep-Alive: timeout=0', 'Proxy-Connection: close'],
  ...['Proxy-Authorization: Basic eDp5', 'Cookie: a=b', 'Range: bytes=0-0', 'Via: 1.1 x'],
];
const versions = [
  ...['HTTP/1.0', 'HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', 'HTTP/1.'],
  ...['', 'ICE/1.0', 'RTSP/1.0'],
];
const ends = ['\n', '\r', '\r\r\n', '\n\n', '\r\n ', '\r\n\t', '', '\x00\r\n', '\r\n\r\n'];

type Step = readonly [name: string, change: (bytes: string, random: Random) => string];

const steps: readonly Step[] = [
  ['method', (bytes, random) => bytes.replace(/^\S+/, () => random.pick(methods))],
  ['target', (bytes, random) => bytes.replace(/ \S+ /, () => ` ${random.pick(targets)} `)],
  ['target begins', (bytes, random) => bytes.replace(/ \//, () => ` ${random.pick(targets)}/`)],
  ['version', (bytes, random) => bytes.replace(/HTTP\/1\.\d/, () => random.pick(versions))],
  ['line added', (bytes, random) => bytes.replace('\r\n', () => `\r\n${random.pick(lines)}\r\n`)],
  [
    'line added at the end',
    (bytes, random) => bytes.replace('\r\n\r\n', () => `\r\n${random.pick(lines)}\r\n\r\n`),
  ],
  ['line removed', (bytes, random) => replaceNth(bytes, /\r\n[^\r\n]+/g, random, () => '')],
  ['line twice', (bytes, random) => replaceNth(bytes, /\r\n[^\r\n]+/g, random, line => line + line)],
  ['line end', (bytes, random) => replaceNth(bytes, /\r\n/g, random, () => random.pick(ends))],
  [
    'blank',
    (bytes, random) =>
      replaceNth(bytes, /[ :]/g, random, () => random.pick(['\t', '  ', '', ' :', '\x0b', '\xa0'])),
  ],
  [
    'number',
    (bytes, random) =>
      replaceNth(bytes, /\d+/g, random, () =>
        random.pick(['0', '1', '-1', '7', '0x7', '255', '65536', '4294967296']),
      ),
  ],
  ['cut', (bytes, random) => bytes.slice(0, 1 + random.below(bytes.length))],
  ['beginning cut', (bytes, random) => bytes.slice(random.below(bytes.length))],
  ['byte', (bytes, random) => replaceAt(bytes, random, () => String.fromCharCode(random.below(256)))],
  [
    'bit',
    (bytes, random) =>
      replaceAt(bytes, random, char => String.fromCharCode(char.charCodeAt(0) ^ (1 << random.below(8)))),
  ],
  [
    'byte added',
    (bytes, random) =>
      replaceAt(
        bytes,
        random,
        char => char + random.pick(['\x00', '\r', '\n', ' ', '\t', ':', '\x7f', '\xff', ';', ',']),
      ),
  ],
  ['piece moved', (bytes, random) => moved(bytes, random)],
  [
    'piece twice',
    (bytes, random) =>
      replaceAt(bytes, random, (char, at) => char + bytes.slice(at, at + 1 + random.below(30))),
  ],
  [
    'case',
    bytes => bytes.replace(/\r\n([A-Za-z-]+):/g, (_line, name: string) => `\r\n${name.toUpperCase()}:`),
  ],
  ['empty lines before', bytes => `\r\n\r\n${bytes}`],
];

/** A valid request, or several in sequence, with up to four mutations. The same random numbers give the same result. */
export function mutate(random: Random, id: string): Mutation {
  let bytes = '';
  for (let part = 0; part === 0 || (part < 3 && random.chance(0.25)); part += 1) {
    bytes += random.pick(valid)(`${id}-${part}`);
  }
  const done: string[] = [];
  const turns = random.below(5);
  for (let turn = 0; turn < turns && bytes.length > 0; turn += 1) {
    const [name, change] = random.pick(steps);
    bytes = change(bytes, random);
    done.push(name);
  }
  return { bytes: toLatin1(bytes), steps: done };
}

function toLatin1(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('latin1');
}

function replaceNth(
  bytes: string,
  pattern: RegExp,
  random: Random,
  change: (found: string) => string,
): string {
  const nth = random.below([...bytes.matchAll(pattern)].length);
  let count = -1;
  return bytes.replace(pattern, found => {
    count += 1;
    return count === nth ? change(found) : found;
  });
}

function replaceAt(bytes: string, random: Random, change: (char: string, at: number) => string): string {
  const at = random.below(bytes.length);
  return bytes.slice(0, at) + change(bytes.charAt(at), at) + bytes.slice(at + 1);
}

function moved(bytes: string, random: Random): string {
  const from = random.below(bytes.length);
  const piece = bytes.slice(from, from + 1 + random.below(20));
  const rest = bytes.slice(0, from) + bytes.slice(from + piece.length);
  const to = random.below(rest.length + 1);
  return rest.slice(0, to) + piece + rest.slice(to);
}
