import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { startGateway, twoUsers } from '../support/gateway.js';
import { open, send } from '../support/http-client.js';
import { type ProxyProcess, runProgram } from '../support/proxy.js';

import { workersOf } from './worker-probe.js';

const users = ['alice', 'bob'] as const;
/** The resource that each user may list. */
const paths = { alice: '/api/v1/namespaces/default/pods', bob: '/api/v1/namespaces/default/configmaps' };

interface Event {
  readonly auditID: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly user: { readonly username?: string };
  readonly responseStatus?: { readonly code?: number };
}

function bearer(user: string) {
  return { headers: { authorization: `Bearer ${user}-token` } };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'audit-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Scrapes the admin listener until it has this line. */
async function untilMetric(proxy: ProxyProcess, line: string): Promise<void> {
  const listener = () => proxy.log().find(({ msg }) => msg === 'admin listener');
  await eventually('the admin listener', () => listener() !== undefined);
  const port = Number(/\d+$/.exec(listener()?.['address'] as string)?.[0]);
  await eventually(line, async () => (await send(port, '/metrics')).text.includes(`\n${line}\n`));
}

/** Reads the events; every line must be a whole Event. */
function eventsIn(path: string): Event[] {
  const text = readFileSync(path, 'utf8');
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is whole');
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Event);
}

describe('limits and audit of several workers', { concurrency: true }, () => {
  test('workers apply the limits together, each with its part', async t => {
    const { proxy } = await startGateway(t, {
      tokenFile: twoUsers,
      args: [
        ...['--workers=2', '--admin-port=0', '--admin-address=127.0.0.1'],
        ...['--max-longrunning-requests=3', '--max-longrunning-requests-per-user=2'],
      ],
    });
    // Connections go to the workers in turn, and alice has one slot in each.
    for (let watch = 0; watch < 2; watch += 1) {
      const answer = await open(proxy.port, `${paths.alice}?watch=1`, bearer('alice'));
      t.after(() => answer.destroy());
      assert.equal(answer.statusCode, 200);
    }
    await untilMetric(proxy, 'kube_api_proxy_request_slots_in_use{kind="longrunning"} 2');
    const refused = await send(proxy.port, `${paths.alice}?watch=1`, bearer('alice'));
    assert.equal(refused.status, 429);
    assert.match(
      refused.text,
      /--max-longrunning-requests-per-user \(2, 1 for each of 2 workers\) allows; try again in 1 s/,
    );
    for (let watch = 0; watch < 2; watch += 1) {
      const answer = await open(proxy.port, `${paths.bob}?watch=1`, bearer('bob'));
      t.after(() => answer.destroy());
      assert.equal(answer.statusCode, 200);
    }
    // Three slots are two for each worker, rounded up, so there can be one more in total.
    await untilMetric(proxy, 'kube_api_proxy_request_slots_in_use{kind="longrunning"} 4');
    await untilMetric(proxy, 'kube_api_proxy_rejected_requests_total{reason="user_longrunning"} 1');
  });

  test('the events of all workers and users are whole lines of one file, through a SIGHUP and a SIGTERM', async t => {
    const path = join(folder(t), 'audit.log');
    const { proxy } = await startGateway(t, {
      tokenFile: twoUsers,
      args: ['--workers=3', `--audit-log-path=${path}`, '--audit-log-maxsize=0', '--rate-limit=0'],
    });
    const agents = Array.from({ length: 12 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
    t.after(() => {
      for (const agent of agents) agent.destroy();
    });
    const each = 60;
    let sent = 0;
    const sending = agents.map(async (agent, client) => {
      const user = users[client % 2] as (typeof users)[number];
      for (let turn = 0; turn < each; turn += 1) {
        // Longer than a pipe writes in one piece.
        const filler = turn % 10 === 0 ? 'x'.repeat(6000) : 'x';
        const target = `${paths[user]}?mark=${client}-${turn}&of=${user}&filler=${filler}`;
        assert.equal((await send(proxy.port, target, { ...bearer(user), agent })).status, 200);
        sent += 1;
      }
    });
    await eventually('half of the requests', () => sent > (agents.length * each) / 2);
    renameSync(path, `${path}.moved`);
    proxy.process.kill('SIGHUP');
    await Promise.all(sending);
    const watch = await open(proxy.port, `${paths.alice}?watch=1&mark=watch&of=alice`, bearer('alice'));
    watch.resume();
    assert.equal((await proxy.stop()).code, 0);

    assert.equal(statSync(path).mode & 0o777, 0o600);
    const events = [`${path}.moved`, path].flatMap(eventsIn);
    assert.ok(eventsIn(path).length > 0, 'the new file has the later ones');
    const ends = events.filter(({ stage }) => stage === 'ResponseComplete');
    const marks = ends.map(({ requestURI }) => /mark=([^&]*)/.exec(requestURI)?.[1]);
    assert.equal(ends.length, agents.length * each + 1);
    assert.equal(new Set(marks).size, ends.length);
    assert.equal(new Set(ends.map(({ auditID }) => auditID)).size, ends.length);
    for (const { user, requestURI, responseStatus } of ends) {
      assert.equal(user.username, /of=([^&]*)/.exec(requestURI)?.[1]);
      assert.equal(responseStatus?.code, 200);
    }
    const stages = events.filter(({ requestURI }) => requestURI.includes('mark=watch'));
    assert.deepEqual(
      stages.map(({ stage }) => stage),
      ['RequestReceived', 'ResponseStarted', 'ResponseComplete'],
    );
    const served = new Set(proxy.log().flatMap(({ msg, worker }) => (msg === 'request' ? [worker] : [])));
    assert.deepEqual([...served].sort(), [1, 2, 3]);
  });

  test('a file that cannot be written is reported once, and a worker that dies leaves the file to the others', async t => {
    const path = join(folder(t), 'nowhere', 'audit.log');
    const { stderr, code } = await runProgram(['--workers=2', '--port=0', `--audit-log-path=${path}`]);
    assert.equal(code, 1);
    assert.equal(stderr.match(/--audit-log-path: .*its folder does not exist/g)?.length, 1, stderr);

    const other = join(folder(t), 'audit.log');
    const { proxy } = await startGateway(t, {
      tokenFile: twoUsers,
      args: ['--workers=2', `--audit-log-path=${other}`],
    });
    await eventually('both workers', () => workersOf(proxy).size === 2);
    const pid = workersOf(proxy).get(1) as number;
    process.kill(pid, 'SIGKILL');
    await eventually('the next one', () => ![undefined, pid].includes(workersOf(proxy).get(1)));
    for (let turn = 0; turn < 10; turn += 1)
      await send(proxy.port, `${paths.bob}?turn=${turn}`, bearer('bob'));
    await proxy.stop();
    assert.equal(eventsIn(other).length, 10);
  });
});
