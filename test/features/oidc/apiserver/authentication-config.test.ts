import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ExpressionError } from '../../../../src/features/common/cel/variable.js';
import { compileExpression } from '../../../../src/features/oidc/expressions.js';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { startOidcIssuer } from '../../../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../../../support/identities/oidc-signer.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { createRandom, type Random } from '../../../support/random.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { type Asked, bearer, verdictOf } from '../../../together/apiserver/identities/credential.js';
import { claims as celClaims } from '../../common/cel/truths.js';
import { configurations, type JwtConfiguration, wrongEntries } from '../jwt-configurations.js';
import { generateExpression } from './generated-expression.js';

/** A file, an API server and a gateway that follow it, and an issuer for each configuration. */
async function start(t: TestContext, run: ApiServer) {
  const folder = temporaryFolder();
  const path = join(folder, 'config.json');
  const authority = await createCertificateAuthority();
  // Two issuers may have keys of one name.
  const signers = [createOidcSigner('one'), createOidcSigner('one')] as const;
  const elliptic = createOidcSigner('elliptic', 'ES256');
  const issuers = await Promise.all(
    configurations.map(async (configuration, index) => {
      const issuer = await startOidcIssuer(authority);
      t.after(() => issuer.close());
      const signer = signers[index % 2] as (typeof signers)[number];
      issuer.jwks = { keys: [signer.jwk, elliptic.jwk] };
      const { discoveredAs } = configuration;
      if (discoveredAs === undefined) return { configuration, url: issuer.url, signer };
      const discoveryURL = `${issuer.url}/.well-known/openid-configuration`;
      issuer.metadata = { ...(issuer.metadata as object), issuer: discoveredAs };
      return { configuration: { ...configuration, issuer: { discoveryURL } }, url: discoveredAs, signer };
    }),
  );
  const write = async (jwt: readonly object[]) => {
    const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
    await writeFile(`${path}.new`, JSON.stringify({ ...head, jwt }));
    await rename(`${path}.new`, path);
  };
  const entryOf = (url: string, { entry, issuer }: Pick<JwtConfiguration, 'entry' | 'issuer'>) => ({
    issuer: { url, audiences: ['gateway'], certificateAuthority: authority.certificate, ...issuer },
    claimMappings: { username: { claim: 'sub', prefix: '' } },
    ...entry,
  });
  const all = issuers.map(({ url, configuration }) => entryOf(url, configuration));
  await write(all);
  const { server } = await startOwnApiServer(t, run, { flags: [`--authentication-config=${path}`] });
  await server.grant('proxy', [{ apiGroups: ['*'], resources: ['*'], verbs: ['impersonate'] }]);
  const serving = await createServingFiles();
  await serving.write(await server.authority.server());
  const gateway = await startInProcess(t, [
    `--kubeconfig=${await server.kubeconfig({ commonName: 'proxy', organizations: [] })}`,
    ...[...serving.flags, `--authentication-config=${path}`],
  ]);
  const asked = (port: number): Asked => ({
    ...{ port, ca: server.authority.certificate, auditLog: server.location.auditLog },
  });
  const servers = { direct: asked(Number(new URL(server.url).port)), gateway: asked(gateway.port) };
  return { issuers, elliptic, write, all, entryOf, server, gateway, servers };
}

const seed = Number(process.env['EXPRESSION_SEED'] ?? 20_261);
const count = Number(process.env['EXPRESSIONS'] ?? 60);

/** An expression that the gateway accepts. */
function acceptedExpression(random: Random): string {
  for (;;) {
    const expression = generateExpression(random);
    try {
      if (expression.length < 600) return compileExpression(expression, 'claims').text;
    } catch (error) {
      assert.ok(error instanceof ExpressionError, expression);
    }
  }
}

const seconds = () => Math.floor(Date.now() / 1000);

function claimsOf(url: string, more: object): object {
  return { iss: url, aud: 'gateway', sub: 'alice', iat: seconds() - 60, exp: seconds() + 3000, ...more };
}

