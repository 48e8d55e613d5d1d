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
import { assertStatus, send } from '../leg.js';

const quoted = 'quo"ted\\name';
const clusters = await startManyClusters(
  { after },
  { edit: (config, { two }) => addContext(config, quoted, two) },
);
const [many, single] = await Promise.all([
  startManyStack({ after }, { clusters, run: startInProcess }),
  startInProcess({ after }, [`--kubeconfig=${clusters.kubeconfig}`]),
]);

const requestsTotal = 'kube_api_proxy_requests_total';
const exec = '/api/v1/namespaces/default/pods/web-0/exec';

/** The values that a label has in the proxy's own samples. */
async function labelValues(port: number, label: string): Promise<Set<string>> {
  const samples = await scrapeOwn(port);
  return new Set(samples.flatMap(({ labels }) => (label in labels ? [labels[label] as string] : [])));
}

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
    for (const value of await labelValues(many.port, 'cluster')) assert.ok(known.has(value), value);
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

test('without --all-contexts no metric and no log line has a cluster', async () => {
  assert.equal((await sendPlain(single.port, which)).status, 200);
  assertStatus(await send(single.port, { target: exec }), 403, 'exec');
  assert.deepEqual(await labelValues(single.port, 'cluster'), new Set());
  const requests = () => single.log().filter(({ path }) => path !== undefined);
  await eventuallyPasses(() => assert.ok(requests().length > 0));
  const lines = requests();
  for (const line of lines) assert.ok(!('cluster' in line), JSON.stringify(line));
});
