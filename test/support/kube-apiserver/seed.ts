import { ApiTypes, groupVersion } from '../fake-api-server/discovery.js';
import type { KubeObject } from '../fake-api-server/objects.js';
import { seedObjects } from '../fake-api-server/seed.js';
import { twoUsersRules } from '../identities/two-users.js';
import type { Scope } from '../scope.js';
import type { ApiServer } from './api-server.js';
import { Kubelet } from './kubelet/kubelet.js';

const types = new ApiTypes();

/**
 * Gives a real API server what the embedded one has at the start, the rights of alice and bob, and a kubelet for node-0, which ends with
 * the scope. No controller is there to report that Pods run and that Deployments are available, so this does.
 */
export async function seed(scope: Scope, server: ApiServer): Promise<void> {
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
