import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { CertificatePair as ClientCertificate } from '../../src/certificates/certificate-pair.js';
import { Cluster, type ClusterOptions, type FollowEndpoint } from '../../src/clusters/cluster.js';
import { type Endpoint, identityOf } from '../../src/clusters/endpoint.js';
import { get } from '../../src/clusters/own-request.js';
import {
  type Credential,
  CredentialError,
  type CredentialEvents,
  type CredentialSource,
} from '../../src/credentials/credential.js';
import { createRenewedSource } from '../../src/credentials/renewed-source.js';
import { createStaticSource } from '../../src/credentials/select.js';
import { systemClock } from '../../src/lib/clock.js';
import { withoutClusterLabel } from '../../src/observability/metrics/cluster-label.js';
import { createCredentialMetrics } from '../../src/observability/metrics/credential-metrics.js';
import type { Access } from '../../src/transport/access.js';
import type { CertificatePair } from '../support/certificates/certificates.js';
import { until } from '../support/eventually.js';
import {
  type FakeApiServer,
  type RequestRecord,
  startFakeApiServer,
} from '../support/fake-api-server/fake-api-server.js';
import { endpointWith } from '../support/proxy/client-request.js';
import { sendOn } from '../support/transport/recorded-response.js';

const groups = ['system:masters'];
const hour = 3_600_000;

let server: FakeApiServer;
let alice: ClientCertificate;
let bob: ClientCertificate;
before(async () => {
  const tokens = { 't-1': { username: 'one', groups }, 't-2': { username: 'two', groups } };
  server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  alice = toClientCertificate(await server.authority.client({ commonName: 'alice' }), new Date('2030-01-01'));
  bob = toClientCertificate(await server.authority.client({ commonName: 'bob' }), new Date('2031-01-01'));
});
after(() => server.close());

let registry: Registry;
let events: CredentialEvents;
let certificates: (string | undefined)[];
let upstream: Cluster | undefined;
beforeEach(() => {
  registry = new Registry();
  events = {
    ...createCredentialMetrics(registry, withoutClusterLabel).ofCluster(''),
    log: { info: () => {}, warn: () => {} },
  };
  certificates = [];
});
afterEach(() => {
  upstream?.destroy();
  upstream = undefined;
});

function toClientCertificate({ certificate, key }: CertificatePair, notAfter: Date): ClientCertificate {
  return { certificate: Buffer.from(certificate), key: Buffer.from(key), notAfter };
}

const bearer = (token: string): Credential => ({ authorization: `Bearer ${token}` });
const fixed = (credential: Credential): CredentialSource =>
  createStaticSource(credential, { events, rereadFiles: async () => {} });

/** An exec source that the test controls. */
function controlled() {
  const questions: { give(token: string): void; fail(message: string): void }[] = [];
  const source = createRenewedSource({
    name: 'exec',
    events,
    clock: systemClock,
    obtain: signal =>
      new Promise((resolve, reject) => {
        const fail = (message: string): void => reject(new CredentialError(message));
        signal.addEventListener('abort', () => fail('was stopped'));
        questions.push({
          give: token => resolve({ credential: bearer(token), expiresAt: Date.now() + hour }),
          fail,
        });
      }),
  });
  return { source, questions };
}

function endpoint(
  source: CredentialSource,
  more: Partial<Endpoint['config']> = {},
  context = 'dev',
): Endpoint {
  const address = { protocol: 'https:', hostname: '127.0.0.1', port: server.port, path: '' } as const;
  const certificateAuthority = Buffer.from(server.authority.certificate);
  return endpointWith({ server: address, ...more }, { context, certificateAuthority, source });
}

/** A cluster whose configuration follows the test. */
function follow(how: FollowEndpoint, options: Partial<ClusterOptions> = {}): Cluster {
  const parts = { metricsOf: () => ({}) as never, onConnect() {}, onCertificate() {} };
  return new Cluster('dev', how, { keepAlive: 0, http2: true, ...parts, ...options });
}

