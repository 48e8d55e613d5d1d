import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import type { CertificatePair } from '../certificates/certificate-types.js';
import { fileNames } from './authority-files.js';

/** The User-Agent of an ApiClient. */
export const adminAgent = 'test-of-kube-api-proxy';

/** An answer, decoded from JSON if it is JSON. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A member of system:masters who asks an API server without the proxy. */
export class ApiClient {
  readonly #url: string;
  readonly #agent: Agent;

  /** `ca` is the authority of the API server, as PEM; the pair is a client certificate that it trusts. */
  constructor(url: string, ca: string, { certificate: cert, key }: CertificatePair) {
    this.#url = url;
    this.#agent = new Agent({ ca, cert, key, keepAlive: true });
  }

  /** Uses the certificate of the admin in a folder of authority files. */
  static async asAdmin(url: string, files: string): Promise<ApiClient> {
    const [ca, certificate, key] = await Promise.all(
      [fileNames.ca, fileNames.adminCertificate, fileNames.adminKey].map(name =>
        readFile(join(files, name), 'utf8'),
      ),
    );
    return new ApiClient(url, ca as string, { certificate: certificate as string, key: key as string });
  }

  /** Sends a request; `object` is its body, as JSON. Any status is an answer. */
  async ask(
    method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT',
    path: string,
    object?: unknown,
  ): Promise<ApiAnswer> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const body = object === undefined ? '' : JSON.stringify(object);
    const sent = request(this.#url + path, {
      method,
      agent: this.#agent,
      headers: {
        'user-agent': adminAgent,
        'content-length': Buffer.byteLength(body),
        ...(object !== undefined && { 'content-type': contentType }),
      },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const text = await readText(response);
    const isJson = response.headers['content-type']?.startsWith('application/json') === true;
    return { status: response.statusCode ?? 0, body: isJson ? (JSON.parse(text) as unknown) : text };
  }

  /** Sends a request, and rejects unless its answer is a 2xx. Returns the answer's body. */
  async do(
    method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT',
    path: string,
    object?: unknown,
  ): Promise<unknown> {
    const { status, body } = await this.ask(method, path, object);
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }
}
