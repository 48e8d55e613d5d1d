import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { defaultBuffer } from '../../../src/features/shared-watches/feature.js';
import { createSharedWatchMetrics } from '../../../src/features/shared-watches/metrics.js';
import { parseOptions } from '../../../src/options/parse.js';
import { eventually } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { proxyToken } from '../../support/identities/two-users.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { WatchedNamespace } from '../../support/proxy/watched-namespace.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

describe('the memory for shared watches', () => {
  const parse = (size: string) => parseOptions({ argv: [`--share-watches-buffer=${size}`], env: {} });
  const rows: readonly (readonly [limit: number, machine: number, mebibytes: number])[] = [
    [128 * mebibyte, 16 * gibibyte, 32],
    [256 * mebibyte, 16 * gibibyte, 64],
    [gibibyte, 16 * gibibyte, 256],
    [8 * gibibyte, 16 * gibibyte, 256],
    [512 * mebibyte, 512 * mebibyte, 128],
    [2 * mebibyte, 16 * gibibyte, 1],
    [0, 16 * gibibyte, 256],
    [16 * gibibyte + 1, 16 * gibibyte, 256],
    // What the kernel says of a control group without a limit.
    [2 ** 64, 512 * mebibyte, 256],
  ];
  it('is by default a quarter of the limit of the machine or its group, and at most 256Mi', () => {
    for (const [limit, machine, mebibytes] of rows)
      assert.equal(defaultBuffer(limit, machine), mebibytes * mebibyte, `${limit} of ${machine}`);
    assert.ok(defaultBuffer() <= 256 * mebibyte);
  });

  it('may be a size in bytes, with or without one of the units of a Kubernetes quantity', () => {
    const sizes = { 2000000: 2e6, '2000k': 2e6, '3M': 3e6, '2G': 2e9, '2048Ki': 2 ** 21, '256Mi': 2 ** 28 };
    for (const [text, size] of [...Object.entries(sizes), ['1Gi', 2 ** 30], ['', undefined]] as const)
      assert.equal(parse(text).options.shareWatchesBuffer, size, text);
    for (const text of ['-1', '1.5Gi', '1MB', '1 Mi', '1mi', 'Mi', '1e3', '9999999999', 'x1', '1Gib'])
      assert.deepEqual(parse(text).problems, [
        `--share-watches-buffer: "${text}" is not a size (such as 256Mi)`,
      ]);
  });

  it('may not be so little that no client could follow', () => {
    assert.deepEqual(parse('64Ki').problems, ['--share-watches-buffer is less than 1Mi']);
    assert.equal(parse('1Mi').options.shareWatchesBuffer, mebibyte);
  });
});

it('sharing across users needs shared watches, and users', () => {
  for (const [argv, problems] of [
    [['--share-watches-across-users'], /needs --share-watches\n.*needs a method/],
    [['--share-watches', '--share-watches-across-users'], /^[^\n]*needs a method/],
  ] as const)
    assert.match(parseOptions({ argv, env: {} }).problems.join('\n'), problems);
});

describe('the program', () => {
  const share = '--share-watches';
  for (const [what, atServer, flags] of [
    ['shares nothing by default', 3, []],
    ['shares the watches of each user', 2, [share]],
    ['shares those of all users', 1, [share, '--share-watches-across-users']],
  ] as const) {
    it(what, async t => {
      const tokens = { [proxyToken]: { username: 'proxy', groups: ['system:masters'] } };
      const server = await startFakeApiServer({ clientCertificates: 'optional', tokens, allow: () => true });
      t.after(() => server.kill());
      const kind = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' };
      server.write({ ...kind, metadata: { name: 'v1.' }, spec: { version: 'v1' } });
      const { path, directory } = await writeKubeconfig({
        ...{ server: server.url, ca: server.authority.certificate, token: proxyToken },
      });
      const callers = join(directory, 'callers');
      await writeFile(callers, 'ann,ann,,\nbob,bob,,\n');
      const proxy = await startInProcess(t, [`--kubeconfig=${path}`, callersFlag(callers), ...flags]);
      const as = (user: string) => ({ headers: { Authorization: `Bearer ${user}` } });
      // It shares when it knows whose its own token is, and who serves the API.
      await eventually('the watches at the API server', async () => {
        const namespace = new WatchedNamespace({ server, proxy });
        const from = server.version;
        for (const user of ['ann', 'ann', 'bob'])
          t.after((await namespace.watch({ from, ...as(user) })).close);
        return namespace.upstream().length === atServer;
      });
      const metrics = await (await fetch(`${proxy.url}/-/metrics`, as('ann'))).text();
      assert.equal(/joins_total{how="ring"} [^0]/.test(metrics), atServer < 3);
    });
  }

  it('counts shared watches, their clients and events, and what happens to these', async () => {
    const registry = new Registry();
    const observer = createSharedWatchMetrics(registry);
    for (const change of [1, 1, -1] as const) observer.watches(change);
    for (const change of [1, 1, 1, -1] as const) observer.clients(change);
    observer.joined('ring');
    observer.moved();
    observer.received();
    observer.delivered(6);
    observer.resumed('ended');
    observer.lagged();
    const lines = (await registry.metrics()).split('\n').filter(line => !/^#|_bucket|^$/.test(line));
    assert.deepEqual(
      lines.map(line => line.replace('kube_api_proxy_shared_watch', '')),
      [
        ...['es 1', '_clients 2', '_joins_total{how="opened"} 0', '_joins_total{how="ring"} 1'],
        ...['_joins_total{how="initial"} 0', '_joins_total{how="own"} 0', '_joins_total{how="refused"} 0'],
        '_moves_total 1',
        ...['_events_total{direction="in"} 1', '_events_total{direction="out"} 6'],
        ...['_resumptions_total{reason="ended"} 1', '_resumptions_total{reason="error"} 0'],
        '_lagging_clients_total 1',
      ],
    );
  });
});
