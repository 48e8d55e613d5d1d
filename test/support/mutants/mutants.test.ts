import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectFile } from '../project.js';
import { temporaryFolder } from '../temporary-folder.js';
import { instrument } from './instrument.js';
import { textOfMessage } from './messages.js';

describe('a comment that excuses mutants', () => {
  const files = readdirSync(projectFile('src'), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => ({ name, path: projectFile(join('src', name)) }))
    .map(file => ({ ...file, code: readFileSync(file.path, 'utf8') }))
    .filter(({ code }) => /\bStryker\b/.test(code));

  it('is about the next line, and has a reason', () => {
    for (const { name, code } of files)
      for (const line of code.split('\n').filter(text => /\bStryker\b/.test(text)))
        assert.match(line, /^ *\/\/ Stryker disable next-line \w+(, ?\w+)*: (\S+ ){3,}\S+$/, name);
  });

  it('excuses at most 3 % of the mutants of its file', async () => {
    for (const { name, path } of files) {
      const { mutants } = await instrument([path]);
      const counted = mutants.filter(({ statusReason }) => statusReason !== textOfMessage);
      const excused = counted.filter(({ status }) => status === 'Ignored').length;
      assert(excused <= Math.ceil(0.03 * counted.length), `${name} excuses ${excused} of ${counted.length}`);
    }
  });
});

describe('npm run mutants', () => {
  it('changes all texts but those of messages', async () => {
    const file = join(temporaryFolder(), 'texts.ts');
    const kept = ["header('x-remote-user')", "const list = 'pods services'", "new Set(['uid'])"];
    const left = [
      "throw new TypeError('broken')",
      "log.warn({}, 'stopped')",
      "const option = { help: 'Paths.' } as const",
      'reject(`the path has `)',
    ];
    writeFileSync(file, [...kept, ...left].join(';\n'));
    const { mutants } = await instrument([file]);
    const texts = mutants.filter(({ mutatorName }) => mutatorName === 'StringLiteral');
    const ofMessages = texts.filter(({ statusReason }) => statusReason === textOfMessage);
    assert.deepEqual([texts.length, ofMessages.length], [kept.length + left.length, left.length]);
  });
});
