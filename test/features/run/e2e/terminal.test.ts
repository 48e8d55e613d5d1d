import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { send } from '../../../e2e/leg.js';
import { startTerminal, terminalTest } from '../../../support/clients/terminal.js';
import { eventually, until } from '../../../support/eventually.js';
import { isInstalled } from '../../../support/installed.js';
import { program } from '../../../support/project.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { startStrictUpstream } from '../../../support/upstreams/strict-upstream.js';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
});
after(() => upstream.stop());
const { path: kubeconfig } = await upstream.writeKubeconfig();
const run = [process.execPath, program, 'run', `--kubeconfig=${kubeconfig}`, '--quiet'];
const ctrlC = '\x03';
const ctrlD = '\x04';
const ctrlZ = '\x1a';
const ctrlBackslash = '\x1c';

/** The port and the base path in what was printed. */
function serverIn(text: string): { readonly port: number; readonly base: string } {
  const [, port, base = ''] = /http:\/\/127\.0\.0\.1:(\d+)(\/[0-9a-f]{32})/.exec(text) ?? [];
  return { port: Number(port), base };
}

terminalTest('Ctrl-C and Ctrl-\\ are for the command, once, and the proxy goes on', async t => {
  const script =
    'trap "echo got-int" INT; trap "echo got-quit" QUIT; cat "$KUBECONFIG"; echo ready; while :; do read line && echo "line $line"; [ "$line" = end ] && exit 4; done';
  const terminal = startTerminal(t, [...run, '--', 'sh', '-c', script]);
  await terminal.shows(/ready/);
  const { port, base } = serverIn(terminal.printed());
  for (const [key, line] of [
    [ctrlC, 'got-int'],
    [ctrlBackslash, 'got-quit'],
    [ctrlC, 'got-int'],
  ] as const) {
    terminal.type(key);
    await terminal.shows(new RegExp(line));
    assert.equal((await send(port, { target: `${base}/version` })).code, 200);
  }
  terminal.type('a\n');
  await terminal.shows(/line a/);
  terminal.type('end\n');
  assert.equal(await terminal.exited, 4);
  assert.equal(terminal.printed().match(/got-int/g)?.length, 2);
});

terminalTest(
  'a program in raw mode gets each key and each new size, and leaves the terminal as it was',
  async t => {
    const tui = `
import os, signal, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b'size %d %d\\r\\n' % os.get_terminal_size()[::-1]))
os.write(1, b'raw\\r\\n')
while True:
    key = os.read(0, 1)
    os.write(1, b'key %d\\r\\n' % key[0])
    if key == b'q': break
termios.tcsetattr(0, termios.TCSADRAIN, before)
`;
    const file = join(temporaryFolder(), 'tui.py');
    writeFileSync(file, tui);
    const quoted = [...run, '--', 'python3', file].map(word => `'${word}'`).join(' ');
    const terminal = startTerminal(t, ['sh', '-c', `stty -g; ${quoted}; echo "code $?"; stty -g`]);
    const [, before] = await terminal.shows(/([0-9a-f:]{20,})\r\n/);
    await terminal.shows(/raw\r\n/);
    terminal.resize(40, 123);
    await terminal.shows(/size 40 123/);
    terminal.type(ctrlC);
    await terminal.shows(/key 3\r/);
    terminal.type(ctrlZ);
    await terminal.shows(/key 26\r/);
    terminal.type('q');
    const [, code, now] = await terminal.shows(/code (\d+)\r\n([0-9a-f:]{20,})\r\n/);
    assert.deepEqual([code, now], ['0', before]);
  },
);

/** A shell with jobs, in which a prompt is told from what is typed. */
const prompt = join(temporaryFolder(), 'prompt');
writeFileSync(prompt, "PS1='at-prompt> '\n");
const shell = ['bash', '--noprofile', '--rcfile', prompt, '-i'];

