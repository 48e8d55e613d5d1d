import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  arn,
  decodedMountOf,
  mountOf,
  rancherPath,
  startManyClusters,
  startManyStack,
} from '../../support/proxy/many-clusters.js';

describe('a Location', () => {
  let location = '';
  let status = 302;
  const answering = startManyClusters({ after }).then(async clusters => {
    for (const server of [clusters.one, clusters.two]) {
      server.intercept(({ url = '' }, response) => {
        if (!url.includes('/redirect')) return false;
        response.writeHead(status, { Location: location, 'Content-Length': 0 }).end();
        return true;
      });
    }
    return startManyStack({ after }, { run: startInProcess, clusters });
  });

  test('that stays on the API server stays on its mount', async () => {
    const { port, one, two } = await answering;
    for (const [context, server, prefix] of [
      ['a', one, ''],
      [arn, two, ''],
      ['rancher', two, rancherPath],
    ] as const) {
      for (const code of [301, 302, 303, 307, 308, 201]) {
        for (const [sent, path] of [
          [`${prefix}/elsewhere/?a=%2F`, '/elsewhere/?a=%2F'],
          [`${server.url}${prefix}/elsewhere#x`, '/elsewhere#x'],
          [`${prefix}/api/v1/namespaces/x/pods/y/proxy/`, '/api/v1/namespaces/x/pods/y/proxy/'],
        ] as const) {
          [location, status] = [sent, code];
          for (const mount of [mountOf(context), decodedMountOf(context)]) {
            const { headers } = await sendPlain(port, `${mount}/redirect`);
            const got = new URL(headers.location ?? '', `http://127.0.0.1:${port}${mount}/redirect`);
            assert.equal(got.port, String(port), `${sent}: ${headers.location}`);
            const target = `${got.pathname}${got.search}${got.hash}`;
            assert.ok(
              [mountOf(context), decodedMountOf(context)].some(known => target === `${known}${path}`),
              `${code} ${sent} below ${mount}: ${headers.location}`,
            );
          }
        }
      }
    }
  });

  test('is unchanged if it is relative, leads elsewhere, or is answered at /', async () => {
    const { port, one, two } = await answering;
    status = 302;
    for (const [mount, sent] of [
      ['/clusters/a', 'sub/path'],
      ['/clusters/a', '?page=2'],
      ['/clusters/a', 'https://elsewhere.example/x'],
      ['/clusters/a', '//elsewhere.example/x'],
      ['/clusters/a', `${two.url}/x`],
      ['/clusters/a', 'mailto:someone@example.com'],
      ['', '/elsewhere'],
      ['', `${one.url}/elsewhere`],
    ] as const) {
      location = sent;
      const { headers } = await sendPlain(port, `${mount}/redirect`);
      assert.equal(headers.location, sent);
    }
  });
});
