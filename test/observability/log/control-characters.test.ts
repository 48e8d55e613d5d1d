import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { escapeControls, spellOutControls } from '../../../src/observability/log/control-characters.js';
import { createLogger, type Logger } from '../../../src/observability/log/logger.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const characters = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code));
/** Characters that control a terminal, and characters that change the direction of text. */
const harmful = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
const hostile = '\r\n[23:59:59.000] INFO: forged\x1b[2J\x9b2J\x7f\x85\u2028\u2066\\n';

/** The text that a logger writes to a file. */
async function logged(format: 'json' | 'pretty', write: (logger: Logger) => void): Promise<string> {
  const folder = temporaryFolder();
  const fd = openSync(join(folder, 'log'), 'a');
  const logger = createLogger({ level: 'trace', format, fd });
  write(logger);
  await new Promise<void>(resolve => logger.flush(() => resolve()));
  closeSync(fd);
  return readFile(join(folder, 'log'), 'utf8');
}

function writeHostile(logger: Logger): void {
  const error = Object.assign(new TypeError(hostile, { cause: new Error(hostile) }), { code: hostile });
  logger.warn({ err: error, list: [hostile], inner: { text: hostile }, name: hostile }, hostile);
}

describe('JSON for a log', () => {
  it('contains no character that controls a terminal, and keeps its meaning', () => {
    for (const character of characters) {
      for (const text of [character, `\\${character}n`]) {
        const json = escapeControls(JSON.stringify({ text }));
        assert.doesNotMatch(json, harmful);
        assert.equal((JSON.parse(json) as { text: string }).text, text);
      }
    }
  });

  it('shows such characters as escapes in a pretty log, and keeps all others', () => {
    for (const character of characters) {
      const spelt = JSON.parse(spellOutControls(JSON.stringify(`a${character}b`))) as string;
      const expected = JSON.stringify(character).slice(1, -1);
      if (!harmful.test(character)) assert.equal(spelt, `a${character}b`);
      else if (expected.length > 1) assert.equal(spelt, `a${expected}b`);
      else assert.match(spelt, /^a\\u[0-9a-f]{4}b$/);
    }
    assert.equal(JSON.parse(spellOutControls('"\\\\n \\" \\/ \\u0007"')), '\\n " / \\u0007');
  });
});

describe('a line of the log', () => {
  it('is one line of JSON without such characters, in every part', async () => {
    const text = await logged('json', writeHostile);
    assert.doesNotMatch(text.slice(0, -1), harmful);
    const { msg, list, err } = JSON.parse(text) as { msg: string; list: string[]; err: { code: string } };
    assert.deepEqual([msg, list[0], err.code], [hostile, hostile, hostile]);
  });

  it('is indented below its first line in a pretty log, in every part', async () => {
    const text = await logged('pretty', writeHostile);
    assert.equal(text.split('\n').filter(line => line.startsWith('[')).length, 1, text);
    assert.doesNotMatch(text.replaceAll('\n', ''), harmful);
    assert.match(
      text,
      /\\r\\n\[23:59:59\.000\] INFO: forged\\u001b\[2J\\u009b2J\\u007f\\u0085\\u2028\\u2066\\n/,
    );
  });
});
