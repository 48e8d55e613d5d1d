import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHelp } from '../../src/options/help.js';
import { optionKeys, optionTable } from '../../src/options/table.js';

describe('the text of --help', () => {
  const help = formatHelp();

  it('lists every flag with its description and its default', () => {
    const plain = help.replace(/\s+/g, ' ');
    for (const [flag, key] of optionKeys) {
      assert.match(help, new RegExp(`^ {2}(-\\w, | {4})--${flag}(=|$)`, 'm'));
      assert.ok(plain.includes(optionTable[key].help), flag);
      if (optionTable[key].type.placeholder !== undefined)
        assert.ok(plain.includes(optionTable[key].default), flag);
    }
  });

  it('shows short letters, placeholders and quoted defaults, and no default of a switch that is off', () => {
    assert.match(help, /^ {2}-p, --port=PORT$/m);
    assert.match(help, /^ {6}--disable-filter$/m);
    assert.match(help, /\(default 8001\)/);
    assert.match(help, /\(default '\^\.\*'\)/);
    assert.doesNotMatch(help, /\(default false\)/);
  });

  it('explains how the environment and the file set a flag, in lines of at most 80 columns', () => {
    assert.match(help, /KUBE_API_PROXY_ACCEPT_HOSTS/);
    assert.match(help, /--config/);
    for (const line of help.split('\n')) assert.ok(line.length <= 80, line);
    assert.ok(help.endsWith('\n'));
    assert.doesNotMatch(help, / $|^ {7}/m);
  });
});
