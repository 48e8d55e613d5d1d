import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pino from 'pino';
import { escapeControls } from '../../../src/observability/log/control-characters.js';
import { createRequestLines, type LineFields } from '../../../src/observability/log/logger.js';
import { every } from './every-field.js';

const necessary = ['method', 'path', 'requestId', 'verb', 'code'];

/** The fields whose text comes from clients and servers. */
const texts = [
  ...([
    ...['path', 'user', 'impersonatedUser', 'deniedBy', 'requestId', 'traceparent', 'apiGroup', 'version'],
  ] as const),
  ...(['resource', 'subresource', 'namespace', 'resourceName', 'auditId'] as const),
];

/** Pino's line and the proxy's line for these fields, both without their times. */
function bothLines(
  fields: LineFields,
  {
    level = 'info' as 'debug' | 'info' | 'warn',
    message = 'request',
    prepare = (logger: pino.Logger): pino.Logger => logger,
  } = {},
): { readonly theirs: string; readonly ours: string } {
  const written: string[] = [];
  const hooks = { streamWrite: escapeControls };
  const options = { base: null, level: 'trace', hooks };
  const logger = prepare(pino(options, { write: line => void written.push(line) }));
  logger[level](fields, message);
  createRequestLines(logger)(level, message, {}, fields);
  const [theirs = '', ours = ''] = written.map(line => line.replace(/"time":\d+/, '"time":0'));
  assert.equal(written.length, 2);
  return { theirs, ours };
}

function assertSame(fields: LineFields, more?: Parameters<typeof bothLines>[1]): void {
  const { theirs, ours } = bothLines(fields, more);
  assert.equal(ours, theirs);
  assert.ok(ours.endsWith('}\n') && ours.indexOf('\n') === ours.length - 1, 'it is one line');
}

describe('the log line of a request', () => {
  it("equals pino's line at every level, with any fields left out", () => {
    for (const level of ['debug', 'info', 'warn'] as const) assertSame(every, { level });
    for (const message of ['request', 'request open']) assertSame(every, { message });
    const keys = Object.keys(every).filter(key => !necessary.includes(key));
    for (const key of keys) {
      assertSame({ ...every, [key]: undefined });
      const others = keys.filter(other => other !== key).map(other => [other, undefined]);
      assertSame({ ...every, ...Object.fromEntries(others) });
    }
    assertSame({ ...every, ...Object.fromEntries(keys.map(key => [key, undefined])) });
  });

  it("equals pino's line for every number, and with the fields of the logger and of its child", () => {
    for (const number of [0, 1, 0.001, 1e-7, 123456.789, 1e21, Number.MAX_SAFE_INTEGER]) {
      assertSame({ ...every, code: number, bytes: number, durationMs: number });
    }
    const bindings = { component: 'a "b"\n', number: 1, inner: { list: [true, null] } };
    assertSame(every, { prepare: logger => logger.child(bindings) });
    assertSame(every, { prepare: logger => logger.child({ one: 1 }).child({ two: '\u2028' }) });
    assertSame(every, { prepare: logger => logger.child({}) });
  });

  it("equals pino's line for every character, alone and among others, short and long", () => {
    const characters = [
      ...Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)),
      ...['\u2028', '\u2029', '\ufeff', '\ufffd', '\uffff', '€', 'が', '𝄞', '👩‍🚀', 'e\u0301'],
    ];
    for (const character of characters) {
      for (const text of [character, `a${character}b`, `"${character}\\`, character.repeat(101)]) {
        assertSame({ ...every, ...Object.fromEntries(texts.map(key => [key, text])) });
      }
    }
  });

  it("equals pino's line for hostile texts", () => {
    for (const text of [
      ...[
        ...['', ' ', '"', '\\', '\\"', '\\\\"', '","level":60,"x":"', '"}\n{"level":60}', '\r\n'],
        ...['\\u0022', '\\n'],
      ],
      ...['</script>', '%0A', '\x1b[2J', '\0', 'null', '__proto__', `${'"'.repeat(100)}`, '\\'.repeat(1000)],
    ]) {
      for (const key of texts) {
        assertSame({ ...every, [key]: text });
        const parsed = JSON.parse(bothLines({ ...every, [key]: text }).ours) as Record<string, unknown>;
        assert.deepEqual(Object.keys(parsed), ['level', 'time', ...Object.keys(every), 'msg']);
        assert.equal(parsed[key], text);
      }
    }
  });

  it('escapes half a surrogate pair like JSON, which pino does only in long texts', () => {
    for (const half of ['\ud800', '\udfff', 'a\udc00b', '\udc00\ud800']) {
      const path = `/${half}`;
      const { ours } = bothLines({ ...every, path });
      assert.ok(ours.includes(`"path":${JSON.stringify(path)}`), ours);
      assert.equal((JSON.parse(Buffer.from(ours).toString()) as { path: string }).path, path);
      assertSame({ ...every, path: path.repeat(101) });
    }
  });
});
