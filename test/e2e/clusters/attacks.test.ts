import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { addContext, emptyKubeconfig } from '../../support/proxy/many-clusters.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { type Answer, type Leg, send } from '../leg.js';

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
const folder = temporaryFolder();
const server = await startFakeApiServer({
  clientCertificates: 'optional',
  allow: () => true,
  tokens: { admin: { username: 'admin' } },
});
after(() => server.kill());

const tokenFile = join(folder, 'tokens.csv');
await writeFile(tokenFile, 'file-token,fiona,,"dev"\n');
const config = emptyKubeconfig('current');
for (const name of ['current', 'other', 'kind#1', 'CORP\\dev', 'a\nb', 'x/../y', 'proxy'])
  addContext(config, name, server, { user: { token: 'admin' } });
const kubeconfig = join(folder, 'config');
await writeFile(kubeconfig, stringify(config));
const proxy = await startInProcess({ after }, [
  ...[`--kubeconfig=${kubeconfig}`, '--all-contexts', callersFlag(tokenFile), '--allow-impersonation'],
]);

/** The parts of an answer that do not differ from one request to the next. */
function told({ code, headers, body }: Answer): unknown {
  const kept = [...headers].filter(([name]) => !/^(date|audit-id|x-request-id|request-id)$/.test(name));
  return { code, headers: kept, body };
}

const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
/** Requests that could reveal whether a name exists: paths below it, and header fields of browsers. */
const attempts = {
  'a page behind a proxy subresource': { below: '/api/v1/namespaces/n/pods/p/proxy/' },
  'a write of another origin': { below: '/api/v1/pods', headers: { origin: 'https://evil.example' } },
  'an exec of another site': {
    below: '/api/v1/namespaces/n/pods/p/exec',
    headers: { 'sec-fetch-site': 'cross-site' },
  },
  'an image of another site': {
    below: '/version',
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
  },
  'a link of another site': { below: '/version', headers: link },
  'a link of another site to a proxy subresource': { below: '/api/v1/nodes/n/proxy/', headers: link },
  'an ambiguous path': { below: '/api/../x' },
  'a user to act as': { below: '/version', headers: { 'impersonate-user': 'jane' } },
  'groups to act as': { below: '/api', headers: { 'impersonate-group': 'dev', 'impersonate-extra-x': 'y' } },
  'a user to act as in another spelling': { below: '/api', headers: { impersonate_user: 'jane' } },
} as const;
type Attempt = { readonly below: string; readonly headers?: Readonly<Record<string, string>> };

describe('a stranger cannot distinguish a context from an unknown name', () => {
  const pairs = [
    ['other', 'otter'],
    ['kind#1', 'kind#2'],
    ['CORP\\dev', 'CORP\\xyz'],
    ['CORP%5Cdev', 'CORP%5Cxyz'],
    ['a%0Ab', 'a%0Ac'],
    ['x/../y', 'x/../z'],
  ] as const;
  for (const [what, { below, headers = {} }] of Object.entries(attempts) as [string, Attempt][]) {
    test(`by ${what}`, async () => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      // Names of each kind for what needs no header field; one pair for all else.
      for (const [known, unknown] of lines.length === 0 ? pairs : pairs.slice(0, 1)) {
        for (const leg of legs) {
          for (const method of leg === 'plain' ? ['GET', 'POST', 'OPTIONS', 'HEAD'] : ['GET']) {
            const ask = async (name: string) =>
              told(
                await send(proxy.port, { leg, method, target: `/clusters/${name}${below}`, headers: lines }),
              );
            assert.deepEqual(await ask(known), await ask(unknown), `${method} ${known} (${leg})`);
          }
        }
      }
    });
  }
});
