import { createHmac } from 'node:crypto';
import type { OidcIssuer } from '../../../support/identities/oidc-issuer.js';
import { compactJwt, createOidcSigner } from '../../../support/identities/oidc-signer.js';
import { bearer, type Credential } from './credential.js';
import { type Difference, differences } from './differences.js';

/** Flags for the claims of the ID tokens, besides those of the issuer. */
export const claimFlags = [
  ...['--oidc-username-claim=email', '--oidc-username-prefix=corp:', '--oidc-groups-claim=groups'],
  ...['--oidc-groups-prefix=corp:', '--oidc-required-claim=hd=example.com'],
] as const;

/** Flags that leave the claims at their defaults. */
export const algorithmFlags = ['--oidc-signing-algs=ES256,PS256'] as const;

const now = () => Math.floor(Date.now() / 1000);

/** Gives the issuer its keys, and makes ID tokens of it and of others, for `claimFlags`. */
export function makeIdTokens(issuer: OidcIssuer): readonly Credential[] {
  const [one, two, elliptic, stranger] = [
    createOidcSigner('one'),
    createOidcSigner('two'),
    createOidcSigner('elliptic', 'ES256'),
    createOidcSigner('one'),
  ];
  issuer.jwks = { keys: [one.jwk, two.jwk, elliptic.jwk] };
  const claims = {
    iss: issuer.url,
    aud: 'gateway',
    sub: 'u-1001',
    email: 'alice@example.com',
    hd: 'example.com',
    exp: now() + 1800,
    iat: now() - 60,
  };
  const user = 'corp:alice@example.com';
  const sign = (changes: object, header: Readonly<Record<string, unknown>> = {}) =>
    one.sign({ ...claims, ...changes }, header);
  const good = (what: string, changes: object, ...differs: readonly Difference[]) =>
    bearer(what, sign(changes), user, ...differs);
  const bad = (what: string, changes: object, ...differs: readonly Difference[]) =>
    bearer(what, sign(changes), undefined, ...differs);
  const hmacInput = compactJwt({ alg: 'HS256', kid: 'one' }, claims, '').slice(0, -1);
  const hmac = createHmac('sha256', one.publicPem).update(hmacInput).digest('base64url');
  const [head = '', , signature = ''] = sign({}).split('.');
  const changed = Buffer.from(JSON.stringify({ ...claims, email: 'root@example.com' })).toString('base64url');
  const nowhere = { endpoint: 'https://127.0.0.1:1/groups' };

  return [
    good('with a list of groups', { groups: ['dev', 'ops'] }),
    good('with one group as a string', { groups: 'dev' }),
    good('without groups', {}),
    good('with an empty list of groups', { groups: [] }),
    good('with groups that are null', { groups: null }),
    good('with an empty group', { groups: '' }),
    good('with a group that is null', { groups: ['dev', null] }, differences.claimTypes),
    bad('with a group that is a number', { groups: ['dev', 1] }),
    bad('with groups that are a number', { groups: 1 }),
    bad('with groups that are an object', { groups: { dev: true } }),
    bad('with a list in the list of groups', { groups: [['dev']] }),
    good('with a group of the system, which gets a prefix', { groups: ['system:masters'] }),
    good('with a group twice', { groups: ['dev', 'dev'] }, differences.groups),
    good('with a space after a group', { groups: ['dev '] }, differences.unsendable),
    good('with groups at another place', {
      _claim_names: { groups: 'there' },
      _claim_sources: { there: {} },
    }),
    bad(
      'with groups at a place that does not answer',
      { _claim_names: { groups: 'there' }, _claim_sources: { there: nowhere } },
      differences.distributedClaims,
    ),
    good('with a verified email', { email_verified: true }),
    bad('with an email that is not verified', { email_verified: false }),
    bad('with an email that is verified by a string', { email_verified: 'true' }),
    bad('with an email that is verified by null', { email_verified: null }),
    bad('without the claim for the name', { email: undefined }),
    bearer('with an empty name', sign({ email: '' }), 'corp:', differences.claimTypes),
    bearer('with a name that is null', sign({ email: null }), 'corp:', differences.claimTypes),
    bad('with a name that is a number', { email: 1001 }),
    bearer('with other letters in the name', sign({ email: 'zoë@例え.jp' }), 'corp:zoë@例え.jp'),
    bearer('with a space after the name', sign({ email: 'alice ' }), 'corp:alice ', differences.unsendable),
    bearer('with two lines in the name', sign({ email: 'a\nb' }), 'corp:a\nb', differences.unsendable),
    good('without a subject', { sub: undefined }),
    bad('without a required claim', { hd: undefined }),
    bad('with another value of a required claim', { hd: 'example.org' }),
    bad('with a list as a required claim', { hd: ['example.com'] }),
    bad('for another client', { aud: 'other' }),
    bad('for other clients', { aud: ['other', 'more'] }),
    good('for several clients', { aud: ['other', 'gateway'] }),
    good('for several clients, authorized for another', { aud: ['other', 'gateway'], azp: 'other' }),
    bad('without an audience', { aud: undefined }),
    bad('with an empty list of audiences', { aud: [] }),
    bad('with a number among the audiences', { aud: ['gateway', 1] }),
    bad('that has expired', { exp: now() - 10 }),
    bad('without an expiry', { exp: undefined }),
    good('with a fraction in its expiry', { exp: now() + 1800.5 }),
    good('with its expiry as a string', { exp: String(now() + 1800) }, differences.claimTypes),
    bad('with a word as its expiry', { exp: 'tomorrow' }),
    good('with its expiry in the far future', { exp: 99_999_999_999 }),
    bad('with its expiry behind the end of time', { exp: 1e300 }),
    bad('with a nonce that is a number', { nonce: 7 }),
    bad('with groups at a place without an address', { _claim_names: { groups: 'there' } }),
    good('that is valid in half a minute', { nbf: now() + 30 }),
    bad('that is valid in ten minutes', { nbf: now() + 600 }),
    good('that was issued in the future', { iat: now() + 600 }),
    good('with the time of its issue as a string', { iat: String(now()) }, differences.claimTypes),
    good('with a JWT ID', { jti: 'jti-1' }),
    bad('of another issuer', { iss: 'https://example.com' }),
    bad('with a slash after its issuer', { iss: `${issuer.url}/` }),
    bad('without an issuer', { iss: undefined }),
    bearer('of the second key', two.sign(claims), user),
    bearer('without the name of its key', sign({}, { kid: undefined }), user),
    bearer('of the second key, without its name', two.sign(claims, { kid: undefined }), user),
    bearer('with the name of the other key', two.sign(claims, { kid: 'one' }), undefined),
    bearer('with the name of no key', sign({}, { kid: 'three' }), undefined),
    bearer('of another key with the same name', stranger.sign(claims), undefined),
    bearer('of an algorithm that is not allowed', elliptic.sign(claims), undefined),
    bearer('with alg none', compactJwt({ alg: 'none' }, claims, ''), undefined),
    bearer('with the public key as the secret of HS256', `${hmacInput}.${hmac}`, undefined),
    bearer('with other claims than those that were signed', `${head}.${changed}.${signature}`, undefined),
    bearer('without its signature', `${sign({}).replace(/[^.]*$/, '')}`, undefined),
    bearer('with another type in its header', sign({}, { typ: 'at+jwt' }), user),
    bearer('with an unknown critical header', sign({}, { crit: ['x'], x: 1 }), undefined),
    good('with a name in other letter case', { Email: 'root@example.com' }),
    bad('with an expiry in other letter case', { EXP: now() - 10 }, differences.claimNames),
  ];
}

/** Gives the issuer its keys, and makes ID tokens for `algorithmFlags`. */
export function makeTokensOfSubjects(issuer: OidcIssuer): readonly Credential[] {
  const [rsa, elliptic] = [createOidcSigner('rsa'), createOidcSigner('elliptic', 'ES256')];
  issuer.jwks = { keys: [rsa.jwk, elliptic.jwk] };
  const claims = { iss: issuer.url, aud: 'gateway', sub: 'u-1', exp: now() + 1800, groups: ['dev'] };
  const sign = (changes: object) => elliptic.sign({ ...claims, ...changes });
  return [
    bearer('with a subject', sign({}), `${issuer.url}#u-1`),
    bearer(
      'with a subject and an email that is not verified',
      sign({ email_verified: false }),
      `${issuer.url}#u-1`,
    ),
    bearer('with a subject of the system', sign({ sub: 'system:admin' }), `${issuer.url}#system:admin`),
    bearer('without a subject', sign({ sub: undefined }), undefined),
    bearer('with an empty subject', sign({ sub: '' }), `${issuer.url}#`, differences.claimTypes),
    bearer('of RS256, which is not allowed', rsa.sign(claims), undefined),
  ];
}
