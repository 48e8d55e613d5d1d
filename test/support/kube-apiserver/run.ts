import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { ApiTypes, groupVersion } from '../fake-api-server/discovery.js';
import type { KubeObject } from '../fake-api-server/objects.js';
import { seedObjects } from '../fake-api-server/seed.js';
import { twoUsersRules } from '../identities/two-users.js';
import { freePort } from '../ports.js';
import type { Scope } from '../scope.js';
import { ApiServer, type ApiServerOptions, type Location, startApiServerProcess } from './api-server.js';
import { writeAuthorityFiles } from './authority-files.js';
import type { GuardedProcess } from './guarded-process.js';
import { Kubelet } from './kubelet/kubelet.js';
import { findPrograms, missingPrograms, type Programs } from './programs.js';
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
      ...[`--data-dir=${join(folder.path, 'etcd')}`, `--listen-client-urls=${client}`],
      ...[`--advertise-client-urls=${client}`, `--listen-peer-urls=${peer}`],
      ...[`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`],
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

const types = new ApiTypes();

/**
 * Gives a real API server what the embedded one has at the start, the rights of alice and bob, and a kubelet for node-0, which ends with
 * the scope. No controller is there to report that Pods run and that Deployments are available, so this does.
 */
async function seed(scope: Scope, server: ApiServer): Promise<void> {
  const kubelet = await Kubelet.start(scope, server, 'node-0');
  for (const object of seedObjects) {
    const path = pathOf(object);
    const { status } = await server.admin.ask('POST', path, object);
    // The API server makes some namespaces itself, and the kubelet its node.
    if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status}`);
    if (object.kind !== 'Pod' && object.kind !== 'Deployment') continue;
    const reported = { status: object['status'] };
    const own = `${path}/${object.metadata.name}`;
    const written = (await server.admin.do('PATCH', `${own}/status`, reported)) as KubeObject;
    if (object.kind === 'Pod') kubelet.adopt(written);
  }
  for (const user of ['alice', 'bob'] as const) await server.grant(user, twoUsersRules[user]);
}

function pathOf(object: KubeObject): string {
  const type = types.of(object);
  const { namespace } = object.metadata;
  const root = type.group === '' ? '/api' : '/apis';
  const scope = type.namespaced ? `/namespaces/${namespace}` : '';
  return `${root}/${groupVersion(type)}${scope}/${type.resource}`;
}
