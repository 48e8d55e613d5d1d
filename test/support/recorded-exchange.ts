import type { Carrier, ExchangeEvents, OutgoingBody } from '../../src/transport/carrier.js';

/** An exchange that only writes down what it hears. */
export class RecordedExchange implements ExchangeEvents {
  status = 0;
  headers: string[] = [];
  trailers: string[] | undefined;
  /** What the body has so far, byte for char. */
  text = '';
  error: (Error & { code?: string }) | undefined;
  /** How often all bytes that were there had been given on. */
  idles = 0;
  /** Called at once when an event has been written down. */
  onEvent: (event: 'head' | 'body' | 'end' | 'error') => void = () => {};
  /** Resolves with the first byte of the body at the latest. */
  readonly begun: Promise<this>;
  /** Resolves when it is over, however it ended. */
  readonly over: Promise<this>;
  #begin: () => void = () => {};
  #finish: () => void = () => {};

  constructor() {
    this.begun = new Promise(resolve => {
      this.#begin = () => resolve(this);
    });
    this.over = new Promise(resolve => {
      this.#finish = () => resolve(this);
    });
  }

  /** Whether it ended with a whole answer. */
  get whole(): boolean {
    return this.trailers !== undefined;
  }

  onHead(status: number, _message: string, headers: string[]): void {
    this.status = status;
    this.headers = headers;
    this.#begin();
    this.onEvent('head');
  }

  onBody(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
    this.onEvent('body');
  }

  onIdle(): void {
    this.idles++;
  }

  onEnd(trailers: string[]): void {
    this.#end();
    this.trailers = trailers;
    this.onEvent('end');
  }

  onError(error: Error): void {
    this.#end();
    this.error = error;
    this.onEvent('error');
  }

  #end(): void {
    if (this.whole || this.error !== undefined) throw new Error('an exchange ends once');
    this.#begin();
    this.#finish();
  }
}

/** Sends a GET, unless told otherwise, for the host `api`. */
export function sendOn(
  connection: Carrier,
  path = '/',
  {
    method = 'GET',
    headers = [],
    body,
  }: { method?: string; headers?: readonly string[]; body?: OutgoingBody } = {},
): RecordedExchange {
  const exchange = new RecordedExchange();
  connection.send({ method, path, headers: ['Host', 'api', ...headers] }, body, exchange);
  return exchange;
}
