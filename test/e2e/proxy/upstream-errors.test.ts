import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCertificateAuthority, sharedIdentity } from '../../support/certificates/certificates.js';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { refusingPort } from '../../support/ports.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { type KubeconfigContents, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { ownMetric } from '../../support/proxy/own-metric.js';
import type { Scope } from '../../support/scope.js';
import { assertStatus, type Leg, send } from '../leg.js';

// test/transport/upstream-error.test.ts has the words for every failure, and test/transport/dial/ makes them: here is one before TLS, and one on each side of it.

const path = '/api/v1/namespaces/default/pods';
const { authority } = await sharedIdentity();
const ca = authority.certificate;
const stranger = await createCertificateAuthority();
const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
/** Concurrency of tests whose programs wait or start at the same time. */
const sideBySide = { concurrency: 4 };

async function start(t: Scope, contents: KubeconfigContents, args: string[] = []): Promise<RunningProgram> {
  const kubeconfig = await writeKubeconfig(contents);
  return startInProcess(t, [`--kubeconfig=${kubeconfig.path}`, ...args]);
}

async function startServer(t: Scope, options: Parameters<typeof startFakeApiServer>[0] = {}) {
  const server = await startFakeApiServer(options);
  t.after(() => server.kill());
  const { certificate, key } = server.clientCertificate;
  return { server, admin: { server: server.url, ca: server.authority.certificate, certificate, key } };
}

function assertNoSecret(text: string): void {
  assert.doesNotMatch(text, /very-secret|PRIVATE KEY|BEGIN CERTIFICATE|Bearer|\n\s+at /);
}

/** A failure of the API server, before it gets a request. */
interface Failure {
  readonly code: number;
  /** The value of `reason` in the metric. */
  readonly reason: string;
  readonly message: RegExp;
  /** What the log has of the cause. */
  readonly cause: RegExp;
  contents(t: Scope): Promise<KubeconfigContents>;
}

const failures: Readonly<Record<string, Failure>> = {
  'refuses the connection': {
    code: 503,
    reason: 'refused',
    message: /127\.0\.0\.1:\d+.*refused/,
    cause: /ECONNREFUSED/,
    contents: async t => ({ server: `https://127.0.0.1:${await refusingPort(t)}`, ca, token: 'very-secret' }),
  },
  'has a certificate of an unknown authority': {
    code: 502,
    reason: 'tls_unknown_authority',
    message: /unknown authority.*certificate-authority/,
    cause: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE/,
    async contents(t) {
      const { server, admin } = await startServer(t);
      t.after(() => assert.equal(server.requests.length, 0, 'no request went to a stranger'));
      return { ...admin, ca: stranger.certificate };
    },
  },
};

describe('an API server', sideBySide, () => {
  for (const [what, { code, reason, message, cause, contents }] of Object.entries(failures)) {
    test(`that ${what} is a ${code} that says so, on every leg, and not ready`, async t => {
      const proxy = await start(t, await contents(t));
      for (const leg of legs) {
        const answer = await send(proxy.port, { leg, target: path });
        assert.match(assertStatus(answer, code, leg), message);
        assertNoSecret(answer.raw);
      }
      const lines = () => proxy.log().filter(line => line['path'] === path);
      await eventually('a line of each', () => lines().length >= legs.length);
      for (const line of lines()) {
        assert.deepEqual([line['code'], Number(line['level']) >= 40], [code, true]);
        assert.match(JSON.stringify(line['err']), cause);
      }
      assert.equal(lines().length, legs.length);
      assertNoSecret(proxy.stderr());
      const counter = `kube_api_proxy_upstream_errors_total{reason="${reason}"}`;
      assert.ok(Number(await ownMetric(proxy.port, counter)) >= legs.length);
      const { text } = await sendPlain(proxy.port, '/-/readyz?verbose');
      assert.match(text, message);
      assert.match(text, /^\[-\]upstream failed: /m);
    });
  }
});
