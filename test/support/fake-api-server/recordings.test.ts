import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CertificatePair } from '../certificates/certificates.js';
import { type HttpAnswer, requestApi } from '../clients/http-client.js';
import { readFixture } from '../project.js';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.js';

interface RecordedExchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string;
  };
}

const { exchanges } = readFixture<{ exchanges: RecordedExchange[] }>('recorded-exchanges.json');

/** Of these only status and headers are compared, because the objects, the rights or the words of this server are others. */
const otherBodies = new Set([
  'malformed JSON: 400',
  'rules review',
  'list with limit',
  'list pods as Table',
  'watch: initial events and bookmark',
  'pod log',
  'get a pod',
]);
const asAlice = /^(?:forbidden|self subject review|subject access review|rules review|impersonation refused)/;
const withoutCertificate = /^(?:anonymous|bad token)/;

/**
 * Leaves out what differs from one run to the next (uids, times, versions, digests and addresses), and what this server does not
 * have: managedFields and hashes of storage versions.
 */
function normalize(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
    .replace(/"cells":\["one",1,"\d+s"\]/g, '"cells":["one",1,"AGE"]')
    .replace(/"resourceVersion":"\d+"/g, '"resourceVersion":"VERSION"')
    .replace(/too old resource version: 1 \(\d+\)/, 'too old resource version: 1 (VERSION)')
    .replace(/,?"managedFields":\[[^\]]*\]/g, '')
    .replace(/,"storageVersionHash":"[^"]*"/g, '')
    .replace(/[0-9a-f]{64}/g, 'DIGEST')
    .replace(/"\d+\.\d+\.\d+\.\d+:\d+"/g, '"ADDRESS"');
}

function headersOf(response: HttpAnswer): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    pairs.push([response.rawHeaders[index] ?? '', response.rawHeaders[index + 1] ?? '']);
  }
  return pairs;
}

// Length and chunking follow from the body, the others are new for every answer.
const variable = new Set(['audit-id', 'date', 'etag', 'content-length', 'transfer-encoding']);
/** Of priority and fairness, which this server does not have. */
const missing = /^x-kubernetes-pf-/;

function comparableHeaders(pairs: readonly (readonly [string, string])[], sameLength: boolean): string[] {
  return pairs
    .map(([name, value]) => [name.toLowerCase(), value])
    .filter(([name = '']) => !missing.test(name))
    .filter(([name = '']) => sameLength || !/^(?:content-length|transfer-encoding)$/.test(name))
    .map(([name = '', value]) => (variable.has(name) ? name : `${name}: ${value}`))
    .sort();
}

let server: FakeApiServer;
let alice: CertificatePair;
let versionBefore = '';

before(async () => {
  const tokenuser = { username: 'tokenuser', uid: '1001', groups: ['dev-team'] };
  server = await startFakeApiServer({ clientCertificates: 'optional', tokens: { sometoken: tokenuser } });
  alice = await server.authority.client({ commonName: 'alice', organizations: ['dev-team'] });
  await requestApi(server, {
    method: 'POST',
    path: '/api/v1/namespaces',
    body: '{"metadata":{"name":"rec"}}',
  });
  const list = await requestApi(server, { path: '/api/v1/namespaces?limit=1' });
  versionBefore = (list.json as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
});

after(() => server.close());

for (const { name, request, response: recorded } of exchanges) {
  test(`the embedded server answers "${name}" as the recorded kube-apiserver did`, async () => {
    const certificate = asAlice.test(name) ? alice : withoutCertificate.test(name) ? null : undefined;
    const isApply = request.headers['Content-Type'] === 'application/apply-patch+yaml';
    const response = await requestApi(server, {
      ...request,
      // This server has no server-side apply. Here, the same patch of JSON has the same effect.
      ...(isApply && { headers: { ...request.headers, 'Content-Type': 'application/merge-patch+json' } }),
      path: request.path.replace('resourceVersion=2855', `resourceVersion=${versionBefore}`),
      ...(certificate === undefined ? {} : { certificate }),
    });
    const sameBody = !otherBodies.has(name);
    const sameLength = sameBody && !recorded.body.includes('managedFields');
    assert.equal(response.status, recorded.status);
    assert.deepEqual(
      comparableHeaders(headersOf(response), sameLength),
      comparableHeaders(recorded.headers, sameLength),
    );
    if (sameBody) assert.equal(normalize(response.text), normalize(recorded.body));
  });
}
