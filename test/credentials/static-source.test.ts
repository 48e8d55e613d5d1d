import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Credential } from '../../src/credentials/credential.js';
import { createStaticSource } from '../../src/credentials/select.js';
import { createIdToken } from '../support/identities/oidc-issuer.js';

const early = new Date('2030-01-01T00:00:00Z');
const late = new Date('2031-01-01T00:00:00Z');

const withCertificate = (notAfter: Date): Credential => ({
  clientCertificate: { certificate: Buffer.from('c'), key: Buffer.from('k'), notAfter },
});
const bearer = (token: string): Credential => ({ authorization: `Bearer ${token}` });

function create(credential: Credential) {
  const reports: [string, Date | undefined][] = [];
  let looks = 0;
  const source = createStaticSource(credential, {
    events: { expires: (name, at) => void reports.push([name, at]) },
    rereadFiles: async () => void looks++,
  });
  return { source, reports, looks: () => looks };
}

function expiryOf(credential: Credential): Date | undefined {
  const { source, reports } = create(credential);
  source.get();
  assert.equal(reports.length, 1);
  return reports[0]?.[1];
}

describe('a static credential', () => {
  it('expires with its client certificate or a bearer token that is a JSON Web Token, whichever ends first, or at no known time', () => {
    assert.deepEqual(expiryOf(withCertificate(early)), early);
    assert.deepEqual(expiryOf(bearer(createIdToken(early))), early);
    const token = (at: Date): Credential => bearer(createIdToken(at));
    assert.deepEqual(expiryOf({ ...withCertificate(early), ...token(late) }), early);
    assert.deepEqual(expiryOf({ ...withCertificate(late), ...token(early) }), early);
    assert.deepEqual(expiryOf({ ...withCertificate(late), ...bearer('opaque') }), late);
    const basic = `Basic ${Buffer.from(createIdToken(early)).toString('base64')}`;
    const unknown = [
      {},
      bearer('opaque'),
      bearer('a.b.c'),
      bearer(createIdToken(undefined)),
      bearer(`${Buffer.from('{}').toString('base64url')}.!!.x`),
      { authorization: basic },
      { authorization: `Basic ${createIdToken(early)}` },
    ];
    for (const credential of unknown) assert.equal(expiryOf(credential), undefined);
  });

  it('is used forever, and its end is reported once', () => {
    const { source, reports } = create(withCertificate(new Date(0)));
    assert.equal(source.get(), source.get());
    assert.deepEqual(reports, [['static', new Date(0)]]);
  });

  it('reports its end neither before it is first used nor after it is closed', () => {
    const { source, reports } = create(withCertificate(early));
    assert.deepEqual(reports, []);
    source.close();
    source.get();
    assert.deepEqual(reports, [['static', undefined]]);
  });

  it('reads its files once more when it gets a 401', async () => {
    const { source, looks } = create(bearer('t'));
    await source.refused(bearer('t'));
    assert.equal(looks(), 1);
  });
});
