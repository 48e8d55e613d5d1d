import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import https from 'node:https';
import type { TestContext } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { jsonLines } from '../../../support/json-lines.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import type { ServerEvent } from '../../../support/kube-apiserver/audit-log.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { patientClock } from '../../../support/patient-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { NumberedObjects } from './numbered-objects.js';
import { Reflector } from './reflector.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
const group = '/apis/flowcontrol.apiserver.k8s.io/v1';

/**
 * Lets the API server serve one request of a user at a time, and sends one whose body never comes, so that it rejects all others. Returns a
 * function that ends that.
 *
 * @param port Of a program whose requests are this user's.
 */
async function rejectAll(
  t: TestContext,
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
async function codesOf({ location }: ApiServer, text: string): Promise<(number | undefined)[]> {
  return jsonLines<ServerEvent>(await readFile(location.auditLog, 'utf8'))
    .filter(({ stage, requestURI }) => stage === 'ResponseComplete' && requestURI.includes(text))
    .map(({ responseStatus }) => responseStatus?.code);
}

test('the clients of a shared watch notice nothing if priority and fairness answers 429 when the program opens it again', async (t, run) => {
  // In seconds: the API server ends each watch after once or twice this time.
  const { server } = await startOwnApiServer(t, run, { flags: ['--min-request-timeout=2'] });
  const user = `test-${randomUUID()}`;
  const verbs = ['list', 'watch', 'create'];
  await server.grant(user, [{ apiGroups: [''], resources: ['configmaps'], verbs }]);
  const kubeconfig = await server.kubeconfig({ commonName: user, organizations: [] });
  const args = [`--kubeconfig=${kubeconfig}`, '--reject-paths=', '--share-watches'];
  const proxy = await startInProcess(t, args, {}, { clock: patientClock });
  const objects = await NumberedObjects.in(server);
  const reflectors = Array.from({ length: 10 }, () => new Reflector(t, proxy.url + objects.path));
  const untilAll = (count: number) =>
    Promise.all(reflectors.map(reflector => reflector.until(count, 120_000)));
  await objects.create(server, 5);
  await untilAll(5);
  const accept = await rejectAll(t, server, user, proxy.port);
  for (const [query, codes] of [
    ['', [429]],
    ['&watch=true', [429]],
    // A watch that cannot be shared is sent once more, as the client's own.
    ['&watch=true&resourceVersion=1', [429, 429]],
  ] as const) {
    const id = randomUUID();
    const answer = await send(proxy.port, `${configMaps}?labelSelector=id%3D${id}${query}`);
    assert.equal(answer.status, 429);
    assert.match(answer.headers['retry-after'] ?? '', /^[1-9][0-9]*$/);
    assert.equal(answer.text, 'Too many requests, please try again later.\n');
    await eventuallyPasses(async () => assert.deepEqual(await codesOf(server, id), codes));
  }
  await eventually(
    'two rejections',
    async () => (await codesOf(server, objects.path)).filter(code => code === 429).length >= 2,
  );
  await objects.create(server, 5);
  await accept();
  await untilAll(10);
  for (const { lists, ends } of reflectors) assert.deepEqual([lists, ends], [1, []]);
});
