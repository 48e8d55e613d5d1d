import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster } from '../../../src/clusters/cluster.js';
import { readAskedNamespaces } from '../../../src/features/visible-namespaces/asked-namespaces.js';
import { OwnNamespaces, RecentLists } from '../../../src/features/visible-namespaces/own-namespaces.js';
import { readShownList } from '../../../src/features/visible-namespaces/shown-list.js';
import { Viewer } from '../../../src/features/visible-namespaces/viewer.js';
import { ManualClock } from '../../support/manual-clock.js';
import { answeringPool } from '../../support/transport/answering-pool.js';
import { accessTo, endpoint, onlySource } from '../../support/transport/upstream-requests.js';

const all = Array.from({ length: 1_000 }, (_, at) => ({ name: `n${at}`, uid: `u${at}` }));
const named = (names: string) => `?labelSelector=kubernetes.io/metadata.name in (${names})`;
const namesOf = (count: number) =>
  all
    .slice(0, count)
    .map(({ name }) => name)
    .join();
const few = namesOf(3);
const first = all.slice(0, 3);

interface Case {
  /** The user may get so many of the thousand. */
  readonly visible: number;
  readonly query?: string;
  readonly canName?: boolean;
  /** Those that the API server has when it is asked. */
  readonly listed?: typeof all;
  readonly asks: string;
  /** Of the first list, and of the next one. */
  readonly reviews: readonly [number, number];
  readonly shows?: string;
}

test('of a thousand namespaces, only those come to the proxy that a user may get, if they are few', async () => {
  const cases: readonly Case[] = [
    { visible: 3, asks: named(few), reviews: [1_000, 0] },
    { visible: 0, asks: named(''), reviews: [1_000, 0], shows: '' },
    {
      visible: 3,
      query: 'resourceVersion=0&limit=1',
      asks: `${named(few)}&resourceVersion=0`,
      reviews: [1_000, 0],
    },
    // The next list of one who may get many is about its rows.
    { visible: 51, asks: '', reviews: [1_000, 0], shows: namesOf(51) },
    // What is selected anyway costs only the reviews of its rows.
    { visible: 3, query: 'labelSelector=a', listed: first, asks: '?labelSelector=a', reviews: [3, 0] },
    { visible: 3, query: 'fieldSelector=a%3Db', listed: first, asks: '?fieldSelector=a=b', reviews: [3, 0] },
    // The namespaces do not have their names as labels, or new ones may be there.
    { visible: 3, canName: false, asks: '', reviews: [1_000, 0] },
    // One that is made again is another one.
    {
      visible: 3,
      listed: [{ name: 'n1', uid: 'new' }, ...all.slice(2)],
      asks: named(few),
      reviews: [1_000, 0],
      shows: 'n2',
    },
  ];
  for (const { visible, query = '', canName = true, listed = all, asks, reviews, shows = few } of cases) {
    const paths: string[] = [];
    const pool = answeringPool(({ path }) => {
      paths.push(decodeURIComponent(path));
      const items = listed.map(row => ({ metadata: { ...row, resourceVersion: '5' } }));
      return { status: 200, body: { kind: 'NamespaceList', metadata: { resourceVersion: '7' }, items } };
    });
    const cluster = { host: 'api', ...onlySource(accessTo(pool)) } as unknown as Cluster;
    const asked = readAskedNamespaces(false, query, []);
    const own = new OwnNamespaces(cluster, asked, { judgedFor: endpoint }, new RecentLists());
    let asking = 0;
    const ask = async (_viewer: Viewer, name: string) => {
      asking += 1;
      return Number(name.slice(1)) < visible;
    };
    const user = { username: 'ann', uid: undefined, groups: [], extra: new Map() };
    const viewer = new Viewer('ann', user, { ask, remembered() {} }, new ManualClock(0));
    const filtered = { namespaces: all, canName: () => canName } as never;
    const counts: number[] = [];
    for (let count = 0; count < 2; count += 1) {
      asking = 0;
      const { list, visible } = await readShownList({ asked, own, viewer, filtered });
      counts.push(asking);
      const shown = list.rows.filter(({ id }) => visible.has(id)).map(({ name }) => name);
      assert.equal(shown.join(), shows, asks);
    }
    const path = `/api/v1/namespaces${asks}`;
    assert.deepEqual([paths, counts], [[path, path], reviews], asks);
  }
});
