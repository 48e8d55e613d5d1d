import { after, it } from 'node:test';
import { anyApiServer } from '../../../support/any-api-server.js';
import { openPage, startBrowser } from '../../../support/browser/page.js';
import type { KubeObject } from '../../../support/fake-api-server/objects.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const server = await anyApiServer(scope);
const { proxy } = await startStack(scope, { server });
const browser = await startBrowser(scope);

it('an object links to its owner, and to the objects that it owns', async t => {
  const namespace = await server.createNamespace();
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const pod = { containers: [{ name: 'app', image: 'registry.example/app:1' }] };
  const labels = { app: 'top' };
  const template = { metadata: { labels }, spec: pod };
  const write = async (path: string, kind: string, name: string, spec: object, owner?: KubeObject) => {
    const { apiVersion, kind: ownerKind, metadata } = owner ?? {};
    const reference = { apiVersion, kind: ownerKind, name: metadata?.name, uid: metadata?.uid };
    const ownerReferences = owner === undefined ? [] : [{ ...reference, controller: true }];
    const object = { kind, metadata: { name, labels, ownerReferences }, spec };
    return (await server.admin.do('POST', path, object)) as KubeObject;
  };
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const replicated = { replicas: 1, selector: { matchLabels: labels }, template };
  const top = await write(`${apps}/deployments`, 'Deployment', 'top', replicated);
  const middle = await write(`${apps}/replicasets`, 'ReplicaSet', 'middle', replicated, top);
  await write(pods, 'Pod', 'owned', pod, middle);

  const { page, go } = await openPage(t, browser, proxy.url);
  await go(`${pods}/owned`);
  await page.getByRole('link', { name: 'ReplicaSet middle' }).click();
  await page.getByRole('heading', { name: 'middle' }).waitFor();
  await page.getByRole('link', { name: 'Deployment top' }).waitFor();
  await page.getByText('Objects that belong to it').click();
  await page.getByRole('link', { name: 'Pod owned' }).click();
  await page.getByRole('heading', { name: 'owned' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'middle' }).waitFor();
});
