import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertStatus, send } from '../../../e2e/leg.js';
import { eventually } from '../../../support/eventually.js';
import { jsonLines } from '../../../support/json-lines.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import {
  arn,
  mountOf,
  startManyClusters,
  startManyStack,
  which,
} from '../../../support/proxy/many-clusters.js';

interface Event {
  readonly requestURI: string;
  readonly stage: string;
  readonly objectRef?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly responseStatus?: { readonly code: number };
}

const clusters = await startManyClusters({ after });
const file = join(clusters.folder, 'audit.log');
const many = await startManyStack(
  { after },
  { clusters, run: startInProcess, flags: [`--audit-log-path=${file}`] },
);

const exec = '/api/v1/namespaces/default/pods/web-0/exec';

/** The last events of all requests with this text, once there is this number of them. */
async function completed(text: string, count: number): Promise<readonly Event[]> {
  let found: Event[] = [];
  await eventually(`${count} events of ${text}`, () => {
    found = jsonLines<Event>(readFileSync(file, 'utf8')).filter(
      ({ requestURI, stage }) => requestURI.includes(text) && stage === 'ResponseComplete',
    );
    return found.length === count;
  });
  return found;
}

/** The cluster that an event's annotations name. */
function clusterOf({ annotations = {} }: Event): string | undefined {
  return Object.entries(annotations).find(([key]) => /(^|\/)cluster$/.test(key))?.[1];
}

test('an event names the cluster of its request on both legs, even of a rejected one', async () => {
  for (const [mount, cluster] of [
    ['', 'one'],
    ['/clusters/a', 'a'],
    [mountOf(arn), arn],
  ] as const) {
    const mark = `seen-at-${cluster.length}.`;
    assert.equal((await send(many.port, { target: `${mount}${which}?${mark}` })).code, 200);
    for (const leg of ['plain', 'websocket', 'spdy'] as const)
      assertStatus(await send(many.port, { leg, target: `${mount}${exec}?${mark}` }), 403, leg);
    const found = await completed(mark, 4);
    assert.deepEqual(
      found
        .map(event => [
          ...[clusterOf(event), event.objectRef?.['namespace'], event.objectRef?.['resource']],
          ...[event.objectRef?.['subresource'], event.responseStatus?.code],
        ])
        .sort(),
      [
        [cluster, 'default', 'configmaps', undefined, 200],
        ...Array.from({ length: 3 }, () => [cluster, 'default', 'pods', 'exec', 403]),
      ],
    );
  }
});

test('no event names a cluster that a client invents', async () => {
  const names = ['1', '2', 'ONE', 'a%0ab', encodeURIComponent('x"} 1\nevil 2'), '..%2f3'];
  for (const name of names) {
    for (const leg of ['plain', 'websocket'] as const)
      await send(many.port, { leg, target: `/clusters/${name}/version?made-up` });
  }
  for (const event of await completed('made-up', 2 * names.length))
    assert.equal(clusterOf(event), undefined, event.requestURI);
});
