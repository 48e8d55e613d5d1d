import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { open, send } from '../../../support/clients/http-client.js';
import { type RunningProgram, startInProcess } from '../../../support/proxy/in-process.js';
import type { Scope } from '../../../support/scope.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

/** How many requests of another client are sent and answered, one after the other, before the head of this answer comes. */
export async function answeredBefore(t: Scope, port: number, path: string): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const livez = () => send(port, '/-/livez', { agent });
  await livez();
  let hasCome = false;
  const waiting = open(port, path).then(response => {
    hasCome = true;
    response.resume();
  });
  let answered = 0;
  for (; !hasCome; answered++) await livez();
  await waiting;
  return answered;
}

/** The program with a kubeconfig of 2,000 contexts, whose API servers refuse connections, and one without an API server. */
export async function startLarge(t: Scope): Promise<RunningProgram> {
  const names = Array.from({ length: 2_000 }, (_, index) => `context-${index}`);
  const file = join(temporaryFolder(), 'many');
  const config = {
    'current-context': 'context-0',
    clusters: names.map(name => ({ name, cluster: { server: 'http://127.0.0.1:1' } })),
    users: names.map(name => ({ name, user: { token: `token of ${name}` } })),
    contexts: [
      ...names.map(name => ({ name, context: { cluster: name, user: name, namespace: 'team' } })),
      { name: 'no-server', context: { cluster: 'missing' } },
    ],
  };
  await writeFile(file, stringify(config));
  // Nothing reads the file again.
  return startInProcess(t, [`--kubeconfig=${file}`, '--all-contexts'], {}, { interval: 3_600_000 });
}
