import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findDeathSignal } from '../../../src/features/run/feature.js';
import { findProgram } from '../../support/installed.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a command is started by setpriv only where that knows how to', async () => {
  const [none, old, folder] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  const script = '#!/bin/sh\necho "setpriv: unrecognized option: pdeathsig" >&2\nexit 1\n';
  writeFileSync(join(old, 'setpriv'), script, { mode: 0o755 });
  writeFileSync(join(folder, 'setpriv'), script, { mode: 0o644 });
  for (const PATH of [none, old, folder, '']) assert.deepEqual(await findDeathSignal({ PATH }), [], PATH);
  const file = findProgram('setpriv');
  const found = await findDeathSignal(process.env);
  assert.deepEqual(found, file === undefined ? [] : [file, '--pdeathsig', 'TERM', '--']);
});
