import assert from 'node:assert/strict';
import { json as readJson } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { clientRequests } from '../e2e/leg.js';
import { uncertainSpellings } from '../guard/uncertain-spellings.js';
import { open, send } from '../support/clients/http-client.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { twoUsers } from '../support/identities/two-users.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { writeAdminKubeconfig } from '../support/proxy/proxy.js';
import { startGateway } from '../support/proxy/stack.js';

const server = await startFakeApiServer();
const serverPath = '/k8s/c1';
server.intercept(incoming => {
  if (incoming.url?.startsWith(`${serverPath}/`)) incoming.url = incoming.url.slice(serverPath.length);
  return false;
});
const kubeconfig = await writeAdminKubeconfig(server);
const pathKubeconfig = await writeAdminKubeconfig(server, { server: server.url + serverPath });
after(async () => {
  await server.kill();
});

/** One entry of the answer. */
interface Judged {
  readonly request: string;
  readonly allowed: boolean;
  readonly reason?: string;
  readonly message?: string;
}

function question(requests: readonly string[]): string {
  return `/-/rules?${requests.map(request => `request=${encodeURIComponent(request)}`).join('&')}`;
}

async function judge(port: number, requests: readonly string[]): Promise<readonly Judged[]> {
  const { status, json, text, headers } = await send(port, question(requests));
  assert.equal(status, 200, text);
  assert.equal(headers['cache-control'], 'no-store');
  return (json as { readonly requests: readonly Judged[] }).requests;
}

/** What the request itself gets. */
async function attempt(port: number, request: string): Promise<Judged> {
  const [method = '', target = ''] = request.split(' ');
  const response = await open(port, target, { method });
  const isRefused = response.statusCode === 403;
  const message = isRefused
    ? ((await readJson(response)) as { readonly message: string }).message
    : undefined;
  response.destroy();
  return { request, allowed: !isRefused, ...(message !== undefined && { message }) };
}

const pods = '/api/v1/namespaces/team-0/pods';

/** Requests that at least one rule judges differently from the others. */
const requests: readonly string[] = [
  ...[`GET ${pods}`, `GET ${pods}/web-0`, `GET ${pods}?watch=true`, 'GET /api/v1/pods', 'GET /version'],
  ...[`POST ${pods}`, `PUT ${pods}/none`, `PATCH ${pods}/none`, `DELETE ${pods}/none`, `DELETE ${pods}`],
  ...[`GET ${pods}/web-0/log`, `GET ${pods}/web-0/exec`, `POST ${pods}/web-0/exec`, `GET ${pods}/x/proxy/a`],
  ...['GET /api/v1/namespaces/a/secrets', 'GET /apis/apps/v1/namespaces/a/deployments/x/scale'],
  ...['POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'GET /api/v1/nodes/n/proxy/metrics'],
  ...['GET /debug/pprof/profile', 'GET /API/v1/pods', 'OPTIONS /api/v1/pods'],
  ...uncertainSpellings.filter((_, index) => index % 4 === 0).map(path => `GET ${path}`),
];

const atRoot = { file: kubeconfig, prefix: '', more: [] };
const belowServerPath = { file: pathKubeconfig, prefix: serverPath, more: [] };
const belowOwnPrefix = {
  ...{ file: pathKubeconfig, prefix: '/own', more: ['--api-prefix=/own/', '--append-server-path'] },
};
const atContext = { file: kubeconfig, prefix: '/clusters/test', more: ['--all-contexts'] };

describe('/-/rules', () => {
  for (const [flag, { file, prefix, more }, ...others] of [
    ['--reject-paths=^/api/.*/pods/.*/exec', atRoot],
    ['--read-only', atContext, '--reject-paths='],
    ['--accept-namespaces=team-.*', belowServerPath],
    ['--reject-resources=secrets,pods/exec,*/scale', belowOwnPrefix, '--reject-paths='],
    ['--reject-methods=^(POST|PATCH)$', atRoot],
    ['--accept-paths=^/api/v1/', atContext],
  ] as const) {
    it(`says what requests below ${prefix || '/'} get with ${[flag, ...others].join(' ')}`, async t => {
      const { port } = await startInProcess(t, [`--kubeconfig=${file.path}`, flag, ...others, ...more]);
      const judged = await judge(
        port,
        requests.map(request => request.replace(' ', ` ${prefix}`)),
      );
      assert.equal(judged.length, requests.length);
      assert.ok(judged.some(({ allowed }) => allowed));
      assert.ok(judged.some(({ message }) => message?.includes(flag.replace(/=.*/, ''))));
      for (const { reason, ...verdict } of judged) {
        assert.deepEqual(verdict, await attempt(port, verdict.request));
        assert.equal(reason === undefined, verdict.allowed);
      }
    });
  }

  it('sends nothing to the API server, opens no context, and counts no rejection', async t => {
    const other = await writeKubeconfig({ name: 'other', server: server.url });
    const { port } = await startInProcess(t, ['--all-contexts', '--read-only'], {
      KUBECONFIG: `${kubeconfig.path}:${other.path}`,
    });
    const before = clientRequests(server).length;
    const [verdict] = await judge(port, ['DELETE /clusters/other/api/v1/nodes']);
    assert.equal(verdict?.reason, 'read_only');
    assert.equal(clientRequests(server).length, before);
    assert.match((await send(port, '/-/clusters')).text, /"name": "other",[^}]*"state": "unused"/);
    const metrics = (await send(port, '/-/metrics')).text;
    assert.match(metrics, /^kube_api_proxy_rejected_requests_total\{[^}]*"read_only"[^}]*\} 0$/m);
    assert.doesNotMatch(metrics, /^kube_api_proxy_rejected_requests_total\{[^}]*"read_only"[^}]*\} [1-9]/m);
  });

  it('tells a stranger neither the rules nor the contexts', async t => {
    const { proxy } = await startGateway(t, {
      ...{ tokenFile: twoUsers, flags: ['--all-contexts', '--read-only'] },
    });
    const get = (path: string, authorization?: string) =>
      send(proxy.port, path, authorization === undefined ? {} : { headers: { authorization } });
    const known = await get(question(['POST /clusters/test/api/v1/pods']));
    const unknown = await get(question(['POST /clusters/none/api/v1/pods']));
    assert.equal(known.status, 401);
    assert.equal(known.text, unknown.text);
    const alice = await get(question(['POST /clusters/test/api/v1/pods']), 'Bearer alice-token');
    assert.match(alice.text, /"reason": "read_only"/);
  });
});
