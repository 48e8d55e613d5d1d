import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { CertificateAuthority, CertificatePair } from '../certificates/certificates.js';

/** An answer with its body read to the end. */
export type HttpAnswer = Awaited<ReturnType<typeof send>>;

/** A request to send; the path is sent unchanged. */
export interface HttpQuestion {
  readonly method?: string;
  /** A list is sent as it is: names and values alternately, and Host and Content-Length too. */
  readonly headers?: http.OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Buffer;
  readonly agent?: http.Agent | false;
  /** Over TLS, with these authorities and perhaps a client certificate. */
  readonly tls?: Pick<SecureContextOptions, 'ca' | 'cert' | 'key'>;
}

/** Sends one request to a port of 127.0.0.1 and reads the whole answer. Without an agent it opens its own connection. */
export async function send(port: number, path: string, question: HttpQuestion = {}) {
  const response = await open(port, path, question);
  const chunks: Buffer[] = [];
  // What follows a 101 is no body.
  if (response.statusCode !== 101)
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { statusCode: status = 0, headers, rawHeaders } = response;
  return {
    ...{ status, headers, rawHeaders, body, text: body.toString() },
    get json(): unknown {
      return JSON.parse(body.toString());
    },
  };
}

/** Sends one request and resolves with the answer as soon as its headers have come. Closes a connection that is upgraded. */
export async function open(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body, agent, tls }: HttpQuestion = {},
): Promise<http.IncomingMessage> {
  const request = (tls === undefined ? http : https).request({
    ...tls,
    host: '127.0.0.1',
    port,
    path,
    method,
    // Node needs this to send the body of a DELETE or GET with its length.
    headers:
      body === undefined || Array.isArray(headers)
        ? headers
        : { 'content-length': Buffer.byteLength(body), ...headers },
    agent: agent ?? false,
  });
  request.once('upgrade', (_, socket) => socket.destroy());
  // Also an error right behind the head, which comes before the awaiting function continues.
  request.on('error', () => {}).end(body);
  const answered = Promise.race([once(request, 'response'), once(request, 'upgrade')]);
  const [response] = (await answered) as [http.IncomingMessage];
  return response;
}

/** An embedded API server, or a real one. */
export interface ApiServer {
  readonly url: string;
  readonly authority: CertificateAuthority;
  readonly clientCertificate: CertificatePair;
}

/** A request to an API server itself, by default as its admin. */
interface ApiQuestion extends Omit<HttpQuestion, 'tls'> {
  /** Raw request target. */
  readonly path: string;
  /** The client certificate to present; null presents none. */
  readonly certificate?: CertificatePair | null;
}

/** Options of a TLS connection to an API server itself. */
export function tlsTo(
  { authority, clientCertificate }: ApiServer,
  pair: CertificatePair | null = clientCertificate,
) {
  return { ca: authority.certificate, ...(pair && { cert: pair.certificate, key: pair.key }) };
}

/** Sends one request over its own connection. */
export function requestApi(
  server: ApiServer,
  { path, certificate, ...question }: ApiQuestion,
): Promise<HttpAnswer> {
  const tls = tlsTo(server, certificate);
  return send(Number(new URL(server.url).port), path, { body: '', ...question, tls });
}
