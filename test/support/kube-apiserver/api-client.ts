import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { fileNames } from './authority-files.js';

/** An answer, decoded from JSON if it is JSON. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A member of system:masters who asks an API server without the proxy. */
export class ApiClient {
  readonly #url: string;
  readonly #agent: Agent;

  private constructor(url: string, agent: Agent) {
    this.#url = url;
    this.#agent = agent;
  }

  /** Uses the certificate of the admin in a folder of authority files. */
  static async asAdmin(url: string, files: string): Promise<ApiClient> {
    const [ca, cert, key] = await Promise.all(
      [fileNames.ca, fileNames.adminCertificate, fileNames.adminKey].map(name => readFile(join(files, name))),
    );
    const connect = { ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer };
    return new ApiClient(url, new Agent({ connect }));
  }

  /** Sends a request; `object` is its body, as JSON. Any status is an answer. */
  async ask(
    method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT',
    path: string,
    object?: unknown,
  ): Promise<ApiAnswer> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const { statusCode, headers, body } = await request(this.#url + path, {
      method,
      dispatcher: this.#agent,
      ...(object !== undefined && {
        headers: { 'content-type': contentType },
        body: JSON.stringify(object),
      }),
    });
    const text = await body.text();
    const isJson = String(headers['content-type']).startsWith('application/json');
    return { status: statusCode, body: isJson ? (JSON.parse(text) as unknown) : text };
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
