import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isBeyondLoopback } from '../../src/options/exposure.js';
import { parseOptions } from '../../src/options/parse.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { callersFlag } from '../support/proxy/callers.js';
import { encrypted } from '../support/proxy/encrypted.js';

function parse(...argv: string[]): ReturnType<typeof parseOptions> {
  return parseOptions({ argv, env: {} });
}

describe('an address', () => {
  it('of this machine needs no flag that allows it', () => {
    for (const address of [
      ...['127.0.0.1', '127.1.2.3', 'localhost', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::0001'],
      ...['::ffff:127.0.0.1', '::FFFF:7f00:1'],
    ]) {
      const { options, problems } = parse(`--address=${address}`);
      assert.deepEqual([problems, isBeyondLoopback(options)], [[], false], address);
    }
  });

  it('that is open to others needs a flag that allows it, also in the environment', () => {
    for (const address of [
      ...['', '0.0.0.0', '::', '10.0.0.1', '192.168.127.1', '::ffff:10.0.0.1', '::ffff:0.0.0.0', 'fe80::1'],
      ...['1::1', '::11', '::2', 'localhost.example', '127.0.0.1.example', '128.0.0.1', '0', '2130706433'],
    ]) {
      const [problem = '', ...more] = parse(`--address=${address}`).problems;
      assert.match(problem, /^--address: "[^"]*" can be reached from other machines/, address);
      assert.match(problem, /--insecure-allow-unauthenticated.*--unix-socket|--unix-socket.*--insecure/);
      assert.deepEqual(more, []);
      assert.deepEqual(parse(`--address=${address}`, '--insecure-allow-unauthenticated').problems, []);
    }
    const { problems } = parseOptions({ argv: [], env: { KUBE_API_PROXY_ADDRESS: '0.0.0.0' } });
    assert.match(String(problems), /can be reached from other machines/);
  });

  it('does not matter if the proxy listens on a Unix socket', () => {
    assert.deepEqual(parse('--address=0.0.0.0', '--unix-socket=/run/x').problems, []);
  });
});

it('callers who send a secret to another machine need encryption', encrypted, async () => {
  const callers = ['--address=0.0.0.0', callersFlag('/dev/null')];
  assert.match(
    String(parse(...callers).problems),
    /^--address: "0.0.0.0" [^"]* of --\S+ would cross the network/,
  );
  const { flags } = await createServingFiles();
  assert.deepEqual(parse(...callers, ...flags).problems, []);
});
