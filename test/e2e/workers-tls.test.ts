import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import { createCertificateAuthority } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { proxyToken, startGateway, twoUsers, twoUsersPolicy } from '../support/gateway.js';
import { ask, connectHttp2 } from '../support/http2-client.js';
import { runProgram } from '../support/proxy.js';
import { createServingFiles } from '../support/serving-files.js';
import { startStack } from '../support/stack.js';

import { servedBy } from './worker-probe.js';

const pod = '/api/v1/namespaces/default/pods/web-0';
const configMap = '/api/v1/namespaces/default/configmaps/settings';

describe('TLS of several workers', { concurrency: true }, () => {
  test('every worker serves HTTP/2 and authenticates callers by certificate and token, and all drain with GOAWAY', async t => {
    const authority = await createCertificateAuthority({ commonName: 'clients' });
    const files = await createServingFiles();
    const ca = await files.replace('clients.crt', authority.certificate);
    const tokens = await files.replace('tokens.csv', twoUsers);
    t.after(() => files.remove());
    const proxied = await startStack(t, {
      server: { allow: twoUsersPolicy },
      flags: ['--workers=2', `--client-ca-file=${ca}`, `--token-auth-file=${tokens}`],
      tls: files,
    });
    const { proxy, server } = proxied;
    const bob = await authority.client({ commonName: 'bob', organizations: ['ops'] });
    const certified = { cert: bob.certificate, key: bob.key };
    const sessions = await Promise.all(
      [certified, certified, {}, {}, {}, {}].map(pair => connectHttp2(proxy.port, proxied.ca, pair)),
    );
    t.after(() => {
      for (const session of sessions) session.destroy();
    });
    const token = { headers: { authorization: 'Bearer alice-token' } };
    await Promise.all(
      sessions.map(async (session, index) => {
        const isBob = index < 2;
        const question = isBob ? {} : token;
        const mark = `?session=${index}`;
        const { status, text } = await ask(session, (isBob ? configMap : pod) + mark, question);
        assert.equal(status, 200, text);
        assert.equal((await ask(session, isBob ? pod : configMap, question)).status, 403);
        if (!isBob) assert.equal((await ask(session, pod)).status, 401);
        const [request] = server.requests.filter(({ rawUrl }) => rawUrl.endsWith(mark));
        assert.equal(request?.headers['impersonate-user'], isBob ? 'bob' : 'alice');
      }),
    );
    await eventually('a line of each worker for both', () =>
      [pod, configMap].every(path => servedBy(proxy, path).size === 2),
    );
    const requests = proxy.log().filter(({ requestId }) => requestId !== undefined);
    const users = new Set(requests.flatMap(({ user }) => (user === undefined ? [] : [user])));
    assert.deepEqual([...users].sort(), ['alice', 'bob']);
    const goneAway = sessions.map(session => once(session, 'goaway'));
    const { code } = await proxy.stop();
    await Promise.all(goneAway);
    assert.equal(code, 0);
  });

  test('every worker presents a rotated certificate, and it is logged once', async t => {
    const proxied = await startStack(t, { flags: ['--workers=2'], tls: true });
    const { files, proxy } = proxied;
    const expires = async () => {
      const socket = connect({ port: proxy.port, host: '127.0.0.1', ca: proxied.ca });
      await once(socket, 'secureConnect');
      const { valid_to } = socket.getPeerCertificate();
      socket.destroy();
      return new Date(valid_to).getUTCFullYear();
    };
    await files.write(await files.authority.server({ notAfter: new Date('2040-01-01T00:00:00Z') }));
    // Connections that follow each other go to the workers in turn.
    await eventually(
      'the new certificate',
      async () => (await expires()) === 2040 && (await expires()) === 2040 && (await expires()) === 2040,
    );
    const session = await connectHttp2(proxy.port, proxied.ca);
    t.after(() => session.destroy());
    await eventually('the metrics of all', async () => {
      const { text } = await ask(session, '/-/metrics');
      return (
        text.includes(`serving_certificate_expiration_timestamp_seconds ${Date.UTC(2040) / 1000}\n`) &&
        /kube_api_proxy_tls_reloads_total\{result="success"\} [12]\n/.test(text)
      );
    });
  });

  test('problems at the start are reported once, with any number of workers', async t => {
    const { stderr, code } = await runProgram(['--workers=3', '--address=0.0.0.0', '--port=0']);
    assert.equal(code, 1);
    assert.equal(stderr.match(/can be reached from other machines/g)?.length, 1, stderr);
    const { proxy } = await startGateway(t, {
      tokenFile: twoUsers,
      args: ['--workers=2'],
      server: { allow: () => false },
    });
    const isSaid = () => proxy.log().filter(({ msg }) => msg === 'callers cannot be impersonated');
    await eventually('the warning', () => isSaid().length > 0);
    await eventually(
      'both workers',
      () => proxy.log().filter(({ msg }) => msg === 'worker serves').length === 2,
    );
    assert.equal(isSaid().length, 1);
    assert.equal(isSaid()[0]?.['worker'], undefined);
    assert.doesNotMatch(proxy.stderr(), new RegExp(`${proxyToken}|alice-token`));
  });
});
