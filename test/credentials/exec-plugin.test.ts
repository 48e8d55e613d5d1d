import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { CredentialError, type CredentialSource } from '../../src/credentials/credential.js';
import { createExecSource, type ExecSourceOptions } from '../../src/credentials/exec-plugin.js';
import { parseExecConfig } from '../../src/kubeconfig/exec-config.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { until } from '../support/eventually.js';
import { type ExecPlugin, isAlive, writeExecPlugin } from '../support/identities/exec-plugin.js';
import { ManualClock } from '../support/manual-clock.js';
import { type RecordedEvents, recordEvents } from './recorded-events.js';

let plugin: ExecPlugin;
let report: RecordedEvents;
const sources: CredentialSource[] = [];
beforeEach(async () => {
  plugin = await writeExecPlugin();
  report = recordEvents();
});
afterEach(async () => {
  for (const source of sources.splice(0)) source.close();
  await plugin.remove();
});

function createSource(
  exec: Record<string, unknown> = plugin.exec(),
  more: Partial<ExecSourceOptions> = {},
): CredentialSource {
  const problems: string[] = [];
  const origin = { label: 'user "test"', file: join(plugin.directory, 'config') };
  const config = parseExecConfig(exec, origin, problems);
  assert.ok(config, problems.join());
  const source = createExecSource({
    config,
    info: '{}',
    server: 'https://example.test',
    base: {},
    env: process.env,
    events: report.events,
    ...more,
  });
  sources.push(source);
  return source;
}

/** The error that a source has instead of a credential. */
async function errorOf(source: CredentialSource): Promise<CredentialError> {
  const error = await (async () => source.get())().catch((reason: unknown) => reason);
  assert.ok(error instanceof CredentialError, 'no credential was expected');
  return error;
}

const inFuture = (milliseconds: number, from = Date.now()): string =>
  new Date(from + milliseconds).toISOString();

describe('the exec plugin', () => {
  it('runs with its arguments, its variables, KUBERNETES_EXEC_INFO and an empty stdin', async () => {
    await plugin.answer({ token: 't-1' });
    const exec = plugin.exec({
      args: ['get-token', '--flag=a b'],
      env: [
        { name: 'GREETING', value: 'first' },
        { name: 'GREETING', value: 'hello' },
        { name: 'KUBERNETES_EXEC_INFO', value: 'forged' },
      ],
      provideClusterInfo: true,
      interactiveMode: 'IfAvailable',
    });
    const info = { kind: 'ExecCredential', spec: { cluster: { server: 'https://example.test' } } };
    const env = { PATH: process.env['PATH'], INHERITED: 'yes', GREETING: 'old' };
    await createSource(exec, { env, info: JSON.stringify(info) }).get();
    assert.deepEqual(plugin.args(), ['get-token', '--flag=a b']);
    const { GREETING, INHERITED } = plugin.env();
    assert.deepEqual({ GREETING, INHERITED }, { GREETING: 'hello', INHERITED: 'yes' });
    assert.deepEqual(plugin.infos(), [info]);
  });

  it('is found in the proxy’s PATH, even if its own variables set another PATH, or in the kubeconfig’s folder if its command has a slash', async () => {
    await plugin.answer({ token: 't-1' });
    const env = { PATH: `.:/nowhere:${plugin.directory}:${process.env['PATH']}` };
    const own = [{ name: 'PATH', value: `${process.env['PATH']}:/own` }];
    await createSource(plugin.exec({ command: plugin.name, env: own }), { env }).get();
    assert.equal(plugin.env()['PATH'], own[0]?.value);
    await plugin.answer({ token: 't-1' });
    await createSource(plugin.exec({ command: `./${plugin.name}` })).get();
    assert.equal(plugin.runs(), 2);
  });

  it('may return a client certificate, whose end counts if it comes first, and which does not replace the user’s own', async () => {
    const ca = await createCertificateAuthority();
    const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 600_000);
    const { certificate, key } = await ca.client({ notAfter });
    const pair = { clientCertificateData: certificate, clientKeyData: key };
    await plugin.answer({ token: 't-1', ...pair, expirationTimestamp: inFuture(3_600_000) });
    const credential = await createSource().get();
    assert.equal(credential.authorization, 'Bearer t-1');
    assert.equal(credential.clientCertificate?.certificate.toString(), certificate);
    await plugin.answer({ token: 't-1', ...pair });
    const own = Buffer.from('own');
    const base = { clientCertificate: { certificate: own, key: own, notAfter: new Date() } };
    assert.deepEqual(await createSource(plugin.exec(), { base }).get(), {
      authorization: 'Bearer t-1',
      ...base,
    });
    assert.deepEqual(report.expirations, [notAfter.getTime(), undefined]);
  });
});

