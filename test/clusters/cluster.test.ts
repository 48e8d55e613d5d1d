import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Cluster, type ClusterOptions, type FollowEndpoint } from '../../src/clusters/cluster.js';
import { type Endpoint, identityOf } from '../../src/clusters/endpoint.js';
import { get } from '../../src/clusters/own-request.js';
import type { CertificatePair as ClientCertificate } from '../../src/credentials/certificate-pair.js';
import type { Credential } from '../../src/credentials/credential.js';
import {
  CredentialError,
  type CredentialEvents,
  type CredentialSource,
} from '../../src/credentials/credential-source.js';
import { createRenewedSource } from '../../src/credentials/renewed-source.js';
import { createStaticSource } from '../../src/credentials/static-source.js';
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
    const waiting = request(one);
    questions[0]?.give('t-2');
    assert.equal((await waiting).headers['authorization'], 'Bearer t-2');
    assert.equal(one.current, undefined, 'the credential expires');
  });

  it('is the current one again, with another credential, after a 401', async () => {
    let token = 't-1';
    const source = createRenewedSource({
      ...{ name: 'exec', events, clock: systemClock },
      obtain: async () => ({ credential: bearer(token) }),
    });
    const one = start(source);
    const first = await one.access();
    assert.equal(one.current, first);
    token = 't-2';
    assert.equal(await one.refused(first), one.current);
    assert.deepEqual(one.current?.credential, bearer('t-2'));
  });

  it('keeps its connections when only the token changes', async () => {
    const one = start(fixed(bearer('t-1')));
    const old = accessOf(one);
    const before = await request(one);
    one.replace(endpoint(fixed(bearer('t-2'))));
    const next = accessOf(one);
    assert.notEqual(next, old);
    assert.equal(next.pool, old.pool);
    assert.deepEqual(next.endpoint, old.endpoint, 'a request in flight may use it');
    const record = await request(one);
    assert.equal(before.headers['authorization'], 'Bearer t-1');
    assert.equal(record.headers['authorization'], 'Bearer t-2');
    assert.equal(record.remotePort, before.remotePort);
    assert.equal(old.credential.authorization, 'Bearer t-1', 'a request in flight keeps its credential');
  });

  it('keeps its connections when the same certificate is read again', () => {
    const one = start(fixed({ clientCertificate: alice }));
    const { pool } = accessOf(one);
    const { certificate, key, notAfter } = alice;
    const again = { certificate: Buffer.from(certificate), key: Buffer.from(key), notAfter };
    one.replace(endpoint(fixed({ clientCertificate: again })));
    assert.equal(accessOf(one).pool, pool);
  });

  it('gets new connections when the certificate changes, and the old idle ones are closed', async () => {
    const one = start(fixed({ clientCertificate: alice }));
    const { pool } = accessOf(one);
    const before = await request(one);
    await until(() => server.connections === 1);
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    assert.notEqual(accessOf(one).pool, pool);
    await until(() => server.connections === 0);
    const record = await request(one);
    assert.equal(before.tlsSubject?.commonName, 'alice');
    assert.equal(record.tlsSubject?.commonName, 'bob');
    assert.equal(record.tlsSessionReused, false);
    assert.deepEqual(certificates, ['2030', '2031']);
  });

  it('lets requests finish on the old connection', async t => {
    const one = start(fixed({ clientCertificate: alice }));
    const { pool } = accessOf(one);
    let response: ServerResponse | undefined;
    t.after(
      server.intercept((incoming, outgoing) => {
        if (incoming.url !== '/watch') return false;
        response = outgoing;
        outgoing.write('first ');
        return true;
      }),
    );
    const watch = await sendOn(await pool.lease('any'), '/watch').begun;
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    assert.equal((await request(one)).tlsSubject?.commonName, 'bob');
    response?.end('last');
    assert.equal((await watch.over).text, 'first last');
    await until(() => server.connections === 1);
  });

  it('gets new connections when the trusted authorities change', () => {
    const source = fixed(bearer('t-1'));
    const one = start(source);
    const { pool } = accessOf(one);
    const next = { ...endpoint(source), certificateAuthority: undefined };
    one.replace({ ...next, identity: identityOf(next) });
    assert.notEqual(accessOf(one).pool, pool);
  });

  it('impersonates as the configuration says, over the existing connections', () => {
    const source = fixed(bearer('t-1'));
    const one = start(source);
    const { pool, impersonation, endpoint: before } = accessOf(one);
    assert.deepEqual(impersonation, []);
    one.replace(endpoint(source, { impersonation: { user: 'carol', groups: [], extra: new Map() } }));
    assert.equal(accessOf(one).pool, pool);
    assert.deepEqual(accessOf(one).impersonation, ['Impersonate-User', 'carol']);
    assert.notEqual(accessOf(one).endpoint.impersonation, before.impersonation);
    assert.equal(accessOf(one).endpoint.server, before.server);
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
    one.replace(endpoint(source, { impersonation: { user: 'carol', groups: [], extra: new Map() } }));
    questions[0]?.give('t-1');
    const access = await waiting;
    assert.deepEqual(access.impersonation, ['Impersonate-User', 'carol']);
    assert.equal(questions.length, 1);
    assert.deepEqual(Object.keys(await expirySamples()), ['exec']);
    one.replace(endpoint(source));
    assert.deepEqual(Object.keys(await expirySamples()), ['exec']);
  });

  it('no longer reports its expiry when a source with another name replaces it', async () => {
    const one = start(fixed({ clientCertificate: alice }));
    // It reports none before it is in use.
    fixed({ clientCertificate: bob });
    assert.deepEqual(await expirySamples(), { static: Date.parse('2030-01-01') / 1_000 });
    const { source, questions } = controlled();
    one.replace(endpoint(source));
    assert.deepEqual(await expirySamples(), {});
    questions[0]?.give('t-1');
    await one.access();
    assert.deepEqual(Object.keys(await expirySamples()), ['exec']);
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    assert.deepEqual(await expirySamples(), { static: Date.parse('2031-01-01') / 1_000 });
  });

  it('does not remove the expiry of its successor with the same name', async () => {
    const one = start(fixed({ clientCertificate: alice }));
    one.replace(endpoint(fixed({ clientCertificate: bob })));
    await sleep(10);
    assert.deepEqual(await expirySamples(), { static: Date.parse('2031-01-01') / 1_000 });
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
  });

  it('is not replaced if the renewal gives the same credential, or fails', async () => {
    const { source, questions } = controlled();
    const one = start(source);
    questions[0]?.give('t-1');
    const access = await one.access();
    const same = one.refused(access);
    questions[1]?.give('t-1');
    assert.equal(await same, undefined);
    assert.equal(one.access(), access);

    const failing = controlled();
    one.replace(endpoint(failing.source));
    const none = one.refused(access);
    failing.questions[0]?.fail('no luck');
    assert.equal(await none, undefined);
  });

  it('is replaced by one of the configuration that was read again', async () => {
    const rereadFiles = async (): Promise<void> => {
      await sleep(5);
      upstream?.replace(endpoint(fixed(bearer('t-2'))));
    };
    const one = start(createStaticSource(bearer('t-1'), { events, rereadFiles }));
    const next = await one.refused(accessOf(one));
    assert.deepEqual(next?.credential, bearer('t-2'));
  });

  it('is not replaced if the files have the same secret as before', async () => {
    const rereadFiles = async (): Promise<void> => {
      upstream?.replace(endpoint(fixed(bearer('t-1'))));
    };
    const one = start(createStaticSource(bearer('t-1'), { events, rereadFiles }));
    assert.equal(await one.refused(accessOf(one)), undefined);
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

it('a destroyed cluster ends every connection, even those of accesses that were replaced', async t => {
  const one = start(fixed({ clientCertificate: alice }));
  t.after(
    server.intercept((incoming, outgoing) => {
      if (incoming.url === '/watch') outgoing.flushHeaders();
      return incoming.url === '/watch';
    }),
  );
  const watch = await sendOn(await accessOf(one).pool.lease('any'), '/watch').begun;
  one.replace(endpoint(fixed({ clientCertificate: bob })));
  await request(one);
  await until(() => server.connections === 2);
  one.destroy();
  assert.equal((await watch.over).failure?.code, 'ECONNRESET');
  await until(() => server.connections === 0);
  assert.deepEqual(await expirySamples(), {});
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
