import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { open } from '../../support/clients/http-client.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { createRandom } from '../../support/random.js';
import {
  type ActingRequest,
  generateActing,
  generateRights,
  nodeUser,
} from './acting-callers/generated-acting.js';

/** IMPERSONATION_SEED and IMPERSONATIONS select other requests, or more of them. */
const seed = Number(process.env['IMPERSONATION_SEED'] ?? 5_284);
const count = Number(process.env['IMPERSONATIONS'] ?? 300);
const callersCount = 60;
const parallel = 8;

const upgradeHeaders = [
  ...['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key'],
  ...['dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol', 'v5.channel.k8s.io'],
];

/** What a server makes of a request: who it is for the server, or that the caller may not act so. */
interface Outcome {
  readonly isLetThrough: boolean;
  readonly code: number;
  /** Of a refusal the message, of a review of oneself the user. */
  readonly said: string;
}

/** A caller at one server. Its connections stay open. */
class Client {
  readonly #port: number;
  readonly #name: string;
  readonly #agent: https.Agent;

  constructor(port: number, name: string, options: https.AgentOptions) {
    this.#port = port;
    this.#name = name;
    this.#agent = new https.Agent({ ...options, keepAlive: true, maxSockets: parallel });
  }

  async send({ method, target, body, headers, isUpgrade }: ActingRequest): Promise<Outcome> {
    const response = await open(this.#port, target, {
      ...{ method, body: body ?? '', tls: {}, agent: this.#agent },
      headers: [
        ...['Host', `127.0.0.1:${this.#port}`, ...headers, ...(isUpgrade ? upgradeHeaders : [])],
        ...(body === undefined
          ? []
          : ['Content-Type', 'application/json', 'Content-Length', `${Buffer.byteLength(body)}`]),
      ],
    });
    const code = response.statusCode ?? 0;
    const content = await text(response);
    const said = code === 201 ? userIn(content) : code < 400 ? '' : messageOf(content);
    const isRefused = code === 403 && said.includes(`User "${this.#name}" cannot impersonate`);
    return { isLetThrough: !isRefused, code, said };
  }

  close(): void {
    this.#agent.destroy();
  }
}

function userIn(content: string): string {
  const { status } = JSON.parse(content) as { readonly status: { readonly userInfo: object } };
  return JSON.stringify(status.userInfo);
}

function messageOf(content: string): string {
  return content.startsWith('{') ? String((JSON.parse(content) as { message: unknown }).message) : content;
}

interface Caller {
  readonly direct: Client;
  readonly gateway: Client;
}

async function makeCallers(t: TestContext, server: ApiServer): Promise<readonly Caller[]> {
  const random = createRandom(seed);
  const proxy = await startProxyFor(t, [
    `--kubeconfig=${await server.kubeconfig()}`,
    `--tls-cert-file=${server.file('certificate')}`,
    `--tls-private-key-file=${server.file('key')}`,
    `--client-ca-file=${server.file('ca')}`,
    ...['--allow-impersonation', `--allow-system-identities=${nodeUser}`, '--reject-paths='],
  ]);
  const ca = server.authority.certificate;
  const rights = Array.from({ length: callersCount }, () => generateRights(random));
  return Promise.all(
    rights.map(async ({ everywhere, inNamespace }) => {
      const name = `caller-${randomUUID()}`;
      await server.grant(name, everywhere);
      await server.bind(await sharedNamespace(server), name, inNamespace);
      const { certificate: cert, key } = await server.authority.client({
        commonName: name,
        organizations: [],
      });
      const caller = {
        direct: new Client(Number(new URL(server.url).port), name, { ca, cert, key }),
        gateway: new Client(proxy.port, name, { ca, cert, key }),
      };
      t.after(() => [caller.direct, caller.gateway].map(client => client.close()));
      return caller;
    }),
  );
}

let namespace: Promise<string> | undefined;
function sharedNamespace(server: ApiServer): Promise<string> {
  namespace ??= server.createNamespace();
  return namespace;
}

test('a caller acts as whom the API server lets it act as, for what it lets it, and as nobody else', async (t, server) => {
  const callers = await makeCallers(t, server);
  const names = { namespace: await sharedNamespace(server), elsewhere: await server.createNamespace() };
  const random = createRandom(seed + 1);
  const found = { through: 0, refused: 0, inOtherWords: 0, nodes: 0 };
  const compare = async ({ direct, gateway }: Caller, request: ActingRequest) => {
    const [theirs, ours] = await Promise.all([direct.send(request), gateway.send(request)]);
    const what = JSON.stringify({ request, theirs, ours });
    if (!theirs.isLetThrough) {
      assert.equal(ours.isLetThrough, false, what);
      found.refused += 1;
      if (ours.said !== theirs.said) found.inOtherWords += 1;
    } else if (request.headers.join() === `Impersonate-User,${nodeUser}` && ours.said !== theirs.said) {
      // Nobody acts as a node by the modes of nodes, which give the rights of nodes.
      assert.ok(!ours.isLetThrough || !ours.said.includes('system:nodes'), what);
      found.nodes += 1;
    } else {
      assert.deepEqual(ours, theirs, what);
      found.through += 1;
    }
  };
  let sent = 0;
  const work = async () => {
    while (sent++ < count) await compare(random.pick(callers), generateActing(random, names));
  };
  await Promise.all(Array.from({ length: parallel }, work));
  t.diagnostic(JSON.stringify(found));
  assert.ok(found.through > count / 10 && found.refused > count / 10);
  assert.equal(found.nodes > 0, server.minorVersion >= 36);
});