it('a credential of the exec plugin is the same object if the plugin returns the same again', async () => {
  const clock = new ManualClock(Date.now());
  await plugin.answer({ token: 't-1', expirationTimestamp: inFuture(60_000, clock.now()) });
  const source = createSource(plugin.exec(), { clock });
  const first = await source.get();
  clock.advance(60_000);
  await plugin.answer({ token: 't-1', expirationTimestamp: inFuture(60_000, clock.now()) });
  assert.equal(await source.get(), first);
  assert.equal(plugin.runs(), 2);
});

describe('an exec plugin that fails', () => {
  const prlimit = (...args: string[]) => spawnSync('prlimit', args).status === 0;
  const skip = prlimit('--version') ? false : 'prlimit is not in PATH';
  it('that cannot be started, because no file descriptor is left, fails with the code', {
    skip,
  }, async () => {
    assert.ok(prlimit(`--pid=${process.pid}`, '--nofile=256:'));
    const opened: number[] = [];
    try {
      for (;;) opened.push(openSync('/dev/null', 'r'));
    } catch {}
    const { message } = await errorOf(createSource()).finally(() => {
      for (const descriptor of opened) closeSync(descriptor);
    });
    assert.match(message, /^exec: executable \S+ cannot be run \(EMFILE\)$/);
  });

  it('that is missing is named, with the hint how to install it', async () => {
    const messageOf = async (exec: Record<string, unknown>) =>
      (await errorOf(createSource(plugin.exec(exec)))).message;
    const installHint = 'Install it with:\n  brew install it\n';
    assert.equal(
      await messageOf({ command: 'no-such-plugin', installHint }),
      'exec: executable no-such-plugin not found\n\nInstall it with:\n  brew install it',
    );
    for (const hint of [{}, { installHint: ' ' }]) {
      const missing = `exec: executable ${join(plugin.directory, 'missing')} not found`;
      assert.equal(await messageOf({ command: './missing', ...hint }), missing);
    }
  });

  const script = async (text: string) => {
    await writeFile(plugin.path, text);
    await chmod(plugin.path, 0o755);
  };
  const other = { kind: 'ExecCredential', apiVersion: 'hush', status: { token: 'hush' } };
  const noInterpreter = /cannot be run: the interpreter that its first line names is missing$/;
  const tooLong = /cannot be run: its arguments and environment are too long \(E2BIG\)$/;
  for (const [what, prepare, message, args] of [
    ['that is not executable', () => chmod(plugin.path, 0o644), /^exec: executable \S+ not executable$/],
    ['whose interpreter is missing', () => script('#!/no/such/interpreter\n'), noInterpreter],
    ['that a signal ends', () => script('#!/bin/sh\nkill -SEGV $$\n'), / was ended by SIGSEGV$/],
    ['that prints something else', () => plugin.write('hush'), / did not write a JSON object to its stdout$/],
    ['that writes too much', () => script('#!/bin/sh\nexec yes\n'), / wrote more than 1 MiB to its stdout$/],
    ['that fails', () => script('#!/bin/sh\necho hush\nexit 1\n'), / failed with exit code 1$/],
    ['that returns another version', () => plugin.write(JSON.stringify(other)), / returned another version$/],
    ['whose arguments are too long', () => undefined, tooLong, ['hush'.repeat(50_000)]],
  ] as const) {
    it(`${what} has an error that says so, names it alone, and does not show its arguments, variables and output`, async () => {
      await prepare();
      const exec = plugin.exec({ args: args ?? ['--secret=hush'], env: [{ name: 'SECRET', value: 'hush' }] });
      const error = await errorOf(createSource(exec, { timeout: 10_000 }));
      assert.match(error.message, message);
      assert.match(error.message, new RegExp(`^exec(: executable| plugin) ${plugin.path} `));
      assert.doesNotMatch(inspect([error, report], { depth: null, showHidden: true }), /hush/);
    });
  }
});

