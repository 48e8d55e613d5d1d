import type {
  ConnectionKind,
  OutgoingBody,
  OutgoingRequest,
  Pool,
  ResponseSink,
} from '../../../src/transport/round-trip.js';
import { FakeLease } from './fake-pool.js';

/** What an API server answers; undefined for a connection that breaks. A body that is not a text becomes JSON. */
export type Answer =
  | { readonly status: number; readonly body: unknown; readonly headers?: string[] }
  | undefined;

/** Connections on which each request gets an answer of its own. */
export function answeringPool(answer: (request: OutgoingRequest) => Answer | Promise<Answer>): Pool {
  return { lease: kind => new AnsweringLease(kind, answer) };
}

class AnsweringLease extends FakeLease {
  readonly #answer: (request: OutgoingRequest) => Answer | Promise<Answer>;

  constructor(kind: ConnectionKind, answer: (request: OutgoingRequest) => Answer | Promise<Answer>) {
    super(kind);
    this.#answer = answer;
  }

  override send(request: OutgoingRequest, sink: ResponseSink): void {
    super.send(request, sink);
    const isOpen = () => !this.calls.includes('abort');
    const respond = async () => {
      const answer = await this.#answer(request);
      if (!isOpen()) return;
      if (answer === undefined) throw new Error('the connection broke');
      const { status, body, headers = [] } = answer;
      this.head(status, headers);
      this.body(typeof body === 'string' ? body : JSON.stringify(body));
      if (isOpen()) sink.end();
    };
    respond().catch(error => isOpen() && sink.error(error));
  }
}

/** What a body writes to its connection, as JSON. */
export function jsonOf(body: OutgoingBody | undefined): unknown {
  let text = '';
  body?.start({ write: (part: string) => (text += part) } as never, () => {});
  return JSON.parse(text);
}
