import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { scriptArguments } from '../../support/project.js';

describe('while nothing traces,', () => {
  // In a process of its own: what others have run decides how V8 compiles the code, and how long objects are counted.
  const printed = execFileSync(process.execPath, scriptArguments('features/tracing/allocations'), {
    encoding: 'utf8',
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const { bytes, objects } = JSON.parse(printed) as Record<'bytes' | 'objects', Record<string, number>>;

  it('no byte is allocated for what a request may wait for, and for its guards', () => {
    const { waiting, guards, object } = bytes;
    // The smallest object has 8 bytes or more; some may be collected in between.
    for (const each of [waiting, guards]) assert.ok((each as number) < 4, printed);
    assert.ok((object as number) > 4, printed);
  });

  it('a request and its call have no object for it', { skip: objects === undefined }, () => {
    // The record, what its lines say from the start, its callbacks, and the listener for the end.
    // The call, two functions of it, the request that is sent, and its fields; the measurement sees one object more.
    assert.deepEqual(objects, { record: 4, call: 5, observed: 6 });
  });
});