describe("a plugin's stderr", () => {
  it('is logged line by line, and its stdout is not', async () => {
    await plugin.complain('first\r\n\u001b[31m second \u001b[0m\n\n \nlast');
    await plugin.answer({ token: 't-1' });
    await createSource().get();
    const fields = JSON.stringify({ source: 'exec', command: plugin.path });
    const lines = report.lines.filter(line => line.startsWith(fields));
    assert.deepEqual(lines, [`${fields} first`, `${fields} second`, `${fields} last`]);
  });

  it('is logged up to 8 KiB per run', async () => {
    await plugin.complain(`${'a line of 32 characters in total\n'.repeat(10_000)}`);
    await plugin.answer({ token: 't-1' });
    await createSource().get();
    const lines = report.lines.filter(line => line.includes(plugin.path));
    assert.ok(lines.length > 200 && lines.length < 260, String(lines.length));
    assert.match(lines.at(-1) ?? '', /\(the plugin wrote more, which is not logged\)$/);
  });

  it('is logged without texts that may be credentials', async () => {
    const ca = await createCertificateAuthority();
    const { key } = await ca.client();
    const answer = JSON.stringify({ status: { token: 'hush' } });
    const tokens = '{"id_token": "hush"}\n{\\"refresh_token\\" : \\"hush\\"}';
    const jwt = `eyJhbGciOiJub25lIn0.${Buffer.from('hush').toString('base64url')}.c2ln`;
    const failed = `failed to refresh token: got ${jwt} back`;
    await plugin.complain(`+ echo '${answer}'\n> Authorization: Bearer hush\n${failed}\n${tokens}\n${key}`);
    await plugin.answer({ token: 't-1' });
    await createSource().get();
    const log = report.lines.join('\n');
    assert.doesNotMatch(log, /hush|aHVzaA/);
    for (const line of key.trim().split('\n')) assert.ok(!log.includes(line), line);
    assert.match(log, /failed to refresh token: got \*\*\* back/);
  });
});

describe('the time limit of a plugin', () => {
  for (const stubborn of [false, true])
    it(`ends it together with its child processes, if they ignore SIGTERM: ${stubborn}`, async t => {
      const timers = t.mock.method(globalThis, 'setTimeout');
      await plugin.hang({ stubborn });
      const waiting = errorOf(createSource(plugin.exec({ args: ['--secret=hush'] })));
      await until(() => plugin.pids().length === 2);
      timers.mock.calls.find(({ arguments: [, time] }) => time === 60_000)?.arguments[0]();
      const error = await waiting;
      assert.equal(error.message, `exec: executable ${plugin.path} did not finish within 60 s`);
      assert.doesNotMatch(inspect([error, report], { depth: null, showHidden: true }), /hush/);
      await until(() => !plugin.pids().some(isAlive));
    });

  it('does not include a child that outlives a plugin which has answered', async () => {
    await plugin.leaveChild();
    await plugin.answer({ token: 't-1' });
    const source = createSource(plugin.exec(), { timeout: 10_000 });
    assert.deepEqual(await source.get(), { authorization: 'Bearer t-1' });
    assert.ok(plugin.pids().some(isAlive), 'a helper that the plugin left behind may stay');
  });
});

