import { once } from 'node:events';
import { connect } from 'node:net';
import type { Bench } from './bench.js';
import type { PemFiles } from './pem-files.js';
import { cpuSeconds } from './process-usage.js';
import { type Program, startProgram } from './programs.js';
import { type Findings, rotated } from './rounds.js';
import type { UpgradeServerCommand } from './upgrade-server.js';
import { drain, send, type Transfer, upgradeRequest } from './upgrade-transfer.js';
import { describeUpstream, type Upstream } from './upstream.js';
import { startScript } from './watch-load.js';
import { ask } from './watch-messages.js';
import { upgradeWorkloads } from './workloads.js';

/** The programs compared: not nginx, which would need another configuration. */
const upgrading = ['kube-api-proxy', 'kubectl'] as const;

const megabyte = 1e6;

/** Starts the server for upgrades. */
export async function startUpgradeUpstream(bench: Bench, pem: PemFiles): Promise<Upstream> {
  const server = await startScript(bench, 'bench/upgrade-server');
  const { port } = await ask<UpgradeServerCommand, { readonly port: number }>(server, {
    command: 'listen',
    pem: { ...pem },
  });
  return describeUpstream(bench, 'upgrade-upstream', pem, port);
}

/** Sends the same bytes through one program after the other, for each kind of transfer. */
export async function runUpgradeRound(
  bench: Bench,
  upstream: Upstream,
  round: number,
  { add, progress }: Findings,
): Promise<void> {
  const { programs: names, megabytes, warmUp } = bench.settings;
  const programs: Program[] = [];
  try {
    for (const name of rotated(
      upgrading.filter(name => names.includes(name)),
      round,
    )) {
      programs.push(await startProgram(bench, name, upstream));
    }
    for (const { name: workload, title, direction, writes } of upgradeWorkloads) {
      for (const { name: program, pid, url } of programs) {
        progress(`round ${round}, ${program}: ${title}`);
        const transfer = { direction, writes, bytes: megabytes * megabyte };
        if (warmUp > 0) await run(url, transfer);
        const before = cpuSeconds(pid);
        await run(url, transfer);
        const cpu = cpuSeconds(pid) - before;
        add({ round, program, metric: `upgrade.${workload}`, value: (cpu * 1e6) / megabytes });
      }
    }
  } finally {
    await Promise.all(programs.map(program => program.stop()));
  }
}

/** One upgrade; rejects unless all bytes arrive. */
async function run(url: string, transfer: Transfer): Promise<void> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname).setNoDelay(true);
  try {
    socket.write(upgradeRequest(host, transfer));
    let head = '';
    while (!head.endsWith('\r\n\r\n')) {
      const byte = socket.read(1) as Buffer | null;
      if (byte === null) await once(socket, 'readable');
      else head += byte.toString('latin1');
    }
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`an upgrade was answered ${head}`);
    if (transfer.direction === 'to server') send(socket, transfer);
    const expected = transfer.direction === 'to server' ? 1 : transfer.bytes;
    const received = await drain(socket, expected);
    if (received < expected) throw new Error(`an upgrade brought ${received} of ${expected} bytes`);
  } finally {
    socket.destroy();
  }
}
