import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from '../../src/options/parse.js';

function parse(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return parseOptions({ argv, env, readFile: () => 'log-level: warn' });
}

describe("kubectl's verbosity", () => {
  for (const [level, uses] of [
    ['debug', [['-v=6'], ['-v', '6'], ['-v6'], ['--v=8'], ['--v', '10'], ['-v=1', '-v=9']]],
    ['info', [['-v=5'], ['-v', '0'], ['--v=-1'], ['-v=9', '-v=2']]],
  ] as const) {
    it(`makes the log level ${level} as ${uses.map(argv => argv.join(' ')).join(', ')}`, () => {
      for (const argv of uses) {
        const { options, problems, ignored } = parse(argv);
        assert.deepEqual([options.logLevel, problems, ignored], [level, [], []], argv.join(' '));
      }
    });
  }

  it('takes precedence over the environment and the file, as a flag does, but not over --log-level', () => {
    assert.equal(parse(['-v=6'], { KUBE_API_PROXY_LOG_LEVEL: 'error' }).options.logLevel, 'debug');
    assert.equal(parse(['-v=6', '--config=f']).options.logLevel, 'debug');
    assert.equal(parse(['-v=2', '--config=f']).options.logLevel, 'warn');
    assert.equal(parse(['--log-level=error', '-v=6']).options.logLevel, 'error');
  });

  it('must be a number, and has no variable and no key of the file', () => {
    assert.deepEqual(parse(['-v=debug']).problems, ['--v: "debug" is not a number']);
    assert.deepEqual(parse(['-v']).problems, ['flag needs an argument: -v']);
    assert.equal(parse([], { KUBE_API_PROXY_V: '6' }).problems.length, 1);
    assert.equal(parseOptions({ argv: ['--config=f'], env: {}, readFile: () => 'v: 6' }).problems.length, 1);
  });
});

describe('a flag of kubectl without a meaning here', () => {
  it('is ignored, and the log names it once', () => {
    const argv = [
      ...['-n', 'team-a', '--namespace=b', '-nc', '--cache-dir', '/tmp', '--match-server-version'],
      '--port=9',
    ];
    const { options, problems, ignored } = parse(argv);
    assert.deepEqual(problems, []);
    assert.deepEqual(ignored, ['--namespace', '--cache-dir', '--match-server-version']);
    assert.equal(options.port, 9);
  });

  it('includes its argument, and has no variable, so that KUBE_API_PROXY_NAMESPACE is not mistaken for a rule', () => {
    assert.equal(parse(['--vmodule', '--port=9']).options.port, 8001);
    assert.equal(parse(['--warnings-as-errors', '--port=9']).options.port, 9);
    assert.deepEqual(parse(['--disable-compression=true', '--kuberc=', '--profile', 'cpu']).problems, []);
    assert.deepEqual(parse(['--cache-dir']).problems, ['flag needs an argument: --cache-dir']);
    assert.equal(parse([], { KUBE_API_PROXY_NAMESPACE: 'team-a' }).problems.length, 1);
  });
});
