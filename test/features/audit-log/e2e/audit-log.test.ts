import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, renameSync, statSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { clientRequests, toBytes } from '../../../e2e/leg.js';
import { open, send } from '../../../support/clients/http-client.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { jsonLines } from '../../../support/json-lines.js';
import type { ServerEvent } from '../../../support/kube-apiserver/audit-log.js';
import { type RunningProgram, startInProcess } from '../../../support/proxy/in-process.js';
import { ownMetric } from '../../../support/proxy/own-metric.js';
import { type ProxyProcess, startProxy, writeAdminKubeconfig } from '../../../support/proxy/proxy.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

type Event = ServerEvent & Record<string, unknown>;

const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const exec = '/api/v1/namespaces/default/pods/web-0/exec?command=id&stdout=true';

const server = await startFakeApiServer();
const kubeconfig = await writeAdminKubeconfig(server);
after(async () => {
  await server.kill();
});

interface Audited<P extends RunningProgram> {
  readonly proxy: P;
  readonly port: number;
  readonly path: string;
  readonly events: () => Event[];
}

function flags(path: string, more: readonly string[]): string[] {
  return [`--kubeconfig=${kubeconfig.path}`, `--audit-log-path=${path}`, '--reject-paths=/attach', ...more];
}

/** The program in this process, with an audit log in its own folder. */
async function start(t: TestContext, args: readonly string[] = []): Promise<Audited<RunningProgram>> {
  const path = join(temporaryFolder(), 'audit.log');
  const proxy = await startInProcess(t, flags(path, args));
  return { proxy, port: proxy.port, path, events: () => parse(readFileSync(path, 'utf8')) };
}

/** The built program, for tests of signals, output and limits of a process. */
async function startBuilt(
  t: TestContext,
  args: readonly string[] = [],
  { path = join(temporaryFolder(), 'audit.log'), under }: { path?: string; under?: readonly string[] } = {},
): Promise<Audited<ProxyProcess>> {
  const proxy = await startProxy(flags(path, args), {}, under);
  t.after(() => proxy.stop('SIGKILL'));
  return { proxy, port: proxy.port, path, events: () => parse(readFileSync(path, 'utf8')) };
}

/** Reads the events; every line must be a whole Event. */
function parse(text: string): Event[] {
  assert.ok(
    text === '' || text.endsWith('\n'),
    `the last line is whole: ${JSON.stringify(text.slice(-200))}`,
  );
  return jsonLines<Event>(text);
}

/** Waits until the file has this number of events. While it is being written, it can end in the middle of a line. */
function untilEvents(events: () => Event[], count: number): Promise<Event[]> {
  return eventuallyPasses(() => {
    const found = events();
    assert.ok(found.length >= count, `${count} events: ${JSON.stringify(found)}`);
    return found;
  });
}

const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete'];
const stagesOf = (events: readonly Event[]) => events.map(({ stage }) => stage);

test('each plain request is one event with the caller, the request and the result, and requests to the proxy itself are in none', async t => {
  const { proxy, port, events, path } = await start(t);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const started = Date.now();
  await send(port, '/apis/apps/v1/namespaces/default/deployments/web?pretty=true', {
    headers: { 'user-agent': 'kubectl/v1.32.0', 'x-forwarded-for': '198.51.100.7, 127.0.0.9' },
  });
  const [event, ...more] = await untilEvents(events, 1);
  assert.ok(event !== undefined);
  assert.deepEqual(more, []);
  const { auditID, requestReceivedTimestamp, stageTimestamp, ...rest } = event;
  assert.deepEqual(rest, {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    stage: 'ResponseComplete',
    requestURI: '/apis/apps/v1/namespaces/default/deployments/web?pretty=true',
    verb: 'get',
    user: {},
    sourceIPs: ['198.51.100.7', '127.0.0.9', '127.0.0.1'],
    userAgent: 'kubectl/v1.32.0',
    objectRef: {
      resource: 'deployments',
      namespace: 'default',
      name: 'web',
      apiGroup: 'apps',
      apiVersion: 'v1',
    },
    responseStatus: { metadata: {}, code: 200 },
    annotations: { 'kube-api-proxy/unverified-source-ips': 'true' },
  });
  for (const time of [requestReceivedTimestamp, stageTimestamp])
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const received = Date.parse(requestReceivedTimestamp as string);
  assert.ok(received >= started - 5 && received <= Date.parse(stageTimestamp as string));
  const [sent] = clientRequests(server).slice(-1);
  assert.equal(sent?.headers['audit-id'], auditID, 'the API server has it under the same id');

  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'audited' } });
  const configMaps = '/api/v1/namespaces/team-0/configmaps';
  await send(port, configMaps, { method: 'POST', body, headers: json });
  await send(port, `${configMaps}/audited`, { method: 'DELETE' });
  await send(port, '/version', { method: 'POST' });
  await send(port, '/-/livez');
  await send(port, '/-/metrics');
  await proxy.stop();
  const others = events().slice(1);
  assert.deepEqual(
    others.map(({ verb, requestURI, responseStatus }) => `${verb} ${requestURI} ${responseStatus?.code}`),
    [`create ${configMaps} 201`, `delete ${configMaps}/audited 200`, 'post /version 405'],
  );
  assert.deepEqual(new Set(stagesOf(others)), new Set(['ResponseComplete']));
  assert.equal(new Set([event, ...others].map(({ auditID: id }) => id)).size, 4);
});

