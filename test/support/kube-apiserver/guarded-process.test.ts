import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually } from '../eventually.js';
import { startGuarded } from './guarded-process.js';

/** Whether a process exists and has not ended. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a guarded process and its child end when it is killed', async () => {
  const shell = startGuarded(['sh', '-c', 'sleep 1000 & wait'], { output: 'inherit' });
  assert.ok(exists(-shell.pid), 'its group exists');
  assert.ok(shell.isRunning());
  assert.deepEqual(await shell.kill(), { code: null, signal: 'SIGKILL' });
  await eventually('its group has ended', () => !exists(-shell.pid));
});

test('a guarded process ends when the process that started it is killed', async () => {
  const module = import.meta.url.replace('.test.', '.');
  const script = `const { startGuarded } = await import('${module}');
    console.log(startGuarded(['sleep', '1000'], { output: 'inherit' }).pid);`;
  const starter = spawn(process.execPath, [...process.execArgv, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  assert.ok(exists(pid), 'it runs');
  starter.kill('SIGKILL');
  await eventually('its group has ended', () => !exists(-pid));
});
