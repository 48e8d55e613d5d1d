import { Agent, request } from 'node:https';
import type { CertificatePair } from './certificates.js';
import type { FakeApiServer } from './fake-api-server.js';

/** A request directly to the embedded API server, by default as user admin. */
export interface ApiRequest {
  readonly method?: string;
  /** Raw request target. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
  /** The client certificate to present; null presents none. */
  readonly certificate?: CertificatePair | null;
}

/** A whole answer; `body` is text. */
export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values alternately. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** The body parsed as JSON. */
  json<T = Record<string, unknown>>(): T;
}

/** Sends one request over its own connection; rejects if the connection or the answer breaks off. */
export function requestApi(server: FakeApiServer, options: ApiRequest): Promise<ApiResponse> {
  const { certificate = server.clientCertificate } = options;
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    const sent = request(server.url, {
      agent,
      method: options.method ?? 'GET',
      path: options.path,
      // By default, node:http sends the body of a DELETE neither with a length nor in chunks.
      headers: { 'Content-Length': Buffer.byteLength(options.body ?? ''), ...options.headers },
      ca: server.authority.certificate,
      ...(certificate ? { cert: certificate.certificate, key: certificate.key } : {}),
    });
    sent.once('error', reject);
    sent.once('response', async response => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      } catch (error) {
        reject(error);
        return;
      }
      const body = Buffer.concat(chunks).toString();
      const { statusCode: status = 0, headers, rawHeaders } = response;
      resolve({ status, headers, rawHeaders, body, json: <T>() => JSON.parse(body) as T });
    });
    sent.end(options.body);
  });
}
