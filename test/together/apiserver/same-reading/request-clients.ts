import http from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import { send } from '../../../support/clients/http-client.js';
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
    const port = isOpen ? this.#to.openPort : this.#to.gatewayPort;
    const bytes = Buffer.from(body ?? '', 'latin1');
    const isChunked = fields.some(([name]) => name === 'Transfer-Encoding');
    const question = {
      method,
      headers: [
        ...['Host', `127.0.0.1:${port}`, ...fields.flat()],
        ...(isUpgrade || isChunked ? [] : ['Content-Length', `${bytes.length}`]),
      ],
      ...(!isUpgrade && { body: bytes }),
      agent: !isUpgrade && (isOpen ? this.#agent : this.#tlsAgent),
      ...(!isOpen && { tls: { ca: this.#to.ca } }),
    };
    // Such as an answer with a body to a HEAD request that is not valid HTTP.
    const none = () => ({ status: undefined, body: Buffer.alloc(0) });
    const answer = await send(port, target, question).catch(none);
    return { status: answer.status, text: answer.body.toString('latin1') };
  }

  #close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#agent.destroy();
    this.#tlsAgent.destroy();
  }
}

type Fields = readonly (readonly [name: string, value: string])[];
