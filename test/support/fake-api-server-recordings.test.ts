import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ApiResponse, requestApi } from './api-request.js';
import type { CertificatePair } from './certificates.js';
import { readFixture } from './fake-api-server/fixture.js';
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

// The recording's own objects are others than this server's, so that here only status and headers can be compared.
const otherObjects = new Set([
  'list with limit',
  'list pods as Table',
  'watch: initial events and bookmark',
  'pod log',
  'get a pod',
]);
const asAlice = /^(?:forbidden|self subject review|subject access review|rules review|impersonation refused)/;
const withoutCertificate = /^(?:anonymous|bad token)/;

/**
 * Leaves out what differs from one run to the next: uids, times, versions, digests and addresses; and the one difference
 * in managedFields, where a manager that lost all entries of a map keeps the map itself here.
 */
function normalize(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
    .replace(/"cells":\["one",1,"\d+s"\]/g, '"cells":["one",1,"AGE"]')
    .replace(/"resourceVersion":"\d+"/g, '"resourceVersion":"VERSION"')
    .replace(/too old resource version: 1 \(\d+\)/, 'too old resource version: 1 (VERSION)')
    .replace(/"f:data":\{"\.":\{\}\}/g, '"f:data":{}')
    .replace(/[0-9a-f]{64}/g, 'DIGEST')
    .replace(/"\d+\.\d+\.\d+\.\d+:\d+"/g, '"ADDRESS"');
}

function headersOf(response: ApiResponse): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    pairs.push([response.rawHeaders[index] ?? '', response.rawHeaders[index + 1] ?? '']);
  }
  return pairs;
}

// Length and chunking follow from the body, the others are new for every answer.
const variable = new Set(['audit-id', 'date', 'etag', 'content-length', 'transfer-encoding']);

function comparableHeaders(pairs: readonly (readonly [string, string])[], sameBody: boolean): string[] {
  return pairs
    .map(([name, value]) => [name.toLowerCase(), value])
    .filter(([name = '']) => sameBody || !/^(?:content-length|transfer-encoding)$/.test(name))
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
  versionBefore = list.json<{ metadata: { resourceVersion: string } }>().metadata.resourceVersion;
});

after(() => server.close());

for (const { name, request, response: recorded } of exchanges) {
  test(`the embedded server answers "${name}" as the recorded kube-apiserver did`, async () => {
    const certificate = asAlice.test(name) ? alice : withoutCertificate.test(name) ? null : undefined;
    const response = await requestApi(server, {
      ...request,
      path: request.path.replace('resourceVersion=2855', `resourceVersion=${versionBefore}`),
      ...(certificate === undefined ? {} : { certificate }),
    });
    const sameBody = !otherObjects.has(name);
    assert.equal(response.status, recorded.status);
    assert.deepEqual(
      comparableHeaders(headersOf(response), sameBody),
      comparableHeaders(recorded.headers, sameBody),
    );
    if (sameBody) assert.equal(normalize(response.body), normalize(recorded.body));
  });
}
