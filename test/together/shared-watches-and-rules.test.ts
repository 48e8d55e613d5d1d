import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { send } from '../support/clients/http-client.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { eventually, eventuallyPasses } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import { scrapeOwn, sumOf } from '../support/proxy/own-metric.js';
import { startStack } from '../support/proxy/stack.js';
import { queryOf, WatchedNamespace } from '../support/proxy/watched-namespace.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const auditLog = join(folder, 'audit.log');

const server = await embeddedApiServer({ after });
const [plain, guarded] = await Promise.all([
  startStack(
    { after },
    { server: server.embedded, flags: ['--share-watches', `--audit-log-path=${auditLog}`] },
  ),
  startStack(
    { after },
    {
      server: server.embedded,
      flags: [
        ...['--share-watches', '--read-only', '--reject-resources=secrets', '--max-longrunning-requests=3'],
        ...['--accept-namespaces=^(watched-|default).*', '--reject-paths=^/api/v1/namespaces/[^/]*/pods'],
      ],
    },
  ),
]);

const longRunning = 'kube_api_proxy_longrunning_requests';
const watched = { verb: 'watch', resource: 'configmaps' };

interface AuditEvent {
  readonly auditID: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username?: string };
  readonly sourceIPs: readonly string[];
  readonly userAgent?: string;
  readonly responseStatus?: { readonly code?: number };
}

function auditEvents(path: string): AuditEvent[] {
  const events = jsonLines<AuditEvent>(readFileSync(auditLog, 'utf8'));
  return events.filter(({ requestURI }) => requestURI.startsWith(path));
}

describe('each client of a shared watch', { concurrency: false }, () => {
  for (const initial of [false, true]) {
    test(`has its own audit events and log line, and counts in the metrics${initial ? ', if it begins with the objects too' : ''}`, async () => {
      const namespace = new WatchedNamespace(plain);
      const from = server.embedded.version;
      const before = await scrapeOwn(plain.port);
      const ended = (samples: typeof before) =>
        sumOf(samples, 'kube_api_proxy_requests_total', { ...watched, code: '200' });
      const watches = [];
      for (const agent of ['one', 'two', 'three']) {
        watches.push(await namespace.watch({ from, initial, headers: { 'User-Agent': agent } }));
      }
      const open = await scrapeOwn(plain.port);
      assert.equal(sumOf(open, longRunning, watched) - sumOf(before, longRunning, watched), 3);
      namespace.write('large', { text: 'x'.repeat(20_000) });
      for (const watch of watches) await watch.untilNamed('large');
      await namespace.untilUpstream(1);
      // The audit log is written in the background.
      await eventuallyPasses(() => {
        const started = auditEvents(namespace.path).filter(({ stage }) => stage === 'ResponseStarted');
        assert.equal(started.length, 3);
      });
      for (const watch of watches) watch.close();
      await eventuallyPasses(async () => {
        const after = await scrapeOwn(plain.port);
        assert.equal(sumOf(after, longRunning, watched), sumOf(before, longRunning, watched));
        assert.equal(ended(after) - ended(before), 3);
      });
      const events = await eventuallyPasses(() => {
        const complete = auditEvents(namespace.path).filter(({ stage }) => stage === 'ResponseComplete');
        assert.equal(complete.length, 3);
        return complete;
      });
      assert.deepEqual(events.map(({ userAgent }) => userAgent).sort(), ['one', 'three', 'two']);
      assert.equal(new Set(events.map(({ auditID }) => auditID)).size, 3);
      assert.ok(events.every(({ verb, responseStatus }) => verb === 'watch' && responseStatus?.code === 200));
      const lines = await eventuallyPasses(() => {
        const found = plain.proxy
          .log()
          .filter(({ path, bytes }) => String(path).startsWith(namespace.path) && bytes !== undefined);
        assert.equal(found.length, 3);
        return found;
      });
      assert.equal(new Set(lines.map(({ requestId }) => requestId)).size, 3);
      for (const line of lines) {
        assert.equal(line['verb'], 'watch');
        assert.equal(line['code'], 200);
        assert.ok(Number(line['bytes']) > 20_000);
      }
    });
  }

  for (const initial of [false, true]) {
    test(`counts towards the limits${initial ? ', if it begins with the objects too' : ''}`, async () => {
      const namespace = new WatchedNamespace(guarded);
      const question = { from: server.embedded.version, initial };
      const watches = await namespace.watchMany(3, question);
      await namespace.untilUpstream(1);
      const refused = await namespace.watch(question);
      assert.equal(refused.status, 429);
      watches[0]?.close();
      await eventually('a place', async () => {
        const watch = await namespace.watch(question);
        if (watch.status === 200) watches.push(watch);
        return watch.status === 200;
      });
      for (const watch of watches) watch.close();
      await namespace.untilUpstream(0);
    });
  }

  test('passes the guards, even if a watch is shared', async () => {
    const namespace = new WatchedNamespace(guarded);
    for (const initial of [false, true]) {
      const query = `?${queryOf({ initial }, server.embedded.version)}`;
      for (const path of [
        '/api/v1/namespaces/default/secrets',
        '/api/v1/namespaces/default/pods',
        '/api/v1/namespaces/kube-system/configmaps',
        '/api/v1/configmaps',
      ]) {
        for (let attempt = 0; attempt < 2; attempt += 1) {
          assert.equal((await send(guarded.port, path + query)).status, 403, path);
        }
        const arrived = (await server.arrivals()).filter(({ target }) => target === path + query);
        assert.deepEqual(arrived, []);
      }
      const host = await send(guarded.port, namespace.path + query, { headers: { host: 'evil.example' } });
      assert.equal(host.status, 403);
    }
  });
});
