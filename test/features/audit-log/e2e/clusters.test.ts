import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertStatus, send } from '../../../e2e/leg.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { jsonLines } from '../../../support/json-lines.js';
import type { ServerEvent } from '../../../support/kube-apiserver/audit-log.js';
import {
  arn,
  mountOf,
  startManyClusters,
  startManyStack,
  which,
} from '../../../support/proxy/many-clusters.js';

const clusters = await startManyClusters({ after });
const file = join(clusters.folder, 'audit.log');
const many = await startManyStack({ after }, { clusters, flags: [`--audit-log-path=${file}`] });

const exec = '/api/v1/namespaces/default/pods/web-0/exec';

/** The last events of all requests with this text, once there is this number of them, and the cluster that each names. */
async function completed(text: string, count: number) {
  return eventuallyPasses(() => {
    const events = jsonLines<ServerEvent>(readFileSync(file, 'utf8'));
    const found = events.filter(
      ({ requestURI, stage }) => requestURI.includes(text) && stage === 'ResponseComplete',
    );
    assert.equal(found.length, count, text);
    return found.map(({ objectRef, annotations = {}, responseStatus }) => ({
      ...{ objectRef, code: responseStatus?.code },
      cluster: Object.entries(annotations).find(([key]) => /(^|\/)cluster$/.test(key))?.[1],
    }));
  });
}

test('an event names the cluster of its request on both legs, even of a rejected one, and none that a client invents', async () => {
  for (const [mount, cluster] of [
    ['', 'one'],
    ['/clusters/a', 'a'],
    [mountOf(arn), arn],
  ] as const) {
    const mark = `seen-at-${cluster.length}.`;
    assert.equal((await send(many.port, { target: `${mount}${which}?${mark}` })).code, 200);
    for (const leg of ['plain', 'websocket', 'spdy'] as const)
      assertStatus(await send(many.port, { leg, target: `${mount}${exec}?${mark}` }), 403, leg);
    const [first, ...others] = (await completed(mark, 4)).sort(
      (one, other) => Number(one.code) - Number(other.code),
    );
    assert.deepEqual(
      [first?.cluster, first?.objectRef?.['resource'], first?.code],
      [cluster, 'configmaps', 200],
    );
    for (const { code, objectRef, cluster: named } of others)
      assert.deepEqual([named, objectRef?.['subresource'], code], [cluster, 'exec', 403]);
  }
  const names = ['1', '2', 'ONE', 'a%0ab', encodeURIComponent('x"} 1\nevil 2'), '..%2f3'];
  for (const name of names) {
    for (const leg of ['plain', 'websocket'] as const)
      await send(many.port, { leg, target: `/clusters/${name}/version?made-up` });
  }
  for (const { cluster } of await completed('made-up', 2 * names.length)) assert.equal(cluster, undefined);
});