test('a watch has three events, whichever side ends it, and a clean exit loses none on standard output, which has nothing else', async t => {
  const { proxy, port } = await startBuilt(t, [], { path: '-' });
  const events = () => parse(proxy.stdout());
  (await open(port, quietWatch)).destroy();
  await untilEvents(events, 3);
  await send(port, `${quietWatch}&timeoutSeconds=1`);
  const watch = await open(port, quietWatch);
  watch.on('error', () => {});
  const upgrade = await connectRaw(port);
  t.after(() => upgrade.destroy());
  upgrade.write(toBytes({ leg: 'spdy', target: exec.replace('command=id', 'command=sh') }));
  await upgrade.until(/ 101 /);
  assert.equal((await proxy.stop()).code, 0);
  const all = events();
  const ids = new Set(all.map(({ auditID }) => auditID));
  assert.equal(ids.size, 4);
  for (const id of ids) assert.deepEqual(stagesOf(all.filter(({ auditID }) => auditID === id)), stages);
  for (const line of proxy.stderr().trimEnd().split('\n')) JSON.parse(line);
  const told = proxy.log().filter(({ msg }) => msg === `Starting to serve on 127.0.0.1:${port}`);
  assert.deepEqual(
    told.map(({ level }) => level),
    [30],
  );
});

test('a rejected request is in the audit log with the rule and the Status, on every leg', async t => {
  const { port, events } = await start(t);
  const attach = '/api/v1/namespaces/default/pods/web-0/attach';
  const answers = new Map<string, string>();
  for (const leg of ['plain', 'spdy', 'websocket'] as const) {
    const connection = await connectRaw(port);
    connection.write(toBytes({ leg, target: attach }));
    answers.set(leg, await connection.untilClosed());
    connection.destroy();
  }
  await send(port, '/api/v1/%2e%2e/pods');
  await send(port, '/api/v1/pods', { headers: { host: 'evil.example' } });
  const all = await untilEvents(events, 3 * 2 + 2);
  const complete = all.filter(({ stage }) => stage === 'ResponseComplete');
  const rules = complete.map(({ annotations, responseStatus }) => [
    annotations?.['kube-api-proxy/rejected-by'],
    responseStatus?.code,
  ]);
  assert.deepEqual(
    rules.sort(),
    [...Array.from({ length: 3 }, () => ['path', 403]), ['bad_request', 400], ['host', 403]].sort(),
  );
  const message = 'the path is refused by --reject-paths; change that list to allow it';
  const refused = { metadata: {}, status: 'Failure', message, reason: 'Forbidden', code: 403 };
  for (const { requestURI, responseStatus } of complete)
    if (requestURI === attach) assert.deepEqual(responseStatus, refused);
  for (const [leg, answer] of answers) {
    const id = /^audit-id: (.*)\r$/im.exec(answer)?.[1];
    assert.ok(
      complete.some(({ auditID }) => auditID === id),
      `${leg}: the client is told the id`,
    );
  }
});

