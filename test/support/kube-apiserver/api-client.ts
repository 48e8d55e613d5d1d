import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import type { CertificatePair } from '../certificates/certificate-issuing.js';
import { send } from '../clients/http-client.js';
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
  readonly #port: number;
  readonly #agent: Agent;

  /** `ca` is the authority of the API server, as PEM; the pair is a client certificate that it trusts. */
  constructor(url: string, ca: string, { certificate: cert, key }: CertificatePair) {
    this.#port = Number(new URL(url).port);
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
    const { status, headers, text } = await send(this.#port, path, {
      method,
      agent: this.#agent,
      tls: {},
      headers: { 'user-agent': adminAgent, ...(object !== undefined && { 'content-type': contentType }) },
      body: object === undefined ? '' : JSON.stringify(object),
    });
    const isJson = headers['content-type']?.startsWith('application/json') === true;
    return { status, body: isJson ? (JSON.parse(text) as unknown) : text };
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
