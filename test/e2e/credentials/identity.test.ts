import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { anyApiServer, embedded } from '../../support/any-api-server.js';
import type { AnyApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { createIdToken, type OidcIssuer, startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import { type RunningProgram as Program, startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  bothLegs,
  health,
  openAttach,
  openWatch,
  type Probe,
  passed,
  probe,
  sample,
} from '../credential-probe.js';
import { assertStatus } from '../leg.js';
import { createVolume } from './volume.js';

const masters = ['system:masters'];
/** Twice the time in milliseconds within which the built program uses a change, for a busy machine. */
const promised = 20_000;
const hour = 3_600_000;

type Tokens = Record<string, { username: string; groups: string[] }>;

/** A kubeconfig's user that impersonates with every field. */
const asJane = {
  token: 'one',
  as: 'jane@example.com',
  'as-uid': '4-2',
  'as-groups': ['system:masters', 'Ops team'],
  'as-user-extra': { reason: ['first', 'second'], 'Acme.com/Role%x': ['viewer'] },
};

/** An API server with the users one and two, whose tokens are their names. The embedded one accepts others as soon as they are in `tokens`. */
async function startServer(t: TestContext): Promise<{ server: AnyApiServer; tokens: Tokens }> {
  const tokens: Tokens = {};
  for (const name of ['one', 'two']) tokens[name] = { username: name, groups: masters };
  const server = await anyApiServer(t, { tokens });
  for (const name of Object.keys(tokens)) server.follow(name);
  return { server, tokens };
}

/** The program in this process, with these fields of its user; `path` is its kubeconfig. */
async function startAs(
  t: TestContext,
  server: AnyApiServer,
  user: Readonly<Record<string, unknown>>,
  args: readonly string[] = [],
): Promise<{ proxy: Program; path: string }> {
  const kubeconfig = await writeKubeconfig({ server: server.url, ca: server.authority.certificate, user });
  const proxy = await startInProcess(t, ['--kubeconfig', kubeconfig.path, '--reject-paths=', ...args]);
  return { proxy, path: kubeconfig.path };
}

/** Names and values of the Impersonate-* headers that arrived, in their order and spelling. */
function impersonation({ arrived }: Probe): string[] {
  const headers = arrived.at(-1)?.rawHeaders ?? [];
  return headers.filter((_, index) => /^impersonate-/i.test(headers[index - (index % 2)] ?? ''));
}

// The tests wait for files and renewals at the same time.
describe('the identity of the program', { concurrency: true }, () => {
  describe('impersonation', { concurrency: 6 }, () => {
    test('of the kubeconfig is what the API server acts on', async t => {
      const { server } = await startServer(t);
      const { proxy } = await startAs(t, server, asJane);
      for (const leg of bothLegs) {
        const { code, user, arrived } = await probe(proxy, server, leg);
        assert.deepEqual([code, user], [passed(leg), 'one']);
        assert.deepEqual(arrived.at(-1)?.impersonated, {
          username: 'jane@example.com',
          uid: '4-2',
          groups: ['system:masters', 'Ops team', 'system:authenticated'],
          extra: { reason: ['first', 'second'], 'acme.com/role%x': ['viewer'] },
        });
      }
    });

    test("from the flags goes upstream, and takes precedence over the kubeconfig's", embedded, async t => {
      const { server } = await startServer(t);
      const user = { token: 'one', as: 'jane', 'as-groups': ['dev'] };
      const { proxy } = await startAs(t, server, user, [
        ...['--as=joe', '--as-uid=7', '--as-group=system:masters', '--as-group=ops'],
        ...['--as-user-extra=scopes=a=b', '--as-user-extra=scopes=c'],
      ]);
      for (const leg of bothLegs) {
        const found = await probe(proxy, server.embedded, leg);
        assert.equal(found.code, passed(leg));
        assert.deepEqual(impersonation(found), [
          ...['Impersonate-User', 'joe', 'Impersonate-Uid', '7'],
          ...['Impersonate-Group', 'system:masters', 'Impersonate-Group', 'ops'],
          ...['Impersonate-Extra-Scopes', 'a=b', 'Impersonate-Extra-Scopes', 'c'],
        ]);
      }
    });

    test('that is configured cannot be escaped: a client with any Impersonate-* header gets a 403', async t => {
      const { server } = await startServer(t);
      const user = { token: 'one', as: 'jane', 'as-groups': masters };
      const { proxy } = await startAs(t, server, user);
      // test/guard/claimed-identity.test.ts has all names.
      const attempts = [
        ...[['impersonate-user: root'], ['iMpErSoNaTe-GrOuP: system:masters'], ['Impersonate-User:']],
        ...[['Impersonate-Whatever-Comes: x'], ['Connection: Impersonate-User', 'Impersonate-User: root']],
      ];
      for (const leg of bothLegs) {
        for (const headers of attempts) {
          const { answer, arrived } = await probe(proxy, server, leg, { headers });
          assert.match(assertStatus(answer, 403, headers.join()), /Impersonate-\* headers are not accepted/);
          assert.equal(arrived.length, 0, headers.join());
        }
        assert.equal((await probe(proxy, server, leg)).code, passed(leg));
      }
      assert.equal(
        await sample(proxy, 'kube_api_proxy_rejected_requests_total{reason="impersonation"}'),
        2 * attempts.length,
      );
    });

    test('is left to clients if none is configured, as far as the API server allows', async t => {
      const { server } = await startServer(t);
      const { proxy } = await startAs(t, server, { token: 'one' });
      for (const leg of bothLegs) {
        const headers = ['Impersonate-User: jane', 'impersonate-group: system:masters'];
        const { code, arrived } = await probe(proxy, server, leg, { headers });
        assert.equal(code, passed(leg));
        const groups = ['system:masters', 'system:authenticated'];
        assert.deepEqual(arrived.at(-1)?.impersonated, { username: 'jane', groups });
        const alone = await probe(proxy, server, leg, { headers: ['Impersonate-User: jane'] });
        assert.match(assertStatus(alone.answer, 403, leg), /User "jane" cannot/);
      }
    });
  });

  // The embedded API server accepts each token that the issuer gives.
  describe('the oidc auth provider', { concurrency: 9, ...embedded }, () => {
    interface Setting {
      readonly server: AnyApiServer;
      readonly tokens: Tokens;
      readonly issuer: OidcIssuer;
      start(config: Readonly<Record<string, string>>): Promise<{ proxy: Program; path: string }>;
    }

    async function set(t: TestContext): Promise<Setting> {
      const { server, tokens } = await startServer(t);
      const issuer = await startOidcIssuer(server.authority);
      t.after(() => issuer.close());
      const authority = Buffer.from(server.authority.certificate).toString('base64');
      return {
        ...{ server, tokens, issuer },
        start: config => {
          const given = {
            'idp-issuer-url': issuer.url,
            'client-id': 'kubernetes',
            'client-secret': 'secret-of-client',
            'idp-certificate-authority-data': authority,
            'refresh-token': 'refresh-1',
            ...config,
          };
          return startAs(t, server, { 'auth-provider': { name: 'oidc', config: given } });
        },
      };
    }

    /** A token with this lifetime that the API server accepts. */
    function issue(tokens: Tokens, milliseconds: number): string {
      const token = createIdToken(new Date(Date.now() + milliseconds));
      tokens[token] = { username: 'alice', groups: masters };
      return token;
    }

    test('refreshes an expired id-token once for twenty requests, and writes nothing to the kubeconfig', async t => {
      const { server, tokens, issuer, start } = await set(t);
      const fresh = issue(tokens, hour);
      issuer.answer = () => ({ body: { id_token: fresh, refresh_token: 'refresh-2' } });
      const { proxy, path } = await start({ 'id-token': issue({}, -hour) });
      const before = await readFile(path, 'utf8');
      const legs = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'plain' : 'websocket'));
      const answers = await Promise.all(legs.map(leg => probe(proxy, server.embedded, leg)));
      for (const [index, { code, authorization }] of answers.entries()) {
        assert.equal(code, passed(legs[index] ?? 'plain'));
        assert.equal(authorization, `Bearer ${fresh}`);
      }
      assert.deepEqual(
        issuer.requests.map(({ form }) => form['refresh_token']),
        ['refresh-1'],
      );
      assert.equal(await readFile(path, 'utf8'), before);
      const refreshes = 'kube_api_proxy_credential_refreshes_total{source="oidc",result="success"}';
      assert.equal(await sample(proxy, refreshes), 1);
      assert.ok(await sample(proxy, 'kube_api_proxy_credential_expiration_timestamp_seconds{source="oidc"}'));
    });

    test('that cannot refresh makes requests fail with a 503 that says why, until it can', async t => {
      const { server, tokens, issuer, start } = await set(t);
      const { proxy } = await start({ 'id-token': issue({}, -hour) });
      for (const leg of bothLegs) {
        const { answer, arrived } = await probe(proxy, server.embedded, leg);
        const message = assertStatus(answer, 503, leg);
        assert.match(message, /OpenID Connect issuer at https:.*invalid_grant.*log in again/);
        assert.doesNotMatch(answer.raw, /refresh-1|secret-of-client/);
        assert.equal(arrived.length, 0);
      }
      assert.equal(server.embedded.connectionsAccepted, 0);
      assert.equal((await health(proxy, 'livez')).status, 200);
      const unready = await health(proxy, 'readyz');
      assert.equal(unready.status, 500);
      assert.match(unready.text, /\[-\]credentials failed: .*invalid_grant/);
      const fresh = issue(tokens, hour);
      issuer.answer = () => ({ body: { id_token: fresh } });
      await eventually('recovery', async () => (await probe(proxy, server.embedded)).code === 200);
      await eventually('readiness', async () => (await health(proxy, 'readyz')).status === 200);
      assert.doesNotMatch(proxy.stderr(), /refresh-1|secret-of-client/);
    });
  });

  const script = `mount -t tmpfs tmpfs /var/run/ &&
mkdir -p /var/run/secrets/kubernetes.io/serviceaccount &&
mount --bind "$MOUNT" /var/run/secrets/kubernetes.io/serviceaccount &&
exec "$@"`;
  const unshare = ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'];
  const canMount =
    spawnSync(unshare[0] as string, [...unshare.slice(1), 'true'], {
      env: { ...process.env, MOUNT: tmpdir() },
    }).status === 0;

  describe('in a Pod', {
    concurrency: 4,
    skip: canMount ? false : 'no file system can be mounted here',
  }, () => {
    test('the service account is used, its token is read again, and open streams continue', async t => {
      const { server } = await startServer(t);
      const mount = temporaryFolder();
      const write = createVolume(mount);
      const rotate = (token: string) => write({ token, 'ca.crt': server.authority.certificate });
      await rotate('one');
      const env = {
        ...{ HOME: temporaryFolder(), MOUNT: mount, KUBERNETES_SERVICE_HOST: '127.0.0.1' },
        KUBERNETES_SERVICE_PORT: new URL(server.url).port,
      };
      const proxy = await startProxy(['--reject-paths='], env, unshare);
      t.after(() => proxy.stop('SIGKILL'));
      for (const leg of bothLegs) {
        const { code, user } = await probe(proxy, server, leg);
        assert.deepEqual([code, user], [passed(leg), 'one']);
      }
      const streams = [await openWatch(proxy, server), await openAttach(proxy)];
      t.after(() => {
        for (const stream of streams) stream.close();
      });
      await rotate('two');
      await eventually('the second token', async () => (await probe(proxy, server)).user === 'two', promised);
      assert.equal((await probe(proxy, server, 'websocket')).user, 'two');
      for (const stream of streams) await stream.isAlive();
    });
  });
});