function start(source: CredentialSource): Cluster {
  upstream = follow(async () => ({ close() {} }), {
    onCertificate: notAfter => certificates.push(notAfter?.toISOString().slice(0, 4)),
  });
  upstream.replace(endpoint(source));
  return upstream;
}

/** The access, which must be available synchronously. */
function accessOf(of: Cluster): Access {
  const access = of.access();
  assert.ok(!(access instanceof Promise), 'there is a credential');
  return access;
}

/** Sends one request and returns the API server's record of it. */
async function request(of: Cluster, to = server): Promise<RequestRecord> {
  const { status } = await get(of, '/version', { timeout: 5_000 });
  assert.equal(status, 200);
  // The connection is released at the end of this turn of the event loop.
  await turn();
  const record = to.requests.at(-1);
  assert.ok(record !== undefined);
  return record;
}

/** The samples of the expiry gauge by source. */
async function expirySamples(): Promise<Record<string, number>> {
  const name = 'kube_api_proxy_credential_expiration_timestamp_seconds';
  const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels['source']), value]));
}

describe('an access', () => {
  it('is asked for once while its credential lasts, and for each request if it may end', async () => {
    for (const [isLasting, expected] of [
      [true, 1],
      [false, 4],
    ] as const) {
      let asked = 0;
      const credential = bearer('t-1');
      const get = () => {
        asked += 1;
        return credential;
      };
      const one = start({ ...fixed(credential), isLasting, get });
      for (let times = 0; times < 3; times++) await request(one);
      assert.equal(asked, expected);
      one.destroy();
    }
  });

  it('is never that of an endpoint before, even if the new one has no credential yet', async () => {
    const one = start(fixed(bearer('t-1')));
    assert.equal(one.current, one.access());
    const { source, questions } = controlled();
    one.replace(endpoint(source));
    assert.equal(one.current, undefined);
    assert.equal(one.access(), one.access(), 'all who wait share one promise');
    const unread = follow(() => new Promise(() => {}));
    assert.equal(unread.open(), unread.open(), 'and until its configuration is read');
    const waiting = request(one);
    questions[0]?.give('t-2');
    assert.equal((await waiting).headers['authorization'], 'Bearer t-2');
    assert.equal(one.current, undefined, 'the credential expires');
  });

  it('keeps its connections if only the token or the impersonation changes, and has others for another certificate or other trusted authorities', () => {
    const { certificate, key, notAfter } = alice;
    const again = { certificate: Buffer.from(certificate), key: Buffer.from(key), notAfter };
    const carol = { username: 'carol', uid: undefined, groups: [], extra: new Map() };
    const source = fixed({ clientCertificate: again, ...bearer('t-2') });
    const trusting = { ...endpoint(fixed({ clientCertificate: bob })), certificateAuthority: undefined };
    const one = start(fixed({ clientCertificate: alice, ...bearer('t-1') }));
    for (const [next, keeps] of [
      [endpoint(source), true],
      [endpoint(source, { impersonation: carol }), true],
      [endpoint(fixed({ clientCertificate: bob })), false],
      [{ ...trusting, identity: identityOf(trusting) }, false],
    ] as const) {
      const before = accessOf(one);
      const { authorization } = before.credential;
      one.replace(next);
      const access = accessOf(one);
      assert.notEqual(access, before);
      assert.equal(access.pool === before.pool, keeps);
      assert.equal(
        before.credential.authorization,
        authorization,
        'a request in flight keeps its credential',
      );
      assert.deepEqual(access.endpoint, next.identity);
      const isCarol = next.config.impersonation === carol;
      assert.deepEqual(access.impersonation, isCarol ? ['Impersonate-User', 'carol'] : []);
    }
  });

  it('uses its connection with another token, and another one with another certificate, on which no TLS session is resumed', async () => {
    const one = start(fixed({ clientCertificate: alice, ...bearer('t-1') }));
    const records = [await request(one)];
    one.replace(endpoint(fixed({ clientCertificate: alice, ...bearer('t-2') })));
    records.push(await request(one));
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    await until(() => server.connections === 0);
    records.push(await request(one));
    assert.deepEqual(
      records.map(({ tlsSubject, headers }) => [tlsSubject?.commonName, headers['authorization']]),
      [
        ['alice', 'Bearer t-1'],
        ['alice', 'Bearer t-2'],
        ['bob', undefined],
      ],
    );
    assert.equal(records[1]?.remotePort, records[0]?.remotePort);
    assert.equal(records[2]?.tlsSessionReused, false);
    assert.deepEqual(certificates, ['2030', '2031']);
  });

  it('lets requests finish on the old connection, unless the cluster is destroyed', async t => {
    const one = start(fixed({ clientCertificate: alice }));
    const { pool } = accessOf(one);
    const responses: ServerResponse[] = [];
    t.after(
      server.intercept((incoming, outgoing) => {
        if (incoming.url !== '/watch') return false;
        responses.push(outgoing);
        outgoing.write('first ');
        return true;
      }),
    );
    const watches = [
      await sendOn(await pool.lease('any'), '/watch').begun,
      await sendOn(await pool.lease('any'), '/watch').begun,
    ] as const;
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    assert.equal((await request(one)).tlsSubject?.commonName, 'bob');
    responses[0]?.end('last');
    assert.equal((await watches[0].over).text, 'first last');
    await until(() => server.connections === 2);
    one.destroy();
    assert.equal((await watches[1].over).failure?.code, 'ECONNRESET');
    await until(() => server.connections === 0);
    assert.deepEqual(await expirySamples(), {});
  });

  it('uses another API server when the configuration names one', async t => {
    const other = await startFakeApiServer({ authority: server.authority });
    t.after(() => other.close());
    const source = fixed({ clientCertificate: alice });
    const one = start(source);
    await request(one);
    const address = { protocol: 'https:', hostname: '127.0.0.1', port: other.port, path: '' } as const;
    one.replace(endpoint(source, { server: address }));
    assert.equal(one.host, `127.0.0.1:${other.port}`);
    assert.equal((await request(one, other)).tlsSubject?.commonName, 'alice');
  });
});

