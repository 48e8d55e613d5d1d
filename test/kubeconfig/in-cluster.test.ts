import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inClusterConfig } from '../../src/kubeconfig/in-cluster.js';

const directory = mkdtempSync(join(tmpdir(), 'in-cluster-'));
after(() => rmSync(directory, { recursive: true, force: true }));
writeFileSync(join(directory, 'token'), 'a-token');

const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

describe('the in-cluster configuration', () => {
  it('is the service of the environment with the token and authority of the mount', () => {
    assert.deepEqual(inClusterConfig({ env, directory }), {
      server: { protocol: 'https:', hostname: '10.96.0.1', port: 443, path: '' },
      certificateAuthority: { file: join(directory, 'ca.crt') },
      insecureSkipTlsVerify: false,
      tokenFile: join(directory, 'token'),
    });
  });

  it('reaches an IPv6 service and any port', () => {
    const config = inClusterConfig({
      env: { KUBERNETES_SERVICE_HOST: 'fd00:10:96::1', KUBERNETES_SERVICE_PORT: '6443' },
      directory,
    });
    assert.deepEqual(config?.server, { protocol: 'https:', hostname: 'fd00:10:96::1', port: 6443, path: '' });
  });

  it('is none without host, port or token file, or where they are no address', () => {
    const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = env;
    assert.equal(inClusterConfig({ env: { KUBERNETES_SERVICE_HOST }, directory }), undefined);
    assert.equal(inClusterConfig({ env: { KUBERNETES_SERVICE_PORT }, directory }), undefined);
    assert.equal(inClusterConfig({ env: { ...env, KUBERNETES_SERVICE_HOST: '' }, directory }), undefined);
    assert.equal(inClusterConfig({ env, directory: join(directory, 'nowhere') }), undefined);
    assert.equal(inClusterConfig({ env: { ...env, KUBERNETES_SERVICE_PORT: 'tcp' }, directory }), undefined);
  });
});