test('the audit log contains no token, wherever a client puts one', async t => {
  const { port, path, events, proxy } = await start(t, ['--token=S3CRET-configured']);
  const secret = 'S3CRET';
  await send(port, `/version?access_token=${secret}&a=b`, { headers: { authorization: `Bearer ${secret}` } });
  await send(port, `/version?ACCESS%5FTOKEN=${secret}`, { headers: { cookie: secret } });
  for (const target of [`/version?x;access_token=${secret}`, `http://user:${secret}@localhost/version`]) {
    const connection = await connectRaw(port);
    connection.write(toBytes({ target, headers: [`Authorization: Basic ${secret}`] }));
    await connection.untilClosed();
  }
  const upgrade = await connectRaw(port);
  upgrade.write(
    toBytes({
      leg: 'websocket',
      target: `${exec}&token=${secret}`,
      headers: [`Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${secret}`],
    }),
  );
  await upgrade.until(/^HTTP\/1\.1 \d{3} /);
  upgrade.destroy();
  await untilEvents(events, 6);
  await proxy.stop();
  const lines = readFileSync(path, 'utf8');
  assert.doesNotMatch(lines, /S3CRET/);
  assert.match(lines, /access_token=REDACTED&a=b/);
});

describe('the file of the audit log', () => {
  function assertAll(events: readonly Event[], count: number): void {
    const numbers = events.map(({ requestURI }) => Number(/number=(\d+)/.exec(requestURI)?.[1]));
    assert.equal(numbers.length, count);
    assert.equal(new Set(numbers).size, count);
  }

  test('on a full disk blocks no request, is counted and logged; a cut line is completed first, there or in the next file', async t => {
    // A limit for the size of a file is like a full disk.
    const { proxy, port, path } = await startBuilt(t, [], {
      under: ['sh', '-c', 'trap "" XFSZ; ulimit -S -f 32; exec "$@"', 'sh'],
    });
    const agent = new http.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    let count = 0;
    const ask = async () => {
      const { status } = await send(port, `/version?number=${count}&filler=${'x'.repeat(300)}`, { agent });
      assert.equal(status, 200);
      count += 1;
    };
    const errors = async () => (await ownMetric(port, 'kube_api_proxy_audit_errors_total')) ?? 0;
    const logged = (text: string) => proxy.log().filter(({ msg }) => String(msg).startsWith(text));
    const limit = (size: number) =>
      execFileSync('prlimit', [`--pid=${proxy.process.pid}`, `--fsize=${size}:`]);
    const fill = async (time: number) => {
      const before = await errors();
      while ((await errors()) === before) await ask();
      for (let more = 0; more < 5; more++) await ask();
      await eventually('further attempts', async () => (await errors()) >= before + 3);
      const lines = readFileSync(path, 'utf8').split('\n');
      assert.ok(lines.length > 1 && lines.length <= count, `${lines.length - 1} of ${count} lines`);
      assert.notEqual(lines.at(-1), '', 'the disk has cut a line');
      await eventually('the line', () => logged('cannot write the audit log').length >= time);
      const told = logged('cannot write the audit log');
      assert.equal(told.length, time, 'it is said once');
      assert.equal((told.at(-1)?.['err'] as { code: string } | undefined)?.code, 'EFBIG');
    };
    const untilRecovered = (time: number) =>
      eventually('the line that it is written again', () => {
        return logged('the audit log can be written again').length === time;
      });
    await fill(1);
    limit(2 * statSync(path).size);
    await untilRecovered(1);
    await fill(2);
    renameSync(path, `${path}.1`);
    proxy.process.kill('SIGHUP');
    await untilRecovered(2);
    await proxy.stop();
    const full = readFileSync(`${path}.1`, 'utf8');
    const whole = full.slice(0, full.lastIndexOf('\n') + 1);
    assertAll([...parse(whole), ...parse(readFileSync(path, 'utf8'))], count);
    assert.equal(proxy.log().filter(({ msg }) => /lost/.test(String(msg))).length, 0);
  });

  test('may be renamed while the program starts: neither SIGHUP nor SIGUSR2 ends it', async t => {
    const parent = temporaryFolder();
    const [fifo, pid] = [join(parent, 'kubeconfig'), join(parent, 'pid')];
    execFileSync('mkfifo', [fifo]);
    // The shell waits until the program reads its kubeconfig.
    const signals = `kill -HUP $(cat ${pid}); kill -USR2 $(cat ${pid}); sleep 0.2`;
    const writer = execFile('sh', ['-c', `exec 3>${fifo}; ${signals}; cat ${kubeconfig.path} >&3`]);
    t.after(() => writer.kill());
    const { port } = await startBuilt(t, [`--kubeconfig=${fifo}`], {
      under: ['sh', '-c', `echo $$ > ${pid}; exec "$@"`, 'sh'],
    });
    assert.equal((await send(port, '/version')).status, 200);
  });

  test('is not needed for SIGHUP, which then ends the program', async t => {
    const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`]);
    t.after(() => proxy.stop('SIGKILL'));
    assert.equal((await proxy.stop('SIGHUP')).code, 0);
  });
});
