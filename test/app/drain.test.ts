import assert from 'node:assert/strict';
import { it } from 'node:test';
import { drain } from '../../src/app/drain.js';
import { Deferred } from '../../src/lib/promises.js';

it('a shutdown cuts upgrades off after 80 % of its grace period, as all that is still open', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const steps: string[] = [];
  const begun = new Deferred();
  const end = new Deferred();
  const drained = drain(
    {
      beUnready: () => steps.push('unready'),
      app: {
        close() {
          begun.resolve();
          return end.promise;
        },
        server: { closeAllConnections: () => steps.push('connections cut') },
      },
      openStreams: { destroy: () => steps.push('streams cut') },
      close: async () => void steps.push('closed'),
    } as unknown as Parameters<typeof drain>[0],
    { delay: 0, grace: 10_000 },
  );
  await begun.promise;
  t.mock.timers.tick(7_999);
  assert.deepEqual(steps, ['unready']);
  t.mock.timers.tick(1);
  assert.deepEqual(steps, ['unready', 'streams cut', 'connections cut']);
  end.resolve();
  await drained;
  assert.equal(steps.at(-1), 'closed');
});
