import { OwnRefusalError } from '../../clusters/own-request.js';
import { codedError } from '../../lib/connection-failure.js';
import { Lines } from '../../lib/frames.js';
import type { AccessConditions, AccessSource } from '../../transport/access.js';
import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink, ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import { UpstreamCall } from '../../transport/upstream-call.js';
import { toUpstreamError } from '../../transport/upstream-error.js';
import { WholeFrames } from './whole-frames.js';

/** Hears of one watch. After `over` it gets no more calls. */
export interface WatchListener {
  /** The API server has let the proxy watch. */
  opened(): void;
  /** One event in JSON, in one line. The memory is the listener's. */
  event(line: Buffer): void;
  /** The watch has ended as watches do, or with an OwnRefusalError, or because of another error. */
  over(error?: Error): void;
}

/** The source of accesses, and its name in messages. */
export type WatchedServer = AccessSource & { readonly host: string };

/** What is watched, and what the access must be like. */
export interface OwnWatch extends AccessConditions {
  /** The query names the version to begin from. */
  readonly target: string;
  readonly accept?: string;
  /** Milliseconds until the API server has to answer. */
  readonly timeout: number;
}

/** The most bytes of one event. The largest object that etcd stores has 1.5 MB; in JSON it may have a few times that. */
const longestEvent = 16 * 1024 * 1024;
/** How much of a refusal is kept. */
const longestRefusal = 16 * 1024;

/** Opens a watch as the configured identity. Its events are in JSON, one in each line. The listener hears of it after this call. */
export function openWatch(server: WatchedServer, watch: OwnWatch, listener: WatchListener): RoundTrip {
  const { target, accept = 'application/json', timeout, judgedFor, namesContext } = watch;
  const sink = new EventLines(server, target, listener);
  const request = {
    method: 'GET',
    target,
    isBelowServerPath: true,
    headers: ['Accept', accept, 'User-Agent', 'kube-api-proxy'],
    bringsAuthorization: false,
    impersonation: 'configured',
    hidesRefusal: false,
    connection: 'shared',
    isRepeatable: true,
    ...{ judgedFor, namesContext },
  } as const;
  const call = new UpstreamCall(server, request, sink, { firstByte: () => clearTimeout(timer) });
  const timer = setTimeout(
    () => call.fail(toUpstreamError(codedError('ETIMEDOUT', 'no answer in time'), server.host)),
    timeout,
  );
  sink.onOver = () => clearTimeout(timer);
  queueMicrotask(() => call.start());
  return {
    pause: () => call.pause(),
    resume: () => call.resume(),
    abort() {
      clearTimeout(timer);
      call.abort();
    },
  };
}

/** Reads the answer to a watch. */
class EventLines implements ResponseSink, BodySink {
  readonly #server: WatchedServer;
  readonly #target: string;
  readonly #listener: WatchListener;
  readonly #lines: WholeFrames;
  /** The status and the beginning of the body of an answer that is no watch. */
  #refusal: { readonly status: number; body: string } | undefined;
  onOver = () => {};

  constructor(server: WatchedServer, target: string, listener: WatchListener) {
    this.#server = server;
    this.#target = target;
    this.#listener = listener;
    this.#lines = new WholeFrames(new Lines(), longestEvent, {
      frame: pieces => listener.event(Buffer.concat(pieces)),
    });
  }

  head(statusCode: number): BodySink {
    if (statusCode === 200) this.#listener.opened();
    else this.#refusal = { status: statusCode, body: '' };
    return this;
  }

  data(chunk: BorrowedBytes): void {
    if (this.#refusal !== undefined) {
      if (this.#refusal.body.length < longestRefusal) this.#refusal.body += chunk.view().toString();
      return;
    }
    this.#lines.read(chunk.view());
  }

  idle(): void {}

  end(): void {
    this.#over(undefined);
  }

  error(error: Error): void {
    this.#over(error);
  }

  #over(error: Error | undefined): void {
    this.onOver();
    this.#listener.over(this.#refused() ?? error);
  }

  #refused(): OwnRefusalError | undefined {
    if (this.#refusal === undefined) return undefined;
    const [path = ''] = this.#target.split('?', 1);
    const { status, body } = this.#refusal;
    return new OwnRefusalError(this.#server.host, `a watch of ${path}`, status, body);
  }
}
