import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../ports.js';
import type { Scope } from '../scope.js';
import { ApiServer, type ApiServerOptions, type Location, startApiServerProcess } from './api-server.js';
import { writeAuthorityFiles } from './authority-files.js';
import type { GuardedProcess } from './guarded-process.js';
import { findPrograms, missingPrograms, type Programs } from './programs.js';
import { seed } from './seed.js';
import { ServerFolder, withFreePorts } from './server-folder.js';

/** Starts an etcd and an API server with a new authority and the objects of the embedded one. Rejects if the programs are missing. */
export async function startPair(scope: Scope): Promise<Location> {
  const folder = await ServerFolder.create(scope);
  const files = join(folder.path, 'files');
  const [etcd] = await Promise.all([startEtcd(folder), writeAuthorityFiles(files)]);
  const started = await startApiServerProcess(programs().apiServer, folder, { etcd: etcd.url, files });
  await seed(scope, await ApiServer.at(started.location));
  return started.location;
}

/** Starts an etcd that no other API server uses. */
export async function startOwnEtcd(scope: Scope): Promise<Etcd> {
  const folder = await ServerFolder.create(scope);
  return startEtcd(folder);
}

/** An API server of one test, and its process, which the test may stop. */
export interface OwnApiServer {
  readonly server: ApiServer;
  readonly process: GuardedProcess;
}

/** Starts another API server, which has the authority, the tokens and the etcd of the run's, and an audit log of its own. */
export async function startOwnApiServer(
  scope: Scope,
  { location }: ApiServer,
  options: Partial<ApiServerOptions> = {},
): Promise<OwnApiServer> {
  const folder = await ServerFolder.create(scope);
  const { etcd, files } = location;
  const prefix = `/${randomUUID()}`;
  const own = await startApiServerProcess(programs().apiServer, folder, { etcd, files, prefix, ...options });
  return { server: await ApiServer.at(own.location), process: own.process };
}

/** An etcd of its own. Its gRPC gateway is at the same URL: `POST /v3/kv/compaction`. */
interface Etcd {
  readonly url: string;
}

/** Starts an etcd with its data in this folder. */
function startEtcd(folder: ServerFolder): Promise<Etcd> {
  return withFreePorts(async () => {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const command = [
      programs().etcd,
      `--data-dir=${join(folder.path, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
    ];
    const isReady = async () => (await fetch(`${client}/health`)).ok;
    await folder.start('etcd', command, isReady);
    return { url: client };
  });
}

function programs(): Programs {
  const found = findPrograms();
  if (found === undefined) throw new Error(missingPrograms);
  return found;
}