describe('a request that waits for a credential', () => {
  it('gets the one of the new source if its source is replaced, even if the old source answers', async () => {
    for (const answers of [false, true]) {
      const { source, questions } = controlled();
      const one = start(source);
      const waiting = [one.access(), one.access()];
      assert.equal(questions.length, 1);
      if (answers) questions[0]?.give('t-1');
      one.replace(endpoint(fixed(bearer('t-2'))));
      for (const access of await Promise.all(waiting)) assert.equal(access, accessOf(one));
      assert.deepEqual(accessOf(one).credential, bearer('t-2'));
      one.destroy();
    }
  });

  it('waits through any number of reloads if the new source has none yet either', async () => {
    const one = start(controlled().source);
    const waiting = one.access();
    one.replace(endpoint(controlled().source));
    const last = controlled();
    one.replace(endpoint(last.source));
    last.questions[0]?.give('t-1');
    assert.deepEqual((await waiting).credential, bearer('t-1'));
  });

  it('gets the error of the source in use', async () => {
    const { source, questions } = controlled();
    const one = start(source);
    const waiting = assert.rejects(async () => one.access(), /no luck/);
    questions[0]?.fail('no luck');
    await waiting;
    const next = controlled();
    const still = assert.rejects(
      (async () => {
        const access = one.access();
        one.replace(endpoint(next.source));
        await access;
      })(),
      /no luck either/,
    );
    next.questions[0]?.fail('no luck either');
    await still;
  });

  it('gets an error when the cluster is destroyed', async () => {
    const one = start(controlled().source);
    const waiting = assert.rejects(async () => one.access(), CredentialError);
    one.destroy();
    await waiting;
  });
});

