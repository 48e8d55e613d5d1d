import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { send } from '../support/http-client.js';
import { sample } from './credential-probe.js';
import { openWatches, sendMany, servedBy, start, workersOf } from './worker-probe.js';

describe('metrics of several workers', { concurrency: true }, () => {
  test('a scrape of any worker or of the admin listener includes all of them, in both formats', async t => {
    const { proxy } = await start(t, ['--workers=3', '--admin-port=0', '--admin-address=127.0.0.1']);
    const name = 'kube_api_proxy_requests_total';
    const labels = 'verb="get",group="",version="",resource="",subresource="",scope="",code="200"';
    const line = proxy.log().find(({ msg }) => msg === 'admin listener');
    const adminPort = Number(/\d+$/.exec(line?.['address'] as string)?.[0]);
    const agents = Array.from({ length: 9 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
    t.after(() => {
      for (const agent of agents) agent.destroy();
    });
    for (const agent of agents)
      for (let turn = 0; turn < 5; turn += 1) await send(proxy.port, '/version', { agent });
    assert.equal(servedBy(proxy, '/version').size, 3);
    for (let scrape = 0; scrape < 6; scrape += 1) {
      const { text } = await send(proxy.port, '/-/metrics');
      assert.match(text, new RegExp(`^${name}\\{${labels}\\} 45$`, 'm'));
      assert.match(text, /^kube_api_proxy_build_info\{.*\} 1$/m);
      assert.match(text, /^kube_api_proxy_config_last_reload_successful 1$/m);
      assert.match(text, /^kube_api_proxy_workers 3$/m);
      assert.match(text, /^kube_api_proxy_workers_unanswered 0$/m);
      const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(match => match[1]);
      assert.equal(new Set(names).size, names.length);
    }
    const admin = await send(adminPort, '/metrics', { headers: { accept: 'application/openmetrics-text' } });
    assert.match(admin.headers['content-type'] ?? '', /^application\/openmetrics-text; version=1\.0\.0/);
    assert.match(
      admin.text,
      new RegExp(`^# TYPE kube_api_proxy_requests counter\\n${name}\\{${labels}\\} 45$`, 'm'),
    );
    assert.match(admin.text, /\n# EOF\n$/);
    const memory = Number(/^process_resident_memory_bytes (\d+)/m.exec(admin.text)?.[1]);
    assert.ok(memory > 4 * 30e6, 'four processes');
  });

  test('counters do not decrease when a worker dies, and its open requests no longer count', async t => {
    const { proxy, server } = await start(t, ['--workers=2']);
    const requests = async () => {
      const { text } = await send(proxy.port, '/-/metrics');
      const values = [...text.matchAll(/^kube_api_proxy_requests_total\{.* (\d+)$/gm)];
      const open = [...text.matchAll(/^kube_api_proxy_longrunning_requests\{.* (\d+)$/gm)];
      const sum = (samples: RegExpMatchArray[]) =>
        samples.reduce((total, [, value]) => total + Number(value), 0);
      return { ended: sum(values), open: sum(open) };
    };
    const watches = await openWatches({ proxy, server }, 2);
    await sendMany(proxy.port, 20, '/version');
    const opened = [...watches.values()].flat().length;
    assert.deepEqual(await requests(), { ended: 20, open: opened });
    const [victim, pid] = [...workersOf(proxy)][0] as [number, number];
    process.kill(pid, 'SIGKILL');
    await eventually('its death', () => workersOf(proxy).get(victim) !== pid);
    const after = await requests();
    assert.equal(after.ended, 20);
    assert.equal(after.open, opened - (watches.get(victim)?.length ?? 0));
    await sendMany(proxy.port, 5, '/version');
    await eventually('its return', () => workersOf(proxy).has(victim));
    await sendMany(proxy.port, 5, '/version');
    assert.equal((await requests()).ended, 30);
    for (const watch of [...watches.values()].flat()) watch.close();
  });

  test('a blocked worker delays neither scrapes nor new connections', async t => {
    const { proxy } = await start(t, ['--workers=2']);
    await sendMany(proxy.port, 10, '/version');
    assert.ok((await send(proxy.port, '/-/metrics')).text.includes('code="200"} 10\n'));
    const pid = workersOf(proxy).get(1) as number;
    process.kill(pid, 'SIGSTOP');
    t.after(() => process.kill(pid, 'SIGCONT'));
    // One connection goes to the blocked worker before this is detected, and waits for it.
    let answered = 0;
    const sent = Array.from({ length: 10 }, async () => {
      await send(proxy.port, '/version');
      answered += 1;
    });
    await eventually('the answers of the other', () => answered === 9);
    const started = Date.now();
    const { text } = await send(proxy.port, '/-/metrics');
    assert.ok(Date.now() - started < 8000, `it took ${Date.now() - started} ms`);
    assert.match(text, /^kube_api_proxy_workers_unanswered 1$/m);
    const counted = Number(/code="200"\} (\d+)\n/.exec(text)?.[1]);
    assert.ok(counted >= 10, 'its last figures stand for it');
    process.kill(pid, 'SIGCONT');
    await Promise.all(sent);
    await eventually(
      'its answer',
      async () => (await sample(proxy, 'kube_api_proxy_workers_unanswered')) === 0,
    );
  });
});