it('a source that is closed ends the running plugin, whose stderr was logged meanwhile, and waiting requests get an error', async () => {
  await plugin.complain('open https://login.test and enter ABCD\n');
  await plugin.hang();
  const source = createSource();
  const waiting = errorOf(source);
  await until(() => plugin.pids().length === 2 && report.lines.length === 1);
  source.close();
  assert.equal((await waiting).message, `exec: executable ${plugin.path} was stopped`);
  await until(() => !plugin.pids().some(isAlive));
  assert.deepEqual(report.refreshes, []);
  assert.match((await errorOf(source)).message, /no longer in use$/);
  assert.equal(plugin.runs(), 1);
});

describe('exec plugins of many clusters', () => {
  /** Plugins that write a line when they start, and end when the test says so. */
  async function waiting() {
    const log = join(plugin.directory, 'starts');
    const gate = join(plugin.directory, 'gate');
    const script = join(plugin.directory, 'waits');
    const answer = JSON.stringify({
      ...{ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 't' } },
    });
    await writeFile(log, '');
    await writeFile(
      script,
      `#!/bin/sh\necho "$1" >>'${log}'\nwhile [ ! -e '${gate}' ]; do sleep 0.05; done\necho '${answer}'\n`,
    );
    await chmod(script, 0o755);
    return {
      get: (name: string, more: Partial<ExecSourceOptions> = {}) => {
        const server = `https://${name.replace(/ .*/, '')}.test`;
        const source = createSource(plugin.exec({ command: script, args: [name] }), { server, ...more });
        return { source, error: (async () => source.get())().then(() => undefined, String) };
      },
      started: () => readFileSync(log, 'utf8').split('\n').slice(0, -1),
      release: () => writeFile(gate, ''),
    };
  }

  it('run at most 8 at a time, and all run in the end', async () => {
    const { get, started, release } = await waiting();
    const errors = Array.from({ length: 20 }, (_, index) => get(`cluster-${index}`).error);
    await until(() => started().length >= 8);
    await sleep(200);
    assert.equal(started().length, 8);
    await release();
    assert.deepEqual(await Promise.all(errors), Array(20).fill(undefined));
    assert.equal(started().length, 20);
  });

  it('leave turns to other clusters, however many contexts one has', async () => {
    const { get, started, release } = await waiting();
    const errors = Array.from({ length: 20 }, (_, index) => get(`busy ${index}`).error);
    await until(() => started().length >= 4);
    errors.push(get('other').error);
    await until(() => started().includes('other'));
    assert.equal(started().length, 5);
    await release();
    await Promise.all(errors);
  });

  it('fail if their turn does not come within their time limit, or their context goes first; then they never run', async () => {
    const { get, started, release } = await waiting();
    const running = Array.from({ length: 8 }, (_, index) => get(`cluster-${index}`).error);
    await until(() => started().length === 8);
    const late = get('late', { timeout: 100 });
    const gone = get('gone');
    assert.match(String(await late.error), /was not started within 0\.1 s, because other plugins run$/);
    gone.source.close();
    const early = get('early');
    early.source.close();
    for (const { error } of [gone, early]) assert.match(String(await error), /was stopped$/);
    await release();
    assert.deepEqual(await Promise.all(running), Array(8).fill(undefined));
    assert.equal(await get('next').error, undefined);
    for (const name of ['late', 'gone', 'early']) assert.ok(!started().includes(name), name);
  });

  it('have one time limit, from before their turn comes', async t => {
    const { get, started, release } = await waiting();
    const running = Array.from({ length: 8 }, (_, index) => get(`cluster-${index}`));
    await until(() => started().length === 8);
    const timers = t.mock.method(globalThis, 'setTimeout');
    const late = get('late', { timeout: 50_000 });
    running[0]?.source.close();
    await until(() => started().includes('late'));
    const limits = timers.mock.calls.map(({ arguments: [, time] }) => Number(time));
    assert.deepEqual(
      limits.filter(time => time > 5_000),
      [50_000],
    );
    await release();
    assert.equal(await late.error, undefined);
    await Promise.all(running.map(({ error }) => error));
  });
});
