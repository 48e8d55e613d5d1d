import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { test } from '../../apiserver/kubectl-stack.js';
import { open, send } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import type { Rule } from '../../support/fake-api-server/rbac.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { assertEnded, assertRunning, StreamGateway } from '../../support/kube-apiserver/stream-gateway.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { replaceFile } from '../../support/replaced-file.js';
import type { Scope } from '../../support/scope.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const token = ['--token=token-of-ann'];
const on = (...verbs: readonly string[]) => verbs.map(verb => `impersonate-on:user-info:${verb}`);
const pods = ['', '/attach', '/exec', '/log', '/portforward'].map(part => `pods${part}`);
const reviews: Rule = {
  ...{ apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews'] },
  verbs: on('create'),
};

/** A gateway that acts by constrained impersonation, for ann, whom the API server lets do everything with Pods of one namespace. */
async function startGateway(
  t: Scope,
  server: ApiServer,
  rules: readonly Rule[],
  more: readonly string[] = ['--recheck-streams=10s'],
) {
  const [ann, name] = [`ann-${randomUUID()}`, `gateway-${randomUUID()}`];
  const authentication = { apiGroups: ['authentication.k8s.io'], verbs: ['impersonate:user-info'] };
  await server.grant(name, [
    { ...authentication, resources: ['users'] },
    { ...authentication, resources: ['groups'], resourceNames: ['system:authenticated'] },
    { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*'], verbs: on('get') },
    ...rules,
  ]);
  const tokens = join(temporaryFolder(), 'tokens.csv');
  await replaceFile(tokens, `token-of-ann,${ann},,\n`);
  const flags = [callersFlag(tokens), ...more];
  const gateway = await StreamGateway.start(t, server, flags, { commonName: name, organizations: [] });
  await gateway.bind(ann);
  return { gateway, name };
}

const acts: Rule = { apiGroups: [''], resources: pods, verbs: on('get', 'list', 'watch', 'create') };

test('every stream ends after the gateway has lost its right to act so, and goes on while it has it', async (t, server) => {
  if (server.minorVersion < 36) return;
  const { gateway, name } = await startGateway(t, server, [reviews]);
  const takeAway = await server.bind(gateway.namespace, name, [acts]);
  // ann may delete Pods, and the gateway not.
  const canI = (...asked: readonly string[]) => gateway.output(token, ['auth', 'can-i', ...asked]);
  assert.equal(await canI('list', 'pods'), 'yes\n');
  assert.match(
    await canI('delete', 'pods'),
    /^no - this proxy may not delete pods, whoever asks; .*impersonate-on:user-info:delete/,
  );
  assert.equal(await canI('list', 'secrets'), 'no\n');
  const streams = await gateway.openAll(token);
  const asked = () =>
    gateway.metric('kube_api_proxy_stream_rechecks_total', { about: 'access', answer: 'yes' });
  while ((await asked()) < 2 * streams.length) await new Promise(resolve => setTimeout(resolve, 100));
  assertRunning(streams);
  await takeAway();
  await assertEnded(streams, /you may no longer do what this stream began with/);
});

test('streams end with their reason after three intervals in which the gateway may not ask, which readyz and log say once', async (t, server) => {
  if (server.minorVersion < 36) return;
  const { gateway, name } = await startGateway(t, server, [acts]);
  const takeAway = await server.grant(name, [reviews]);
  const streams = [await gateway.openWatch(token), await gateway.openExec(token, 'WebSocket')];
  await takeAway();
  await assertEnded(streams, /no longer lets this proxy ask whether you may/);
  assert.equal(
    await gateway.metric('kube_api_proxy_stream_rechecks_total', { about: 'access', answer: 'no' }),
    0,
  );
  const lines = (of: (line: Record<string, unknown>) => boolean) => gateway.proxy.log().filter(of).length;
  // A stream's line comes after its client has seen the end.
  await eventually('both lines', () => lines(({ endedBy }) => endedBy === 'unknown') === 2);
  assert.equal(
    lines(({ msg }) => /does not let the proxy ask whether/.test(String(msg))),
    1,
  );
  const { text } = await send(await adminPort(gateway.proxy), '/readyz?verbose');
  assert.match(text, /an API server does not let this proxy ask whether users may go on/);
});

test('a shell by a GET ends when its user loses the right to create, and stays if the user never had it', async (t, server) => {
  const [ann, paul] = [`ann-${randomUUID()}`, `paul-${randomUUID()}`];
  const tokens = join(temporaryFolder(), 'tokens.csv');
  await replaceFile(tokens, `token-of-ann,${ann},,\ntoken-of-paul,${paul},,\n`);
  const gateway = await StreamGateway.start(t, server, [callersFlag(tokens), '--recheck-streams=10s']);
  const read: Rule = { apiGroups: [''], resources: ['pods', 'pods/exec'], verbs: ['get'] };
  for (const user of [ann, paul]) await server.bind(gateway.namespace, user, [read]);
  const exec: Rule = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
  const takeAway = await server.bind(gateway.namespace, ann, [exec]);
  const shell = await gateway.openExec(token, 'WebSocket');
  // From 1.35 on the API server asks for this right.
  const isAsked = server.minorVersion >= 35;
  const others = isAsked ? [] : [await gateway.openExec(['--token=token-of-paul'], 'WebSocket')];
  await takeAway();
  await assertEnded([shell], /you may no longer do what this stream began with/);
  assertRunning(others);
});

test('nobody joins a shared watch after the gateway has lost its right to watch so', async (t, server) => {
  if (server.minorVersion < 36) return;
  const { gateway, name } = await startGateway(t, server, [reviews], ['--share-watches']);
  const takeAway = await server.bind(gateway.namespace, name, [acts]);
  const pods = `/api/v1/namespaces/${gateway.namespace}/pods`;
  const headers = { authorization: 'Bearer token-of-ann' };
  const tls = { ca: gateway.authority };
  const { json } = await send(gateway.proxy.port, pods, { headers, tls });
  const { resourceVersion } = (json as { metadata: { resourceVersion: string } }).metadata;
  const watch = () =>
    open(gateway.proxy.port, `${pods}?watch=1&resourceVersion=${resourceVersion}`, { headers, tls });
  const first = await watch();
  t.after(() => first.destroy());
  const second = await watch();
  second.destroy();
  assert.deepEqual([first.statusCode, second.statusCode], [200, 200]);
  await takeAway();
  await eventually('nobody joins', async () => {
    const next = await watch();
    next.destroy();
    return next.statusCode === 403;
  });
  assert.equal(first.destroyed, false, 'the watch that others could join is still open');
});
