import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Components } from '../../src/app/components.js';

it('components start in the order in which they were added, and close one after the other in the reverse order, once', async () => {
  const steps: string[] = [];
  const components = new Components();
  for (const name of ['file', 'server']) {
    components.add({
      start: () => steps.push(`${name} starts`),
      async close() {
        steps.push(`${name} closes`);
        await new Promise(resolve => setImmediate(resolve));
        steps.push(`${name} is closed`);
      },
    });
  }
  components.add({ close: () => void steps.push('timer closes') });
  components.start();
  await Promise.all([components.close(), components.close()]);
  await components.close();
  assert.deepEqual(steps, [
    'file starts',
    'server starts',
    'timer closes',
    'server closes',
    'server is closed',
    'file closes',
    'file is closed',
  ]);
});
