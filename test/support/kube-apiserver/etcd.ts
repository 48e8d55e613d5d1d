import { join } from 'node:path';
import { freePort } from '../ports.js';
import type { GuardedProcess } from './guarded-process.js';
import { type ServerFolder, withFreePorts } from './server-folder.js';

/** An etcd of its own. Its gRPC gateway is at the same URL: `POST /v3/kv/compaction`. */
export interface Etcd {
  readonly url: string;
  readonly process: GuardedProcess;
}

/** Starts an etcd with its data in this folder. */
export function startEtcd(program: string, folder: ServerFolder): Promise<Etcd> {
  return withFreePorts(async () => {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const command = [
      program,
      `--data-dir=${join(folder.path, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
    ];
    const isReady = async () => (await fetch(`${client}/health`)).ok;
    return { url: client, process: await folder.start('etcd', command, isReady) };
  });
}
