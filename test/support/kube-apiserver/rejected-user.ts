import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import https from 'node:https';
import { send } from '../clients/http-client.js';
import { eventually } from '../eventually.js';
import { jsonLines } from '../json-lines.js';
import type { Scope } from '../scope.js';
import type { ApiServer } from './api-server.js';
import type { ServerEvent } from './audit-log.js';

export const configMaps = '/api/v1/namespaces/default/configmaps';
const group = '/apis/flowcontrol.apiserver.k8s.io/v1';

/** A user with all rights to config maps, whose requests the API server can be told to reject. */
export async function createUser(server: ApiServer): Promise<string> {
  const user = `test-${randomUUID()}`;
  await server.grant(user, [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch', 'create'] },
  ]);
  return user;
}

/**
 * Lets the API server serve one request of a user at a time, and sends one whose body never comes, so that it rejects all others. Returns a
 * function that ends that.
 *
 * @param port Of a program whose requests are this user's.
 */
export async function rejectAll(
  t: Scope,
  server: ApiServer,
  user: string,
  port: number,
): Promise<() => Promise<void>> {
  const metadata = { name: user };
  const limited = {
    nominalConcurrencyShares: 0,
    borrowingLimitPercent: 0,
    limitResponse: { type: 'Reject' },
  };
  await server.admin.do('POST', `${group}/prioritylevelconfigurations`, {
    metadata,
    spec: { type: 'Limited', limited },
  });
  const all = ['*'];
  const schema = (await server.admin.do('POST', `${group}/flowschemas`, {
    metadata,
    spec: {
      priorityLevelConfiguration: metadata,
      matchingPrecedence: 2,
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: user } }],
          resourceRules: [
            { verbs: all, apiGroups: all, resources: all, namespaces: all, clusterScope: true },
          ],
          nonResourceRules: [{ verbs: all, nonResourceURLs: all }],
        },
      ],
    },
  })) as { readonly metadata: { readonly uid: string } };
  await eventually('the schema', async () => {
    const { headers } = await send(port, configMaps);
    return headers['x-kubernetes-pf-flowschema-uid'] === schema.metadata.uid;
  });
  const { certificate: cert, key } = await server.authority.client({ commonName: user, organizations: [] });
  let request: ClientRequest | undefined;
  t.after(() => request?.destroy());
  // The only place may still belong to another request. Then this one is rejected, and has to come again.
  await eventually('the only place', async () => {
    request?.destroy();
    request = https.request(`${server.url}${configMaps}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': 1000, expect: '100-continue' },
      ...{ ca: server.authority.certificate, cert, key, agent: false },
    });
    request.on('error', () => {});
    request.flushHeaders();
    // The API server asks for the body when it has begun to serve the request.
    return Promise.race([
      once(request, 'continue').then(() => true),
      once(request, 'response').then(() => false),
    ]);
  });
  assert.equal((await send(port, configMaps)).status, 429);
  return async () => {
    request?.destroy();
    await server.admin.do('DELETE', `${group}/flowschemas/${user}`);
    await server.admin.do('DELETE', `${group}/prioritylevelconfigurations/${user}`);
  };
}

/** What the API server's audit log says of requests whose target contains a text: their codes, in the order in which they ended. */
export async function codesOf({ location }: ApiServer, text: string): Promise<(number | undefined)[]> {
  return jsonLines<ServerEvent>(await readFile(location.auditLog, 'utf8'))
    .filter(({ stage, requestURI }) => stage === 'ResponseComplete' && requestURI.includes(text))
    .map(({ responseStatus }) => responseStatus?.code);
}
