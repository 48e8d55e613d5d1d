import { once } from 'node:events';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import type { Scope } from '../../../support/scope.js';
import type { GeneratedRequest } from './generated-request.js';

/** An answer; without a status if there was none that a client could read. */
export interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** Where the requests go. */
export interface Destinations {
  readonly openPort: number;
  readonly gatewayPort: number;
  /** PEM of the authority of the gateway's certificate. */
  readonly ca: string;
}

/** Clients that keep their connections, several for each route. An upgrade has a connection of its own. */
export class RequestClients {
  readonly #to: Destinations;
  readonly #sessions: readonly ClientHttp2Session[];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  readonly #tlsAgent: https.Agent;
  #turn = 0;

  private constructor(to: Destinations, sessions: readonly ClientHttp2Session[]) {
    this.#to = to;
    this.#sessions = sessions;
    this.#tlsAgent = new https.Agent({ keepAlive: true, maxSockets: 8, ca: to.ca });
  }

  static async connect(scope: Scope, to: Destinations): Promise<RequestClients> {
    const sessions = await Promise.all([1, 2].map(() => connectHttp2(to.gatewayPort, to.ca)));
    const clients = new RequestClients(to, sessions);
    scope.after(() => clients.#close());
    return clients;
  }

  /** Sends a request with these header fields besides its own. */
  send(request: GeneratedRequest, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const fields = [...request.headers, ...Object.entries(headers)];
    return request.route === 'gateway over HTTP/2'
      ? this.#sendHttp2(request, fields)
      : this.#sendHttp1(request, fields);
  }

  async #sendHttp2({ method, target, body }: GeneratedRequest, fields: Fields): Promise<Answer> {
    const session = this.#sessions[this.#turn++ % this.#sessions.length] as ClientHttp2Session;
    const headers = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
    const answer = await ask(session, target, {
      headers: { ':method': method, ...headers },
      ...(body !== undefined && { body: Buffer.from(body, 'latin1') }),
    });
    return { status: answer.status || undefined, text: answer.text };
  }

  async #sendHttp1(
    { route, method, target, body, isUpgrade }: GeneratedRequest,
    fields: Fields,
  ): Promise<Answer> {
    const isOpen = route === 'open';
    const bytes = body === undefined ? undefined : Buffer.from(body, 'latin1');
    const request = (isOpen ? http : https).request({
      host: '127.0.0.1',
      port: isOpen ? this.#to.openPort : this.#to.gatewayPort,
      method,
      path: target,
      headers: valuesByName([
        ...fields,
        ...(isUpgrade || fields.some(([name]) => name === 'Transfer-Encoding')
          ? []
          : [['Content-Length', `${bytes?.length ?? 0}`] as const]),
      ]),
      agent: isUpgrade ? false : isOpen ? this.#agent : this.#tlsAgent,
      ...(!isOpen && { ca: this.#to.ca }),
    });
    request.end(bytes);
    return answerTo(request);
  }

  #close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#agent.destroy();
    this.#tlsAgent.destroy();
  }
}

type Fields = readonly (readonly [name: string, value: string])[];

function valuesByName(fields: Fields): Record<string, string[]> {
  const values: Record<string, string[]> = {};
  for (const [name, value] of fields) values[name] = [...(values[name] ?? []), value];
  return values;
}

async function answerTo(request: ClientRequest): Promise<Answer> {
  try {
    const [response, socket] = (await Promise.race([
      once(request, 'response'),
      once(request, 'upgrade'),
    ])) as [IncomingMessage, { destroy(): void } | undefined];
    socket?.destroy();
    let text = '';
    if (socket === undefined)
      for await (const chunk of response.setEncoding('latin1')) text += chunk as string;
    return { status: response.statusCode, text };
  } catch {
    // Such as an answer with a body to a HEAD request that is not valid HTTP.
    return { status: undefined, text: '' };
  } finally {
    request.on('error', () => {});
  }
}