describe('the source of a configuration', () => {
  it('continues its work if the new configuration keeps it', async () => {
    const { source, questions } = controlled();
    const one = start(source);
    const waiting = one.access();
    one.replace(
      endpoint(source, {
        impersonation: { username: 'carol', uid: undefined, groups: [], extra: new Map() },
      }),
    );
    questions[0]?.give('t-1');
    const access = await waiting;
    assert.deepEqual(access.impersonation, ['Impersonate-User', 'carol']);
    assert.equal(questions.length, 1);
    assert.deepEqual(Object.keys(await expirySamples()), ['exec']);
    one.replace(endpoint(source));
    assert.deepEqual(Object.keys(await expirySamples()), ['exec']);
  });

  it('no longer reports its expiry when another source replaces it, which reports its own', async () => {
    const one = start(fixed({ clientCertificate: alice }));
    // It reports none before it is in use.
    fixed({ clientCertificate: bob });
    assert.deepEqual(await expirySamples(), { static: Date.parse('2030-01-01') / 1_000 });
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    assert.deepEqual(await expirySamples(), { static: Date.parse('2031-01-01') / 1_000 });
    const { source, questions } = controlled();
    one.replace(endpoint(source));
    assert.deepEqual(await expirySamples(), {});
    questions[0]?.give('t-1');
    await one.access();
    assert.deepEqual(Object.keys(await expirySamples()), ['exec']);
    one.replace(endpoint(fixed(bearer('opaque'))));
    assert.deepEqual(await expirySamples(), {});
  });
});

describe('an access that gets a 401', () => {
  it('is replaced by an access with the renewed credential', async () => {
    const { source, questions } = controlled();
    const one = start(source);
    questions[0]?.give('t-1');
    const old = await one.access();
    const renewal = one.refused(old);
    questions[1]?.give('t-2');
    const next = await renewal;
    assert.deepEqual(next?.credential, bearer('t-2'));
    assert.equal(next?.pool, old.pool);
    assert.equal(await one.refused(old), next, 'a late 401 causes no renewal');
    assert.equal(questions.length, 2);
    assert.equal(one.current, undefined, 'the credential expires');
  });

  it('is replaced by one of the configuration that was read again, if that has another secret', async () => {
    for (const token of ['t-2', 't-1']) {
      const rereadFiles = async (): Promise<void> => {
        await turn();
        upstream?.replace(endpoint(fixed(bearer(token))));
      };
      const one = start(createStaticSource(bearer('t-1'), { events, rereadFiles }));
      const next = await one.refused(accessOf(one));
      assert.deepEqual(next?.credential, token === 't-1' ? undefined : bearer(token));
      one.destroy();
    }
  });

  it('is replaced by one of the new source if that takes over during the renewal', async () => {
    const { source, questions } = controlled();
    const one = start(source);
    questions[0]?.give('t-1');
    const renewal = one.refused(await one.access());
    assert.equal(questions.length, 2);
    one.replace(endpoint(fixed(bearer('t-2'))));
    assert.deepEqual((await renewal)?.credential, bearer('t-2'));
  });
});

it('a cluster that is closed stops its logins while it reads its configuration, and follows no files', async () => {
  let logins = 0;
  let closedFollowers = 0;
  let isClosed = false;
  const source: CredentialSource = {
    name: 'exec',
    isLasting: true,
    get() {
      if (!isClosed) logins += 1;
      return {};
    },
    refused: async () => undefined,
    close: () => {
      isClosed = true;
    },
  };
  let finish: () => void = () => {};
  const cluster = follow(async use => {
    await new Promise<void>(resolve => (finish = resolve));
    use(endpoint(source));
    return { close: () => (closedFollowers += 1) };
  });
  const opening = cluster.open();
  cluster.close();
  finish();
  await opening;
  assert.deepEqual([logins, isClosed, closedFollowers], [0, true, 1]);
});

it('a cluster tells its parts that it has another endpoint, after the first one', () => {
  const one = follow(async () => ({ close() {} }));
  const told: (string | undefined)[] = [];
  one.attach({ close() {}, destroy() {}, replaced: () => told.push(one.endpoint?.context) });
  for (const context of ['first', 'second']) one.replace(endpoint(fixed({}), {}, context));
  one.destroy();
  assert.deepEqual(told, ['second']);
});
