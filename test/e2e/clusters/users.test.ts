import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { tokens } from '../../support/kube-apiserver/authority-files.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { assertStatus, type Leg, send } from '../leg.js';

const server = await embeddedApiServer(
  { after },
  { tokens: { [tokens.alice]: { username: 'alice' }, [tokens.bob]: { username: 'bob' } } },
);
const folder = temporaryFolder();

/** The users of contexts with a client certificate, by the context's name. */
const certified = { first: `first-${randomUUID()}`, second: `second-${randomUUID()}` };

async function userOf(name: keyof typeof certified): Promise<object> {
  const { certificate, key } = await server.client(certified[name]);
  return {
    'client-certificate-data': Buffer.from(certificate).toString('base64'),
    'client-key-data': Buffer.from(key).toString('base64'),
  };
}

const users: Record<string, object> = {
  first: await userOf('first'),
  second: await userOf('second'),
  alice: { token: tokens.alice },
};

const kubeconfig = join(folder, 'config');
/** Writes a kubeconfig with one API server, and a context for each user. */
async function writeContexts(): Promise<void> {
  const authority = Buffer.from(server.authority.certificate).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'api', cluster: { server: server.url, 'certificate-authority-data': authority } }],
    users: Object.entries(users).map(([name, user]) => ({ name, user })),
    contexts: Object.keys(users).map(name => ({ name, context: { cluster: 'api', user: name } })),
    'current-context': 'first',
  };
  await writeFile(`${kubeconfig}.new`, stringify(config), { mode: 0o600 });
  await rename(`${kubeconfig}.new`, kubeconfig);
}
await writeContexts();
const proxy = await startInProcess({ after }, [
  ...[`--kubeconfig=${kubeconfig}`, '--all-contexts', '--reject-paths='],
]);

/** The user of a request below a mount, as the API server says. */
async function whoami(mount: string): Promise<string> {
  const { json } = await sendPlain(proxy.port, `${mount}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
  });
  const { status, message } = json as { status: { userInfo?: { username: string } }; message?: string };
  return status.userInfo?.username ?? String(message);
}

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
const pod = '/api/v1/namespaces/default/pods/web-0';

describe('contexts of several users at one API server', () => {
  test('act as their own user each, and the current one at /', async () => {
    assert.equal(await whoami(''), certified.first);
    const mounts = ['first', 'second', 'alice', 'second', 'first'];
    const found = await Promise.all(mounts.map(name => whoami(`/clusters/${name}`)));
    assert.deepEqual(found, [
      ...[certified.first, certified.second, 'alice', certified.second, certified.first],
    ]);
  });

  test('have the rights of their own user alone', async () => {
    const configMap = '/api/v1/namespaces/default/configmaps/settings';
    for (const leg of legs) {
      assert.equal((await send(proxy.port, { leg, target: `/clusters/alice${pod}` })).code, 200);
      assert.equal((await send(proxy.port, { leg, target: `/clusters/second${configMap}` })).code, 200);
      const refused = await send(proxy.port, { leg, target: `/clusters/alice${configMap}` });
      assert.match(assertStatus(refused, 403, leg), /User "alice" cannot get resource "configmaps"/);
    }
  });

  kubectlTest('are each what kubectl is below their mount', async () => {
    for (const [name, user] of [...Object.entries(certified), ['alice', 'alice']]) {
      const args = ['-s', `${proxy.url}/clusters/${name}`, 'auth', 'whoami'];
      const { stdout, stderr } = await kubectl([...args, '-o', 'jsonpath={.status.userInfo.username}']);
      assert.equal(stdout, user, stderr);
    }
  });

  test('are served as soon as the kubeconfig has them, and no longer than that', async () => {
    users['bob'] = { token: tokens.bob };
    await writeContexts();
    await eventually('the context', async () => (await whoami('/clusters/bob')) === 'bob');
    delete users['bob'];
    await writeContexts();
    await eventually(
      'its end',
      async () => (await sendPlain(proxy.port, '/clusters/bob/version')).status === 404,
    );
    assert.equal(await whoami('/clusters/alice'), 'alice');
  });
});
