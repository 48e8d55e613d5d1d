import {
  type CertificatePair,
  type ClientCertificateOptions,
  createCertificateAuthority,
} from '../../../support/certificates/certificates.js';
import {
  ambiguousCertificate,
  issueBelow,
  issueOdd,
  laterAmbiguousName,
  oddCertificates,
} from '../../../support/certificates/odd-certificates.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import type { Credential } from './credential.js';
import { type Difference, differences } from './differences.js';

const day = 86_400_000;
const at = (days: number) => new Date(Date.now() + days * day);

/** Client certificates of this authority and of others. */
export async function makeClientCertificates({
  authority,
  minorVersion,
}: ApiServer): Promise<readonly Credential[]> {
  const other = await createCertificateAuthority();
  const intermediate = await authority.intermediate({ commonName: 'team' });
  const expired = await authority.intermediate({ notBefore: at(-9), notAfter: at(-1) });
  const second = await intermediate.intermediate({ commonName: 'group' });
  const leaf = await authority.client({ commonName: 'leaf', organizations: [] });
  const madeUp = await createCertificateAuthority({ commonName: 'leaf' });
  const belowLeaf = await madeUp.client({ commonName: 'alice', organizations: [] });

  const alice = { commonName: 'alice', organizations: ['dev', 'ops'] };
  const is = (
    what: string,
    certificate: CertificatePair,
    user: string | undefined,
    ...differs: readonly Difference[]
  ): Credential => ({ what, certificate, user, differs: [differences.credentialId, ...differs] });
  const has = async (
    what: string,
    options: ClientCertificateOptions,
    user: string | undefined,
    ...differs: readonly Difference[]
  ) => is(what, await authority.client(options), user, ...differs);
  const sent = (
    what: string,
    certificate: CertificatePair,
    authorization: string,
    user: string | undefined,
  ) => ({ ...is(what, certificate, user), authorization: [authorization] });
  const [aliceOwn, aliceOther] = await Promise.all([authority.client(alice), other.client(alice)]);
  const nameless = await authority.client({ commonName: '' });
  const below = await intermediate.client(alice);
  const [first = ''] = below.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
  const twoBelow = await second.client(alice);
  const chain = twoBelow.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
  const reversed = [chain[0], ...chain.slice(1).reverse()].join('');

  return Promise.all([
    has('with several O', alice, 'alice'),
    has('without O', { ...alice, organizations: [] }, 'alice'),
    has('of an RSA key', { ...alice, keyType: 'rsa2048' }, 'alice'),
    has('of an Ed25519 key', { ...alice, keyType: 'ed25519' }, 'alice'),
    has('with the same O twice', { ...alice, organizations: ['dev', 'dev'] }, 'alice', differences.groups),
    has('with an empty O', { ...alice, organizations: ['', 'dev'] }, 'alice', differences.groups),
    has('with a space before O', { ...alice, organizations: [' dev'] }, 'alice', differences.unsendable),
    has('with other letters', { commonName: 'Zoë 日本', organizations: ['größe'] }, 'Zoë 日本'),
    has(
      'with slashes and equal signs in CN',
      { commonName: 'x/O=dev,CN=y', organizations: [] },
      'x/O=dev,CN=y',
    ),
    has(
      'with two CN',
      { subject: [{ CN: [{ utf8String: 'first' }] }, { O: ['dev'] }, { CN: [{ utf8String: 'last' }] }] },
      'last',
    ),
    has(
      'with several attributes in one part of its subject, and other string types',
      {
        subject: [
          { O: [{ printableString: 'one' }], CN: [{ utf8String: 'alice' }] },
          { O: [{ bmpString: 'two' }], OU: [{ utf8String: 'unit' }] },
        ],
      },
      'alice',
    ),
    has('without CN', { subject: [{ O: ['dev'] }] }, 'system:anonymous', differences.nobody),
    has('with an empty CN', { commonName: '' }, 'system:anonymous', differences.nobody),
    has(
      'with a uid',
      { subject: [{ CN: ['alice'] }, { '1.3.6.1.4.1.57683.2': [{ utf8String: '1001' }] }] },
      'alice',
      differences.certificateUid,
    ),
    has('of system:masters', { commonName: 'admin' }, 'admin', differences.reserved),
    has(
      'of system:anonymous',
      { commonName: 'system:anonymous', organizations: [] },
      'system:anonymous',
      differences.anonymous,
    ),
    has(
      'of a node',
      { commonName: 'system:node:n', organizations: ['system:nodes'] },
      'system:node:n',
      differences.reserved,
    ),
    has('that has expired', { ...alice, notBefore: at(-2), notAfter: at(-1) }, undefined),
    has('that is not valid yet', { ...alice, notBefore: at(1), notAfter: at(2) }, undefined),
    has('for servers', { ...alice, usage: '1.3.6.1.5.5.7.3.1' }, undefined),
    has('for no usage in particular', { ...alice, usage: '' }, 'alice', differences.usage),
    has('for any usage', { ...alice, usage: '2.5.29.37.0' }, 'alice', differences.usage),
    is('of another authority with the same name', aliceOther, undefined),
    is(
      'of another authority, which is sent too',
      { ...belowLeaf, certificate: belowLeaf.certificate + other.certificate },
      undefined,
    ),
    is('of an intermediate authority', below, 'alice'),
    is('of an intermediate authority that is not sent', { ...below, certificate: first }, undefined),
    is('of an intermediate authority below another', twoBelow, 'alice'),
    is(
      'of intermediate authorities in the wrong order',
      { ...twoBelow, certificate: reversed },
      'alice',
      differences.order,
    ),
    is('of an intermediate authority that has expired', await expired.client(alice), undefined),
    is(
      'of a certificate that is no authority',
      { ...belowLeaf, certificate: belowLeaf.certificate + leaf.certificate },
      undefined,
    ),
    is('of an intermediate authority itself', intermediate, 'team', differences.usage),
    is('of the authority itself', authority, 'kubernetes', differences.usage),
    is('of itself', madeUp, undefined),
    sent('that is valid, with the token of another user', aliceOwn, 'Bearer of-two', 'alice'),
    sent('that is valid, with an unknown token', aliceOwn, 'Bearer unknown', 'alice'),
    sent('of another authority, with a token', aliceOther, 'Bearer of-two', 'judy'),
    sent('of another authority, with an unknown token', aliceOther, 'Bearer unknown', undefined),
    sent('of another authority, with Basic', aliceOther, 'Basic b2Y6', undefined),
    sent('without CN, with a token', nameless, 'Bearer of-two', 'judy'),
    ...oddCertificates.map(odd => is(odd.what, issueOdd(authority, odd.parts), odd.user?.[0])),
    is('of an intermediate authority with an extension', issueBelow(authority, 1), 'alice'),
    is('of an intermediate authority with an extension twice', issueBelow(authority, 2), undefined),
    is(
      ambiguousCertificate.what,
      issueOdd(authority, ambiguousCertificate.parts),
      minorVersion < 36 ? ambiguousCertificate.user?.[0] : laterAmbiguousName,
      differences.ambiguous,
    ),
  ]);
}
