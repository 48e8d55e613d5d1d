import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inClusterKubeconfig } from '../../src/kubeconfig/followed-kubeconfig.js';
import { resolveClientConfig } from '../../src/kubeconfig/resolve.js';
import type { ClientConfig } from '../../src/kubeconfig/types.js';
import { setFields } from '../support/set-fields.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const directory = temporaryFolder();
writeFileSync(join(directory, 'token'), 'a-token');

const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

function resolved(environment: Record<string, string>, overrides = {}): ClientConfig {
  const kubeconfig = inClusterKubeconfig(environment, directory);
  assert.ok(kubeconfig !== undefined);
  const result = resolveClientConfig(kubeconfig, overrides);
  assert.ok('config' in result);
  return result.config;
}

describe('the in-cluster configuration', () => {
  it('uses the service of the environment, an IPv6 one and any port too, with the token and authority of the mounted files', () => {
    assert.deepEqual(setFields(resolved(env)), {
      server: { protocol: 'https:', hostname: '10.96.0.1', port: 443, path: '' },
      certificateAuthority: { file: join(directory, 'ca.crt') },
      insecureSkipTlsVerify: false,
      tokenFile: join(directory, 'token'),
    });
    const { server } = resolved({
      KUBERNETES_SERVICE_HOST: 'fd00:10:96::1',
      KUBERNETES_SERVICE_PORT: '6443',
    });
    assert.deepEqual(server, { protocol: 'https:', hostname: 'fd00:10:96::1', port: 6443, path: '' });
    assert.equal(resolved(env, { as: 'jane' }).impersonation?.username, 'jane');
  });

  it('does not exist without host, port or token file, or if they are no address', () => {
    const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = env;
    assert.equal(inClusterKubeconfig({ KUBERNETES_SERVICE_HOST }, directory), undefined);
    assert.equal(inClusterKubeconfig({ KUBERNETES_SERVICE_PORT }, directory), undefined);
    assert.equal(inClusterKubeconfig({ ...env, KUBERNETES_SERVICE_HOST: '' }, directory), undefined);
    assert.equal(inClusterKubeconfig(env, join(directory, 'nowhere')), undefined);
    assert.equal(inClusterKubeconfig({ ...env, KUBERNETES_SERVICE_PORT: 'tcp' }, directory), undefined);
  });
});
