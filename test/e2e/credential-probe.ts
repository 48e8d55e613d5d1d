import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import WebSocket from 'ws';
import { open, send as sendPlain } from '../support/clients/http-client.js';
import type { Arrival, EmbeddedApiServer } from '../support/embedded-api-server.js';
import { eventually } from '../support/eventually.js';
import { configMap, configMapsIn } from '../support/fake-api-server/config-maps.js';
import type { FakeApiServer, RequestRecord } from '../support/fake-api-server/fake-api-server.js';
import { ownMetric } from '../support/proxy/own-metric.js';
import type { ProxyProcess } from '../support/proxy/proxy.js';
import { type Answer, send } from './leg.js';

/** A plain request, and an exec over WebSocket. */
export const bothLegs = ['plain', 'websocket'] as const;
export type ProbeLeg = (typeof bothLegs)[number];

/** One identifiable request, and its arrivals at the API server. */
export interface AnyProbe<R> {
  readonly answer: Answer;
  readonly code: number;
  /** More than one if it was sent again. */
  readonly arrived: readonly R[];
  /** Whom the API server takes the sender of the last one that arrived for. */
  readonly user: string | undefined;
}

/** What the embedded API server tells besides. */
export interface Probe extends AnyProbe<RequestRecord> {
  /** Authorization of the last one that arrived. */
  readonly authorization: string | undefined;
  /** Common name of the client certificate of the last one that arrived. */
  readonly commonName: string | undefined;
}

/** At a real API server, other files send probes of the same users at the same time. */
const id = randomUUID();
let probes = 0;

interface ProbeQuestion {
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** Reads a pod, or runs a command in it. Both need the right to use pods. */
export async function probe(
  proxy: Pick<ProxyProcess, 'port'>,
  server: FakeApiServer,
  leg?: ProbeLeg,
  question?: ProbeQuestion,
): Promise<Probe>;
export async function probe(
  proxy: Pick<ProxyProcess, 'port'>,
  server: EmbeddedApiServer,
  leg?: ProbeLeg,
  question?: ProbeQuestion,
): Promise<AnyProbe<Arrival>>;
export async function probe(
  proxy: Pick<ProxyProcess, 'port'>,
  server: EmbeddedApiServer | FakeApiServer,
  leg: ProbeLeg = 'plain',
  question: ProbeQuestion = {},
): Promise<AnyProbe<Arrival> | Probe> {
  probes += 1;
  const mark = `probe=${id}.${probes}.`;
  const pod = '/api/v1/namespaces/default/pods/web-0';
  const target = leg === 'plain' ? `${pod}?${mark}` : `${pod}/exec?command=true&stdout=true&${mark}`;
  const { method = 'GET', headers = [], body } = question;
  const framing = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const answer = await send(proxy.port, {
    leg,
    target,
    method,
    headers: [...headers, ...framing],
    ...(body === undefined ? {} : { rest: body }),
  });
  const { code } = answer;
  if ('arrivals' in server) {
    const arrived = (await server.arrivals()).filter(({ target: found }) => found.endsWith(mark));
    return { answer, code, arrived, user: arrived.at(-1)?.user?.username };
  }
  const arrived = server.requests.filter(({ rawUrl }) => rawUrl.endsWith(mark));
  const last = arrived.at(-1);
  return {
    ...{ answer, code, arrived, user: last?.user?.username },
    authorization: last?.headers['authorization']?.toString(),
    commonName: last?.tlsSubject?.commonName,
  };
}

/** The code of a probe that succeeded. */
export function passed(leg: ProbeLeg): number {
  return leg === 'plain' ? 200 : 101;
}

/** The value of one sample of the program's own metrics; undefined if there is none. */
export const sample = (proxy: Pick<ProxyProcess, 'port'>, name: string) => ownMetric(proxy.port, name);

/** The status and the text of a health endpoint of the program's own. */
export async function health(
  proxy: Pick<ProxyProcess, 'port'>,
  endpoint: 'livez' | 'readyz',
): Promise<{ readonly status: number; readonly text: string }> {
  const { status, text } = await sendPlain(proxy.port, `/-/${endpoint}?verbose`);
  return { status, text };
}

/** A watch or an exec that stays open until the test closes it. */
export interface OpenStream {
  /** The target of its request. */
  readonly target: string;
  /** Rejects if no more data comes through. */
  isAlive(): Promise<void>;
  close(): void;
}

/** Opens a watch on the config maps of a namespace. It is alive if it gets the event of a new one. */
export async function openWatch(
  proxy: Pick<ProxyProcess, 'port'>,
  server: EmbeddedApiServer | FakeApiServer,
  mount = '',
): Promise<OpenStream> {
  const namespace = 'arrivals' in server ? await server.createNamespace() : 'default';
  const path = configMapsIn(namespace);
  const target = `${mount}${path}?watch=true`;
  const response = await open(proxy.port, target);
  assert.equal(response.statusCode, 200);
  let text = '';
  let ended: string | undefined;
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  response.on('error', error => {
    ended = String(error);
  });
  response.on('close', () => {
    ended ??= 'closed';
  });
  const { localPort } = response.socket;
  let changes = 0;
  return {
    target,
    async isAlive() {
      changes += 1;
      const name = `seen-on-${localPort}-${changes}`;
      if ('arrivals' in server) await server.admin.do('POST', path, configMap(namespace, name));
      else server.write(configMap(namespace, name));
      await eventually(`the event of ${name}, or its end`, () => text.includes(name) || ended !== undefined);
      assert.ok(text.includes(name), `the watch is over: ${ended}`);
    },
    close: () => response.destroy(),
  };
}

/** Opens an attach over WebSocket to a container that echoes. It is alive if it echoes one more line. */
export async function openAttach(proxy: Pick<ProxyProcess, 'port'>, mount = ''): Promise<OpenStream> {
  const path = `${mount}/api/v1/namespaces/default/pods/web-0/attach?stdin=true&stdout=true`;
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}${path}`, ['v5.channel.k8s.io']);
  await once(socket, 'open');
  let text = '';
  socket.on('message', (data: Buffer) => {
    if (data[0] === 1) text += data.subarray(1).toString();
  });
  socket.on('error', () => {});
  let lines = 0;
  return {
    target: path,
    async isAlive() {
      lines += 1;
      const line = `line ${lines} of ${path}\n`;
      socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(line)]));
      const isOver = () => socket.readyState !== WebSocket.OPEN;
      await eventually(`the echo of line ${lines}, or its end`, () => text.includes(line) || isOver());
      assert.ok(text.includes(line), `the attach is over: state ${socket.readyState}`);
    },
    close: () => socket.terminate(),
  };
}
