import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import type { WatchClient } from '../support/clients/watch-client.js';
import { eventually } from '../support/eventually.js';
import type { RequestRecord } from '../support/fake-api-server/fake-api-server.js';
import { startOidcIssuer } from '../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../support/identities/oidc-signer.js';
import { proxyToken } from '../support/identities/two-users.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { type NamespaceWatch, untilReviewed, WatchedNamespace } from '../support/proxy/watched-namespace.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const authority = await createCertificateAuthority({ commonName: 'clients' });
const files = await createServingFiles();
const clientCa = await files.replace('clients.crt', authority.certificate);

const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

const folder = temporaryFolder();
const issuerAuthority = await createCertificateAuthority();
await writeFile(join(folder, 'ca.crt'), issuerAuthority.certificate);
const signer = createOidcSigner('one', 'ES256');
const issuer = await startOidcIssuer(issuerAuthority);
after(() => issuer.close());
issuer.jwks = { keys: [signer.jwk] };

/** Users that may no longer watch. */
const denied = new Set<string>();

/** A gateway with all methods of authentication: a token file, token review, an id-token, and a certificate. */
const gateway = await startGateway(
  { after },
  {
    run: startInProcess,
    tokenFile: [
      'alice-token,alice,,"dev"',
      'alice-again,alice,,"dev"',
      'alice-in-ops,alice,,"dev,ops"',
      'alice-with-uid,alice,7,"dev"',
      'alice-with-other-uid,alice,8,"dev"',
      'dev-token,dev,,"alice"',
      'bob-token,bob,,"dev"',
      'carol-token,carol,,',
      'dave-token,dave,,',
      'grace-token,grace,,',
      '',
    ].join('\n'),
    flags: [
      ...[
        '--share-watches',
        '--authentication-token-webhook',
        `--client-ca-file=${clientCa}`,
        ...files.flags,
      ],
      ...[`--oidc-issuer-url=${issuer.url}`, '--oidc-client-id=gateway', '--oidc-username-prefix=-'],
      ...[`--oidc-ca-file=${join(folder, 'ca.crt')}`, '--oidc-signing-algs=ES256'],
    ],
    server: {
      allow: (user, { verb, resource }) =>
        user.username === 'proxy'
          ? verb === 'impersonate' || resource === 'tokenreviews' || /^self/.test(resource)
          : verb !== 'watch' || !denied.has(user.username),
    },
  },
);
await eventually('the keys', () =>
  /fetched the keys of the OpenID Connect issuer/.test(gateway.proxy.stderr()),
);
const { server } = gateway;
const stack = { server, proxy: { url: `https://127.0.0.1:${gateway.proxy.port}` } };
const ca = files.authority.certificate;

const extra = (value: string) => ({ username: 'reviewed', groups: ['dev'], extra: { scopes: [value] } });
Object.assign(gateway.tokens, {
  'reviewed-token': { username: 'reviewed', groups: ['dev'] },
  'reviewed-all': extra('all'),
  'reviewed-some': extra('some'),
});

function byToken(token: string): NamespaceWatch {
  return { headers: { Authorization: `Bearer ${token}` }, tls: { ca } };
}

async function byCertificate(
  commonName: string,
  organizations: readonly string[],
  notAfter?: Date,
): Promise<NamespaceWatch> {
  const pair = await authority.client({ commonName, organizations, ...(notAfter && { notAfter }) });
  return { tls: { ca, cert: pair.certificate, key: pair.key } };
}

/** Opens watches, and counts those of the API server. */
async function open(questions: readonly NamespaceWatch[]) {
  const namespace = new WatchedNamespace(stack);
  const from = server.version;
  const watches: WatchClient[] = [];
  for (const question of questions) watches.push(await namespace.watch({ from, ...question }));
  assert.deepEqual(
    watches.map(({ status }) => status),
    watches.map(() => 200),
  );
  namespace.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  return { namespace, watches, upstream: namespace.upstream() };
}

/** The fields of an identity, as one text. */
function identityOf({ rawHeaders }: RequestRecord): string {
  return rawHeaders
    .flatMap((name, index) =>
      index % 2 === 0 && /^impersonate-/i.test(name)
        ? [`${name.toLowerCase()}: ${rawHeaders[index + 1]}`]
        : [],
    )
    .sort()
    .join(', ');
}

await untilReviewed(stack, proxyToken, byToken('bob-token'));

describe('callers of a gateway', { concurrency: 4 }, () => {
  test('share with themselves, over any connection and with any token', async () => {
    const certificate = await byCertificate('jane', ['dev']);
    const alice = [byToken('alice-token'), byToken('alice-token')];
    assert.equal((await open(alice)).upstream.length, 1);
    assert.equal((await open([certificate, certificate])).upstream.length, 1);
    assert.equal((await open([byToken('reviewed-all'), byToken('reviewed-all')])).upstream.length, 1);
    const idToken = (jti?: string) =>
      byToken(signer.sign({ iss: issuer.url, aud: 'gateway', sub: 'frank', exp: secondsFromNow(300), jti }));
    const { upstream } = await open([idToken('1'), idToken('2'), idToken()]);
    assert.equal(upstream.length, 1);
    assert.match(identityOf(upstream[0] ?? assert.fail()), /credential-id: JTI=1,/);
  });

  test('never share if a name, group, uid or extra field differs', async () => {
    const questions: readonly NamespaceWatch[] = [
      byToken('alice-token'),
      byToken('alice-in-ops'),
      byToken('alice-with-uid'),
      byToken('alice-with-other-uid'),
      byToken('dev-token'),
      byToken('bob-token'),
      byToken('carol-token'),
      byToken('reviewed-token'),
      byToken('reviewed-all'),
      byToken('reviewed-some'),
      await byCertificate('alice', []),
      await byCertificate('alice', ['dev', 'ops', 'more']),
      await byCertificate('alice,dev', []),
      await byCertificate('jane', ['dev']),
      await byCertificate('reviewed', ['dev', 'scopes=all']),
    ];
    const { upstream } = await open([...questions, ...questions]);
    assert.equal(upstream.length, questions.length);
    assert.equal(new Set(upstream.map(identityOf)).size, questions.length);
  });

  test('without the right get their 403, and without a valid credential a 401, even if the watch is already shared', async t => {
    denied.add('dave');
    t.after(() => denied.delete('dave'));
    const { namespace } = await open([byToken('carol-token')]);
    const watch = await namespace.watch(byToken('dave-token'));
    assert.equal(watch.status, 403);
    await watch.ended;
    assert.match(String(watch.bytes()), /User \\"dave\\" cannot watch resource/);
    const before = namespace.upstream().length;
    for (const question of [byToken('wrong'), { tls: { ca } }])
      assert.equal((await namespace.watch(question)).status, 401);
    // Fields that name another user are of no use either.
    for (const name of ['Impersonate-User', 'impersonate_user', 'X-Remote-User']) {
      const { headers } = byToken('bob-token');
      const claiming = await namespace.watch({ tls: { ca }, headers: { ...headers, [name]: 'carol' } });
      assert.equal(claiming.status, 403, name);
    }
    assert.equal(namespace.upstream().length, before);
  });
});