test('the gateway reads the file of the API server with the same verdicts', async (t, run) => {
  const { issuers, elliptic, write, all, entryOf, server, gateway, servers } = await start(t, run);
  const compare = async (what: string, token: string, user: string | undefined) => {
    const credential = bearer(what, token, user);
    // Each of the two fetches the keys of an issuer in the background.
    const expected = await eventuallyPasses(async () => {
      const found = await verdictOf(servers.direct, credential);
      assert.equal(typeof found === 'number' ? undefined : found.username, user);
      return found;
    });
    await eventuallyPasses(async () =>
      assert.deepEqual(await verdictOf(servers.gateway, credential), expected),
    );
  };
  await eventually('the keys', () => {
    return (
      gateway.stderr().split('fetched the keys of the OpenID Connect issuer').length > configurations.length
    );
  });

  for (const { configuration, url, signer } of issuers) {
    await t.test(`with ${configuration.what}`, { concurrency: 4 }, async t => {
      // The first one waits for the API server's keys.
      const [first, ...others] = configuration.tokens.toSorted(
        (one, other) => Number(one[2] === undefined) - Number(other[2] === undefined),
      );
      for (const tokens of [[first ?? assert.fail()], others]) {
        await Promise.all(
          tokens.map(([what, claims, user]) =>
            t.test(what, () => compare(what, signer.sign(claimsOf(url, claims)), user)),
          ),
        );
      }
    });
  }

  await t.test('of tokens that are meant to deceive', async t => {
    const [one, two] = issuers;
    assert.ok(one && two);
    for (const [what, token, user] of [
      ['with the name of another issuer', one.signer.sign(claimsOf(two.url, {})), undefined],
      ['with the key of another issuer', two.signer.sign(claimsOf(one.url, {})), undefined],
      [
        'of an issuer that is not configured',
        one.signer.sign(claimsOf('https://127.0.0.1:1/x', {})),
        undefined,
      ],
      ['with a slash after its issuer', one.signer.sign(claimsOf(`${one.url}/`, {})), undefined],
      ['of another algorithm that may sign', elliptic.sign(claimsOf(one.url, {})), 'alice'],
    ] as const) {
      await t.test(what, () => compare(what, token, user));
    }
  });

  const reloads = async (status: 'success' | 'failure') => {
    const { body } = await server.admin.ask('GET', '/metrics');
    const name = 'apiserver_authentication_config_controller_automatic_reloads_total';
    return Number(new RegExp(`^${name}\\{.*status="${status}"\\} (\\d+)$`, 'm').exec(String(body))?.[1] ?? 0);
  };
  const refusals = () => gateway.stderr().split('the last valid one stays in use').length - 1;
  const [first] = issuers;
  assert.ok(first);
  const good = first.signer.sign(claimsOf(first.url, { sub: 'bob' }));
  await t.test('of a file that cannot be used', async t => {
    for (const [what, entry, issuer = {}] of wrongEntries) {
      await t.test(`with ${what}`, async () => {
        const before = [await reloads('failure'), refusals()];
        await write([...all, entryOf('https://wrong.example', { entry, issuer })]);
        await eventually('both have read it', async () => {
          return refusals() > (before[1] ?? 0) && (await reloads('failure')) > (before[0] ?? 0);
        });
      });
    }
    await compare('of the last valid file', good, 'bob');
  });

  await t.test(`of ${count} generated expressions (EXPRESSION_SEED=${seed})`, async () => {
    const random = createRandom(seed);
    const results = new Set<string>();
    for (let batch = 0; batch * issuers.length < count; batch++) {
      const expressions = issuers.map(() => acceptedExpression(random));
      const entries = issuers.map(({ url, configuration: { issuer = {} } }, index) => {
        const extra = [{ key: 'example.com/value', valueExpression: expressions[index] }];
        const claimMappings = { username: { claim: 'sub', prefix: '' }, extra };
        return entryOf(url, { entry: { claimMappings }, issuer });
      });
      const before = await reloads('success');
      await write(entries);
      await eventually('both have read it', async () => {
        return gateway.stderr().split('reloaded').length > batch + 1 && (await reloads('success')) > before;
      });
      for (const [index, { url, signer }] of issuers.entries()) {
        const what = expressions[index] as string;
        const token = signer.sign(claimsOf(url, { ...celClaims, sub: 'alice', jti: `${batch}` }));
        const credential = bearer(what, token, undefined);
        const expected = await verdictOf(servers.direct, credential);
        assert.deepEqual(await verdictOf(servers.gateway, credential), expected, what);
        results.add(JSON.stringify(expected));
      }
    }
    assert.ok(results.size > 10, 'there are many results');
  });
});
