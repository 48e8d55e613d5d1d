import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startUpProblems } from '../support/proxy/in-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const server = '--server=http://127.0.0.1:1';

/** The problems of a file of options with these lines, and the file. */
async function problemsOfFile(lines: readonly string[], flags: readonly string[] = []) {
  const file = join(temporaryFolder(), 'config.yaml');
  writeFileSync(file, lines.join('\n'));
  return { file, problems: await startUpProblems([server, `--config=${file}`, ...flags]) };
}

describe('a problem of options that do not belong together names them as they are set', () => {
  it('by flags', async () => {
    const [problem = ''] = await startUpProblems([server, '--address=0.0.0.0']);
    assert.match(
      problem,
      /^--address: "0\.0\.0\.0" can be .* or --unix-socket, or accept it with --insecure-/,
    );
  });

  it('by variables, also those that are not set yet', async () => {
    const [problem = '', ...others] = await startUpProblems([server], { KUBE_API_PROXY_ADDRESS: '0.0.0.0' });
    assert.match(problem, /^KUBE_API_PROXY_ADDRESS: "0\.0\.0\.0" can be .* KUBE_API_PROXY_UNIX_SOCKET,/);
    assert.match(problem, /accept it with KUBE_API_PROXY_INSECURE_ALLOW_UNAUTHENTICATED$/);
    assert.doesNotMatch(problem, /--/);
    assert.deepEqual(others, []);
  });

  it('by the keys of the file, the first one with its line', async () => {
    const { file, problems } = await problemsOfFile(['port: 0', 'address: 0.0.0.0']);
    assert.equal(problems.length, 1);
    assert.ok(problems[0]?.startsWith(`${file}:2: address: "0.0.0.0" can be `), problems[0]);
    assert.match(problems[0] ?? '', / or unix-socket, or accept it with insecure-allow-unauthenticated$/);
    assert.doesNotMatch(problems[0] ?? '', /--/);
  });

  it('each by its own source, and a text of the user as it is', async () => {
    const mixed = await problemsOfFile(['unix-socket: /tmp/x'], ['--port=8002']);
    assert.deepEqual(mixed.problems, [
      `${mixed.file}:1: unix-socket and --port cannot be set at the same time`,
    ]);
    const env = { KUBE_API_PROXY_WWW: '/none/--port' };
    assert.deepEqual(await startUpProblems([server], env), [
      'KUBE_API_PROXY_WWW: "/none/--port" is not a folder',
    ]);
  });
});
