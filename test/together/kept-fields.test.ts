import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { collectGarbage } from '../support/collect-garbage.js';
import { until } from '../support/eventually.js';
import { listenFor } from '../support/ports.js';
import { projectFile } from '../support/project.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { bytes, plain } from '../support/upstreams/hpack.js';
import {
  connectFrames,
  connectionPreface,
  flags,
  frame,
  frameTypes,
  settingsFrame,
} from '../support/upstreams/http2-frames.js';

// HPACK has a line of 2 KB for one byte, if it was sent before (RFC 7541, section 6.1). So a head of 100 KB costs its sender as much as one
// of 1 KB, and must not cost the program more: what it keeps of a head is short, and does not hold the head.

/** Requests that an API server has got. It answers none, and keeps nothing of them: it is in the process whose memory is measured. */
let arrived = 0;
const apiServer = createServer(socket =>
  socket
    .on('error', () => {})
    .on('data', data => {
      if (data.subarray(-4).toString() === '\r\n\r\n') arrived += 1;
    }),
);
const folder = temporaryFolder();
const file = (name: string) => join(folder, name);
writeFileSync(file('tokens.csv'), 'sesame-open,alice,1\n');
const files = await createServingFiles();
const { path: kubeconfig } = await writeKubeconfig({
  server: `http://127.0.0.1:${await listenFor({ after }, apiServer)}`,
});
const { port } = await startInProcess({ after }, [
  ...[`--kubeconfig=${kubeconfig}`, ...files.flags, '--trusted-proxies=127.0.0.0/8'],
  ...[`--token-auth-file=${file('tokens.csv')}`, `--audit-log-path=${file('audit.log')}`],
  ...['--cors-allowed-origins=^https://app\\.example$', '--share-watches', '--log-requests=none'],
]);
const caller = [bytes('10', plain('authorization'), plain('Bearer sesame-open'))];

/** Streams for each name, lines of each head, and names that are measured together. */
const [streams, lines, together] = [8, 50, 26];
/** Characters of all lines of one head. */
const sizes = [1_000, 100_000] as const;
/** Half of what the streams of one name take if each keeps its head: a measurement differs less from the next one. */
const most = (streams * sizes[1]) / 2;

/** Of HTTP/2: no field, or one with one line, or one that is answered before any rule. */
const notSent = /^(?:http2-settings|keep-alive|proxy-connection|transfer-encoding|content-length|expect)$/;
/** Fields of one word. Other texts of one word in the program are too many. */
const words = [
  'accept',
  'authorization',
  'cookie',
  'dnt',
  'forwarded',
  'from',
  'origin',
  'pragma',
  'priority',
];
const moreWords = [
  'purpose',
  'range',
  'referer',
  'traceparent',
  'tracestate',
  'baggage',
  'via',
  'host',
  'te',
];

/** Every text that may be the name of a field, in files of the program that read heads: whatever a new rule reads is among them. */
function names(): readonly string[] {
  const texts = readdirSync(projectFile('src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.includes('/page/'))
    .map(name => readFileSync(projectFile(`src/${name}`), 'utf8'))
    .filter(text => /headers|\bhead\b/i.test(text))
    .flatMap(text => text.match(/(?<=')[a-z][a-z\d]*(?:-[a-z\d]+)+(?=')/g) ?? []);
  return [...new Set([...words, ...moreWords, ...texts])].filter(name => !notSent.test(name));
}

/** What the lines of some fields are made of, so that rules read on. */
const units: Readonly<Record<string, string>> = {
  ...{ authorization: 'Bearer x', origin: 'https://app.example', te: 'trailers' },
  'x-forwarded-for': '198.51.100.7, ',
};

/** Opens streams whose heads have many lines of this name, and whose client takes no answer. Returns their connection. */
async function open(path: string, credential: readonly Buffer[], name: string, size: number) {
  const connection = await connectFrames(port, files.authority.certificate, { preface: false });
  const line = (units[name] ?? 'text/html, ')
    .repeat(size)
    .slice(0, size / lines)
    .trimEnd();
  const rest = [
    bytes('82 87 00', plain(':path'), plain(path), '00', plain(':authority'), plain('localhost')),
  ];
  connection.send(Buffer.from(connectionPreface), settingsFrame([4, 0]));
  const before = arrived;
  for (let index = 0; index < streams; index += 1) {
    // The newest entry of the dynamic table has number 62.
    const first = index === 0 ? bytes('40', plain(name), plain(line)) : bytes('be');
    const block = Buffer.concat([...rest, ...credential, first, Buffer.alloc(lines - 1, 0xbe)]);
    connection.send(frame(frameTypes.headers, flags.endHeaders + flags.endStream, 1 + 2 * index, block));
  }
  const answers = () =>
    connection.frames.filter(({ type }) => type === frameTypes.headers || type === frameTypes.rstStream);
  await until(() => answers().length + arrived - before >= streams);
  return connection;
}

/** Bytes of the heap while the streams of these names are open. */
async function heapWith(path: string, credential: readonly Buffer[], some: readonly string[], size: number) {
  const connections: Awaited<ReturnType<typeof open>>[] = [];
  for (const name of some) connections.push(await open(path, credential, name, size));
  await new Promise(setImmediate);
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  for (const { socket } of connections) socket.destroy();
  await until(() => connections.every(({ socket }) => socket.closed));
  return heapUsed;
}

/** How many bytes more of the heap larger heads take, which cost the same. */
async function growth(path: string, credential: readonly Buffer[], some: readonly string[]): Promise<number> {
  const [small, large] = sizes;
  const before = await heapWith(path, credential, some, small);
  return (await heapWith(path, credential, some, large)) - before;
}

describe('no field makes the program keep more than it cost, however many lines it has:', () => {
  for (const [who, path, credential] of [
    ['a stranger at the API', '/api', []],
    ['a stranger at the index', '/-/', []],
    ['a caller who waits for the API server', '/api', caller],
  ] as const) {
    it(who, async () => {
      const all = names();
      assert.ok(all.length > 80 && all.includes('x-forwarded-for'));
      await growth(path, credential, all.slice(0, 2));
      for (let from = 0; from < all.length; from += together) {
        const some = all.slice(from, from + together);
        if ((await growth(path, credential, some)) < most) continue;
        for (const name of some) {
          const bytes = await growth(path, credential, [name]);
          assert.ok(bytes < most, `${name}: ${bytes} bytes more`);
        }
      }
    });
  }
});
