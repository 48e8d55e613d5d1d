import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { isInstalled } from '../../support/installed.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  addContext,
  arn,
  mountOf,
  startManyClusters,
  startManyStack,
  which,
} from '../../support/proxy/many-clusters.js';
import { scrapeOwn, sumOf } from '../../support/proxy/own-metric.js';
import { send } from '../leg.js';

const quoted = 'quo"ted\\name';
const clusters = await startManyClusters(
  { after },
  { edit: (config, { two }) => addContext(config, quoted, two) },
);
const many = await startManyStack({ after }, { clusters, run: startInProcess });

const requestsTotal = 'kube_api_proxy_requests_total';

describe('the program with --all-contexts', () => {
  test('has the context’s name in the metrics of requests, at / that of the current one', async () => {
    const names = ['one', 'a', 'two', arn, quoted];
    for (const name of names) {
      for (let count = 0; count < 2; count += 1) {
        assert.equal((await sendPlain(many.port, `${mountOf(name)}${which}`)).status, 200, name);
      }
    }
    assert.equal((await sendPlain(many.port, which)).status, 200);
    await eventuallyPasses(async () => {
      const samples = await scrapeOwn(many.port);
      for (const name of names) {
        const label = name === quoted ? 'quo\\"ted\\\\name' : name;
        assert.equal(
          sumOf(samples, requestsTotal, { cluster: label, verb: 'get', code: '200' }),
          name === 'one' ? 3 : 2,
          name,
        );
      }
    });
  });

  test('puts no name that a client invents into a label or a field', async () => {
    const madeUp = ['made-up-1', 'made-up-2', 'ONE', 'a%0ab', encodeURIComponent('x"} 1\nevil 2')];
    for (const name of madeUp) {
      for (const leg of ['plain', 'websocket'] as const) {
        const { code } = await send(many.port, { leg, target: `/clusters/${name}${which}` });
        assert.ok([400, 404].includes(code), `${name}: ${code}`);
      }
    }
    await eventuallyPasses(() => {
      const told = many.proxy.log().filter(({ path }) => String(path).includes('made-up-2'));
      assert.ok(told.length > 0, 'they are logged');
    });
    const known = new Set([...clusters.contexts(), '', 'quo\\"ted\\\\name']);
    for (const { labels } of await scrapeOwn(many.port))
      assert.ok(known.has(labels['cluster'] ?? ''), labels['cluster']);
    for (const line of many.proxy.log()) {
      const { cluster } = line;
      const isOfStart = cluster === 'cluster of one';
      assert.ok(
        cluster === undefined || isOfStart || known.has(String(cluster)) || cluster === quoted,
        String(cluster),
      );
    }
  });

  test('has metrics without problems, says promtool', {
    skip: !isInstalled('promtool') && 'promtool is not installed',
  }, async () => {
    const { text } = await sendPlain(many.port, '/-/metrics');
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    });
    assert.equal(`${stdout}${stderr}`, '');
    assert.equal(status, 0);
  });
});
