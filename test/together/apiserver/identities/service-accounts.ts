import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { compactJwt, signedJwt } from '../../../support/identities/oidc-signer.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { bearer, type Credential } from './credential.js';
import { differences } from './differences.js';

/** A JSON object. */
type Json = Readonly<Record<string, unknown>>;

const now = () => Math.floor(Date.now() / 1000);

/** Tokens of service accounts: given by the API server, and signed by the test with the same key. */
export async function makeServiceAccountTokens(server: ApiServer): Promise<readonly Credential[]> {
  const namespace = await server.createNamespace();
  const core = `/api/v1/namespaces/${namespace}`;
  const make = (kind: string, object: Json) => server.admin.do('POST', `${core}/${kind}`, object);
  const makeAccount = (name: string) => make('serviceaccounts', { metadata: { name } });
  const remove = (kind: string, name: string) =>
    server.admin.do('DELETE', `${core}/${kind}/${name}`, { gracePeriodSeconds: 0 });
  const tokenOf = (name: string, spec: Json = {}) => server.tokenOf(namespace, name, spec);
  const boundTo = (kind: string, name: string, apiVersion = 'v1') =>
    tokenOf('reader', { boundObjectRef: { kind, apiVersion, name } });
  const makePod = (name: string, more: Json = {}) =>
    make('pods', {
      metadata: { name },
      spec: { serviceAccountName: 'reader', containers: [{ name: 'main', image: 'none' }], ...more },
    });

  await Promise.all([
    ...['reader', 'deleted', 'again'].map(makeAccount),
    server.admin.do('POST', '/api/v1/nodes', { metadata: { name: `node-of-${namespace}` } }),
    ...['here', 'gone'].map(name => make('secrets', { metadata: { name } })),
  ]);
  const nodeName = `node-of-${namespace}`;
  await Promise.all([makePod('waiting'), makePod('placed', { nodeName }), makePod('gone')]);
  const reader = await tokenOf('reader');
  const [deleted, again, ofPod, ofPlacedPod, ofGonePod, ofSecret, ofGoneSecret, ofNode] = await Promise.all([
    ...[tokenOf('deleted'), tokenOf('again')],
    ...[boundTo('Pod', 'waiting'), boundTo('Pod', 'placed'), boundTo('Pod', 'gone')],
    ...[boundTo('Secret', 'here'), boundTo('Secret', 'gone'), boundTo('Node', nodeName)],
  ] as const);
  const [otherAudience, twoAudiences] = await Promise.all([
    tokenOf('reader', { audiences: ['vault'] }),
    tokenOf('reader', { audiences: ['vault', 'https://kubernetes.default.svc'] }),
  ]);
  await Promise.all([
    ...[remove('serviceaccounts', 'deleted'), remove('serviceaccounts', 'again')],
    ...[remove('pods', 'gone'), remove('secrets', 'gone')],
  ]);
  await makeAccount('again');

  const key = createPrivateKey(await readFile(server.file('serviceAccountKey')));
  const header = partOf(reader, 0);
  const claims = partOf(reader, 1);
  const bound = claims['kubernetes.io'] as Json;
  const sign = (changes: Json, more: Json = {}) =>
    signedJwt({ ...header, ...more }, { ...claims, ...changes }, key);
  const expired = (seconds: number) => sign({ iat: now() - 999, nbf: now() - 999, exp: now() - seconds });
  const named = (changes: Json) => sign({ 'kubernetes.io': { ...bound, ...changes } });
  const legacyClaims = {
    iss: 'kubernetes/serviceaccount',
    sub: claims['sub'],
    'kubernetes.io/serviceaccount/namespace': namespace,
    'kubernetes.io/serviceaccount/secret.name': 'legacy',
    'kubernetes.io/serviceaccount/service-account.name': 'reader',
    'kubernetes.io/serviceaccount/service-account.uid': (bound['serviceaccount'] as Json)['uid'],
  };
  const legacy = signedJwt({ alg: 'RS256', kid: header['kid'] }, legacyClaims, key);
  await make('secrets', {
    metadata: { name: 'legacy', annotations: { 'kubernetes.io/service-account.name': 'reader' } },
    type: 'kubernetes.io/service-account-token',
    stringData: { token: legacy },
  });
  const legacyOf = (changes: Json) => signedJwt({ alg: 'RS256' }, { ...legacyClaims, ...changes }, key);
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const publicPem = createPublicKey(key).export({ format: 'pem', type: 'spki' });
  const hmacInput = compactJwt({ ...header, alg: 'HS256' }, claims, '').slice(0, -1);
  const hmac = createHmac('sha256', publicPem).update(hmacInput).digest('base64url');

  const spaced = (space: string) => reader.replace(/(?<=\.[^.]*)..$/, end => space + end);
  const user = `system:serviceaccount:${namespace}:reader`;
  return [
    bearer('given by the API server', reader, user),
    bearer('bound to a Pod', ofPod, user),
    bearer('bound to a Pod on a node', ofPlacedPod, user),
    bearer('bound to a Secret', ofSecret, user),
    bearer('bound to a Node', ofNode, user),
    bearer('for two audiences, one of them the API server', twoAudiences, user),
    bearer('for another audience', otherAudience, undefined),
    bearer('with a tab in it', spaced('\t'), user, differences.spaces),
    bearer('with a no-break space in it', spaced('\u00a0'), user, differences.spaces),
    bearer('with the control character of a next line in it', spaced('\u0085'), user, differences.spaces),
    bearer('with a line separator before it', `\u2028${reader}`, user, differences.spaces),
    bearer('with a zero width space in it', spaced('\u200b'), undefined),
    bearer('of an account that was deleted', deleted, undefined),
    bearer('of an account that was deleted and made again', again, undefined),
    bearer('bound to a Pod that was deleted', ofGonePod, undefined),
    bearer('bound to a Secret that was deleted', ofGoneSecret, undefined),
    bearer('signed by the test, otherwise the same', sign({ jti: 'of-the-test' }), user),
    bearer('without a JWT ID', sign({ jti: undefined }), user),
    bearer('without the name of its key', sign({}, { kid: undefined }), user),
    bearer('with the name of another key', sign({}, { kid: 'other' }), undefined),
    bearer('that has just expired', expired(1), user),
    bearer('that expired two minutes ago', expired(120), undefined),
    bearer('that expires never', sign({ exp: undefined }), user),
    bearer('that is not valid yet', sign({ nbf: now() + 600 }), undefined),
    bearer('of another issuer', sign({ iss: 'https://example.com' }), undefined),
    bearer('without an issuer', sign({ iss: undefined }), undefined),
    bearer('without an audience', sign({ aud: undefined }), user),
    bearer('for one audience that is no list', sign({ aud: 'https://kubernetes.default.svc' }), user),
    bearer('without the claims of Kubernetes', sign({ 'kubernetes.io': undefined }), undefined),
    bearer(
      'of an account that does not exist',
      named({ serviceaccount: { name: 'none', uid: 'none' } }),
      undefined,
    ),
    bearer(
      'of the account with another uid',
      named({ serviceaccount: { name: 'reader', uid: 'none' } }),
      undefined,
    ),
    bearer('bound to a Pod that does not exist', named({ pod: { name: 'none', uid: 'none' } }), undefined),
    bearer(
      'with the subject of another account',
      sign({ sub: `system:serviceaccount:${namespace}:again` }),
      user,
    ),
    bearer('signed by another key', signedJwt(header, claims, other), undefined),
    bearer('with alg none', compactJwt({ ...header, alg: 'none' }, claims, ''), undefined),
    bearer('with the public key as the secret of HS256', `${hmacInput}.${hmac}`, undefined),
    bearer('without its signature', reader.replace(/[^.]*$/, ''), undefined),
    bearer('with a fourth part', `${reader}.AA`, undefined),
    bearer('of a Secret', legacy, user),
    bearer('of a Secret with another token', legacyOf({ more: true }), undefined),
    bearer(
      'of a Secret that does not exist',
      legacyOf({ 'kubernetes.io/serviceaccount/secret.name': 'none' }),
      undefined,
    ),
  ];
}

function partOf(token: string, index: number): Json {
  return JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString()) as Json;
}
