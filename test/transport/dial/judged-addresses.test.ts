import assert from 'node:assert/strict';
import dns, { type LookupAddress } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import { createDial, type DialOptions, lazySecureContext } from '../../../src/transport/dial/dial.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { listenFor } from '../../support/ports.js';
import { RecordedResponse, requestTo } from '../../support/transport/recorded-response.js';

const authority = await createCertificateAuthority();
const { certificate: cert, key } = await authority.server({ dns: ['judged.example'] });
const trusting = lazySecureContext(Buffer.from(authority.certificate), {});
const refusedAddress = '127.0.0.2';
let count = 0;

/** A server on all loopback addresses, a dial to it that judges addresses, and what a DNS server says of the host, one answer after the other. */
async function setUp(
  t: TestContext,
  { protocol, hostname }: { readonly protocol: 'https:' | 'http:'; readonly hostname?: string },
  ...answers: readonly string[][]
) {
  const server = protocol === 'https:' ? https.createServer({ cert, key }) : http.createServer();
  const reached: string[] = [];
  const names: unknown[] = [];
  server.on('connection', ({ localAddress = '' }: net.Socket) => reached.push(localAddress));
  server.on('secureConnection', ({ servername }: TLSSocket & { servername?: unknown }) =>
    names.push(servername),
  );
  server.on('request', (request, response) => {
    response
      .writeHead(302, { Location: `${protocol}//${refusedAddress}:${request.socket.localPort}/` })
      .end();
  });
  server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n');
  });
  server.listen(0, '0.0.0.0');
  t.after(() => server.close());
  const port = await new Promise<number>(resolve =>
    server.once('listening', () => resolve((server.address() as net.AddressInfo).port)),
  );
  t.after(() => server.closeAllConnections());
  const looked: string[] = [];
  const lookup = (
    host: string,
    _options: unknown,
    callback: (error: null, found: LookupAddress[]) => void,
  ) => {
    const answer = answers[Math.min(looked.length, answers.length - 1)] ?? [];
    looked.push(host);
    setImmediate(() =>
      callback(
        null,
        answer.map(address => ({ address, family: net.isIP(address) })),
      ),
    );
  };
  t.mock.method(dns, 'lookup', lookup as never);
  const judged: string[] = [];
  const refuseAddress = (address: string) => {
    judged.push(address);
    return address === refusedAddress ? new Error(`refused: ${address}`) : undefined;
  };
  const options: DialOptions = {
    server: { protocol, hostname: hostname ?? `host-${++count}.example`, port, path: '' },
    ...{
      secureContext: trusting,
      insecureSkipTlsVerify: hostname === undefined,
      keepAlive: 0,
      refuseAddress,
    },
  };
  return { options, port, reached, names, looked, judged };
}

/** What a request ends with, of each kind that has a connection of its own way. */
async function answers(options: DialOptions, kind: 'any' | 'shared' | 'upgrade'): Promise<RecordedResponse> {
  const shared = createDial({ ...options, protocols: ['h2', 'http/1.1'] });
  const pool = new ConnectionPool(createDial(options), shared);
  const sink = new RecordedResponse();
  const headers = kind === 'upgrade' ? ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1'] : [];
  try {
    (await pool.lease(kind)).send(requestTo('/', { headers }), sink);
    return await sink.over;
  } catch (error) {
    sink.failure = error as Error;
    return sink;
  } finally {
    pool.destroy();
  }
}

const protocol = 'https:';
for (const kind of ['any', 'shared', 'upgrade'] as const) {
  describe(`a server whose addresses are judged, for a request with a connection of the kind "${kind}"`, () => {
    it('is reached at the address that was judged, whatever its name resolves to later', async t => {
      const made = await setUp(t, { protocol }, ['127.0.0.3'], [refusedAddress]);
      const { status, headers } = await answers(made.options, kind);
      assert.equal(status, 302);
      const sole = [[...new Set(made.judged)], [...new Set(made.reached)], made.looked.length];
      assert.deepEqual(sole, [['127.0.0.3'], ['127.0.0.3'], 1]);
      assert.ok(headers.join(' ').includes('Location'), 'a redirect is passed on, and not followed');
    });

    it('is not reached if one of the addresses of its name is refused', async t => {
      for (const answer of [[refusedAddress], ['127.0.0.3', refusedAddress], ['::ffff:1', refusedAddress]]) {
        const made = await setUp(t, { protocol }, answer);
        const { failure } = await answers(made.options, kind);
        assert.equal(failure?.message, `refused: ${refusedAddress}`);
        assert.deepEqual([new Set(made.judged), made.reached], [new Set(answer), []]);
        t.mock.restoreAll();
      }
    });

    it('is not reached if its host is a refused address, or a text that the system takes for one', async t => {
      for (const hostname of [refusedAddress, '0x7f.0.0.2', '2130706434', '0177.2']) {
        const made = await setUp(t, { protocol, hostname }, [refusedAddress]);
        t.mock.restoreAll();
        const { failure } = await answers(made.options, kind);
        assert.equal(failure?.message, `refused: ${refusedAddress}`, hostname);
        assert.deepEqual([new Set(made.judged), made.reached], [new Set([refusedAddress]), []]);
      }
    });

    it('is judged for each connection, also while what its name resolved to is remembered', async t => {
      const made = await setUp(t, { protocol }, ['127.0.0.3']);
      assert.equal((await answers(made.options, kind)).status, 302);
      const before = made.reached.length;
      const refuseAddress = (address: string) => new Error(`refused: ${address}`);
      const { failure } = await answers({ ...made.options, refuseAddress }, kind);
      assert.equal(failure?.message, 'refused: 127.0.0.3');
      assert.deepEqual([made.reached.length, made.looked.length], [before, 1]);
    });
  });
}

it('A server whose addresses are judged is reached without a proxy, which would look its name up', async t => {
  const proxied: unknown[] = [];
  const proxy = net.createServer(socket => proxied.push(socket.destroy()));
  const proxyConfig = { protocol: 'http:', hostname: '127.0.0.1', port: await listenFor(t, proxy) } as const;
  const made = await setUp(t, { protocol: 'http:' }, ['127.0.0.3']);
  assert.equal((await answers({ ...made.options, proxy: proxyConfig }, 'any')).status, 302);
  assert.deepEqual([proxied, made.judged], [[], ['127.0.0.3']]);
});

it('A server whose addresses are judged is verified by its name, and not by its address', async t => {
  const made = await setUp(t, { protocol: 'https:', hostname: 'judged.example' }, ['127.0.0.3']);
  assert.equal((await answers(made.options, 'any')).status, 302);
  assert.deepEqual([made.reached, made.names], [['127.0.0.3'], ['judged.example']]);
  t.mock.restoreAll();
  const other = await setUp(t, { protocol: 'https:' }, ['127.0.0.3']);
  const { failure } = await answers({ ...other.options, insecureSkipTlsVerify: false }, 'any');
  assert.equal(failure?.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
});
