import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Scope } from '../scope.js';
import { ApiServer, type Location, startApiServerProcess } from './api-server.js';
import { writeAuthorityFiles } from './authority-files.js';
import { type Etcd, startEtcd } from './etcd.js';
import type { GuardedProcess } from './guarded-process.js';
import { findPrograms, missingPrograms, type Programs } from './programs.js';
import { seed } from './seed.js';
import { ServerFolder } from './server-folder.js';

/** Starts an etcd and an API server with a new authority and the objects of the embedded one. Rejects if the programs are missing. */
export async function startPair(scope: Scope): Promise<Location> {
  const folder = await ServerFolder.create(scope);
  const files = join(folder.path, 'files');
  const [etcd] = await Promise.all([startEtcd(programs().etcd, folder), writeAuthorityFiles(files)]);
  const started = await startApiServerProcess(programs().apiServer, folder, { etcd: etcd.url, files });
  await seed(scope, await ApiServer.at(started.location));
  return started.location;
}

/** Starts an etcd that no other API server uses. */
export async function startOwnEtcd(scope: Scope): Promise<Etcd> {
  const folder = await ServerFolder.create(scope);
  return startEtcd(programs().etcd, folder);
}

/** An API server of one test, and its process, which the test may stop. */
export interface OwnApiServer {
  readonly server: ApiServer;
  readonly process: GuardedProcess;
}

/** Options of a test's own API server. */
export interface OwnApiServerOptions {
  /** URL of another etcd than that of the run. */
  readonly etcd?: string;
  /** Another folder of authority files than that of the run. */
  readonly files?: string;
  /** What it stores has this prefix in etcd; by default one of its own. One that starts in place of another has its prefix and its port. */
  readonly prefix?: string;
  readonly port?: number;
  /** Path of its authorizers, in place of those for nodes and RBAC. */
  readonly authorizers?: string;
  /** More flags. They replace those that have the same name. */
  readonly flags?: readonly string[];
}

/** Starts another API server, which has the authority, the tokens and the etcd of the run's, and an audit log of its own. */
export async function startOwnApiServer(
  scope: Scope,
  { location }: ApiServer,
  options: OwnApiServerOptions = {},
): Promise<OwnApiServer> {
  const folder = await ServerFolder.create(scope);
  const { etcd, files } = location;
  const prefix = `/${randomUUID()}`;
  const own = await startApiServerProcess(programs().apiServer, folder, { etcd, files, prefix, ...options });
  return { server: await ApiServer.at(own.location), process: own.process };
}

function programs(): Programs {
  const found = findPrograms();
  if (found === undefined) throw new Error(missingPrograms);
  return found;
}