terminalTest(
  'Ctrl-Z gives the terminal back to the shell, and fg goes on with the command and the proxy',
  async t => {
    if (!isInstalled('bash')) return t.skip('bash is not in PATH');
    const terminal = startTerminal(t, shell);
    await terminal.shows(/at-prompt> /);
    const script = `'cat "$KUBECONFIG"; echo ready; exec cat'`;
    terminal.type(`${run.join(' ')} -- sh -c ${script}; echo "code $?"\n`);
    await terminal.shows(/\nready/);
    const { port, base } = serverIn(terminal.printed());
    terminal.type(ctrlZ);
    await terminal.shows(/Stopped[\s\S]*at-prompt> /);
    terminal.type('fg\n');
    await terminal.shows(/fg\r\n[\s\S]*exec cat/);
    terminal.type('hello\n');
    await terminal.shows(/hello\r\nhello\r\n/);
    assert.equal((await send(port, { target: `${base}/version` })).code, 200);
    terminal.type(ctrlD);
    await terminal.shows(/at-prompt> /);
  },
);

terminalTest('a shell in a run has jobs of its own, and Ctrl-Z there does not stop the proxy', async t => {
  if (!isInstalled('bash')) return t.skip('bash is not in PATH');
  const terminal = startTerminal(t, [...run, '--', ...shell]);
  await terminal.shows(/at-prompt> /);
  terminal.type('cat "$KUBECONFIG"\n');
  await terminal.shows(/current-context[\s\S]*at-prompt> /);
  const { port, base } = serverIn(terminal.printed());
  // What is typed before cat has the terminal is echoed in other places.
  terminal.type(`sh -c 'echo running; exec cat'\n`);
  await terminal.shows(/\rrunning/);
  terminal.type('typed\n');
  await terminal.shows(/typed\r\ntyped/);
  terminal.type(ctrlZ);
  await terminal.shows(/Stopped[\s\S]*at-prompt> /);
  assert.equal((await send(port, { target: `${base}/version` })).code, 200);
  terminal.type('kill %1; fg; exit 6\n');
  assert.equal(await terminal.exited, 6);
});

terminalTest('when the terminal is gone, the command and the proxy end, and nothing is left', async t => {
  const parent = temporaryFolder();
  const done = join(temporaryFolder(), 'done');
  const script = `trap 'echo hangup > ${done}; exit' HUP; echo ready; while :; do sleep 0.1; done`;
  const terminal = startTerminal(t, [...run, '--', 'sh', '-c', script], { XDG_RUNTIME_DIR: parent });
  await terminal.shows(/ready/);
  assert.equal(readdirSync(parent).length, 1);
  terminal.close();
  await until(() => existsSync(done));
  assert.equal(readFileSync(done, 'utf8'), 'hangup\n');
  await until(() => readdirSync(parent).length === 0);
});

terminalTest(
  'an exec plugin of the kubeconfig does not get the terminal, which is the command’s',
  async t => {
    const folder = temporaryFolder();
    const [plugin, told] = [join(folder, 'plugin'), join(folder, 'told')];
    const answer =
      '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}';
    const look = `if (: < /dev/tty) 2>/dev/null; then echo terminal; else echo none; fi > ${told}; cat >> ${told}`;
    writeFileSync(plugin, `#!/bin/sh\n${look}\necho '${answer}'\n`, { mode: 0o755 });
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: plugin,
      interactiveMode: 'IfAvailable',
    };
    const { path } = await writeKubeconfig({ server: 'https://127.0.0.1:1', user: { exec } });
    const command = [process.execPath, program, 'run', `--kubeconfig=${path}`, '--quiet', '--', 'cat'];
    const terminal = startTerminal(t, command);
    await eventually('the plugin has run', () => existsSync(told) && readFileSync(told, 'utf8') !== '');
    terminal.type('typed\n');
    await terminal.shows(/typed\r\ntyped\r\n/);
    assert.equal(readFileSync(told, 'utf8'), 'none\n');
    terminal.type(ctrlD);
    assert.equal(await terminal.exited, 0);
  },
);
