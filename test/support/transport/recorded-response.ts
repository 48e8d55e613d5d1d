import type { BorrowedBytes } from '../../../src/transport/borrowed-bytes.js';
import type {
  BodySink,
  OutgoingBody,
  OutgoingRequest,
  ResponseSink,
} from '../../../src/transport/round-trip.js';

/** A sink that records its calls. */
export class RecordedResponse implements ResponseSink, BodySink {
  status = 0;
  headers: string[] = [];
  /** Whether the response was complete. */
  whole = false;
  /** The body so far, one character per byte. */
  text = '';
  failure: (Error & { code?: string }) | undefined;
  /** How often `idle` was called. */
  idles = 0;
  /** Called after each recorded call. */
  onEvent: (event: 'head' | 'body' | 'end' | 'error') => void = () => {};
  /** Resolves at the first byte of the body or at the end, whichever comes first. */
  readonly begun: Promise<this>;
  /** Resolves when the response is over, complete or not. */
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

  head(status: number, _message: string, headers: string[]): BodySink {
    this.status = status;
    this.headers = headers;
    this.#begin();
    this.onEvent('head');
    return this;
  }

  data(chunk: BorrowedBytes): void {
    this.text += chunk.view().toString('latin1');
    this.onEvent('body');
  }

  idle(): void {
    this.idles++;
  }

  end(): void {
    this.#end();
    this.whole = true;
    this.onEvent('end');
  }

  error(error: Error): void {
    this.#end();
    this.failure = error;
    this.onEvent('error');
  }

  #end(): void {
    if (this.whole || this.failure !== undefined) throw new Error('a response ends once');
    this.#begin();
    this.#finish();
  }
}

/** The default request: a GET for the host `api`. */
interface SentRequest {
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly body?: OutgoingBody;
}

/** A request for the host `api`. */
export function requestTo(path: string, { headers = [], ...more }: SentRequest = {}): OutgoingRequest {
  return { method: 'GET', path, headers: ['Host', 'api', ...headers], ...more };
}

/** Sends a request on a connection. */
export function sendOn(
  sender: { send(request: OutgoingRequest, sink: ResponseSink): unknown },
  path = '/',
  request: SentRequest = {},
): RecordedResponse {
  const response = new RecordedResponse();
  sender.send(requestTo(path, request), response);
  return response;
}
