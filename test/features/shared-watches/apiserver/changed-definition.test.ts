import assert from 'node:assert/strict';
import { send } from '../../../support/clients/http-client.js';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import { type JsonEvent, openWatch } from '../../../support/clients/watch-client.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { apiServerTest } from '../../../support/kube-apiserver/api-server-test.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { forms, queryOf } from '../../../support/proxy/watched-namespace.js';
import { version, Widgets } from './widgets.js';

/** The columns of a Table. */
const names = (table: unknown) =>
  (table as JsonEvent['object']).columnDefinitions?.map(nameOf).join() ?? null;

const nameOf = (column: unknown) => (column as { readonly name: string }).name;

apiServerTest(
  'Table watches end when the columns or versions of their CustomResourceDefinition change, and the next ones have the new columns',
  async (t, server) => {
    const widgets = new Widgets(server, await server.createNamespace());
    await widgets.define(version('v1', { columns: ['Colour'] }));
    const both = ['Colour', 'Size'];
    const kubeconfig = await server.kubeconfig();
    const [plain, sharing] = await Promise.all([
      startInProcess(t, [`--kubeconfig=${kubeconfig}`]),
      startInProcess(t, [`--kubeconfig=${kubeconfig}`, '--share-watches']),
    ]);
    const headers = { Accept: forms.table };

    /** Opens a watch, as client-go does: the API server answers 429 while its new cache is not ready. */
    const open = async (url: string) => {
      const watch = await eventuallyPasses(async () => {
        const asked = await openWatch(url, { headers });
        assert.notEqual(asked.status, 429);
        return asked;
      });
      assert.equal(watch.status, 200);
      return watch;
    };

    /** Lists by watching once alone and twice shared, and checks the columns of the first event, which is the only one with columns. */
    const listByWatching = async (of: string, columns: string) => {
      const target = `${widgets.path(of)}?${queryOf({ initial: true }, '')}`;
      const watches = await Promise.all([plain, sharing, sharing].map(({ url }) => open(url + target)));
      for (const watch of watches) {
        await untilListed(watch);
        const [first, ...others] = watch.events().map(({ object }) => names(object));
        assert.equal(first, columns);
        assert.deepEqual(
          others.filter(one => one !== null),
          [],
        );
      }
      return watches;
    };

    /** Lists and watches once alone and twice shared, and checks the columns of both, and that the next object is all that comes. */
    const watchAll = async (of: string, columns: string, next: string) => {
      const listed = await listByWatching(of, columns);
      const watches = await Promise.all(
        [plain, sharing, sharing].map(async ({ url, port }) => {
          const { json } = await send(port, widgets.path(of), { headers });
          assert.equal(names(json), columns);
          const { resourceVersion } = (json as JsonEvent['object']).metadata;
          return open(`${url}${widgets.path(of)}?watch=true&resourceVersion=${resourceVersion}`);
        }),
      );
      await widgets.create(next, of);
      for (const watch of watches) {
        await watch.untilNamed(`"${next}"`);
        const events = watch.events();
        assert.deepEqual(
          events.map(({ type, object }) => [type, object.rows?.[0]?.cells[0], names(object)]),
          [['ADDED', next, columns]],
        );
      }
      for (const watch of listed) {
        await watch.untilNamed(`"${next}"`);
        assert.equal(shownChanges(watch).at(-1), `ADDED ${next}`);
        assert.equal(names(watch.events().at(-1)?.object), null);
      }
      return { watches, listed };
    };

    /** All watches end. The API server builds a new cache for each change, so that a shared watch finds its version too old. */
    const assertEnd = async ({ watches, listed }: Awaited<ReturnType<typeof watchAll>>) => {
      for (const [alone, ...shared] of [watches, listed]) {
        assert.equal(await alone?.ended, 'end');
        for (const watch of shared) {
          assert.equal(await watch.ended, 'end');
          const last = watch.events().at(-1);
          assert.deepEqual([last?.type, last?.object.code], ['ERROR', 410]);
        }
      }
      for (const watch of watches.slice(1)) assert.equal(watch.frames().length, 2);
    };

    const first = await watchAll('v1', 'Name,Colour', 'one');
    await widgets.define(version('v1', { columns: both }));
    await assertEnd(first);
    const second = await watchAll('v1', 'Name,Colour,Size', 'two');
    await widgets.define(version('v1', { columns: both }), version('v2', { columns: ['Size'] }));
    await assertEnd(second);
    const third = await watchAll('v1', 'Name,Colour,Size', 'three');
    await widgets.define(
      version('v1', { columns: both, served: false }),
      version('v2', { columns: ['Size'] }),
    );
    for (const watch of [...third.watches, ...third.listed]) assert.equal(await watch.ended, 'end');
    for (const { url } of [plain, sharing]) {
      assert.equal((await openWatch(`${url}${widgets.path('v1')}?watch=true`, { headers })).status, 404);
    }
    const fourth = await watchAll('v2', 'Name,Size', 'four');
    for (const watch of [...fourth.watches, ...fourth.listed]) watch.close();
  },
);
