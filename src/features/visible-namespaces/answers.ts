import { OwnRefusalError } from '../../clusters/own-request.js';
import { fieldValue, type RawHeaders } from '../../http/header-fields.js';
import { StatusError } from '../../kubernetes/status.js';
import { ownBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink, ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import { type Answering, answerJson } from './filtered-trip.js';
import type { FilterObserver } from './metrics.js';
import { withoutObject } from './namespace-rows.js';
import { NamespaceWatch, type WatchOutput } from './namespace-watch.js';
import { readShownList } from './shown-list.js';

const nothingToDo: RoundTrip = { pause() {}, resume() {}, abort() {} };

/** Answers a list with the namespaces that its user may get. */
export async function answerList(
  answering: Answering,
  sink: ResponseSink,
  auditId: readonly string[],
): Promise<RoundTrip> {
  const { asked, viewer } = answering;
  const { list, visible } = await readShownList(answering);
  const text = list.only(({ id }) => visible.has(id), asked.withoutObjects ? withoutObject : undefined);
  viewer.shown.record(list.version, visible);
  answerJson(sink, 200, Buffer.from(text), auditId);
  return nothingToDo;
}

/** Answers a watch with events of the namespaces that its user may get. */
export function answerWatch(answering: Answering, output: WatchOutput, observer: FilterObserver): RoundTrip {
  return new NamespaceWatch({ ...answering, output, observer }).start();
}

/** A plain answer whose lines are events. */
export class EventStream implements WatchOutput {
  readonly #sink: ResponseSink;
  readonly #auditId: readonly string[];
  #body: BodySink | undefined;

  constructor(sink: ResponseSink, auditId: readonly string[]) {
    this.#sink = sink;
    this.#auditId = auditId;
  }

  begin(): void {
    this.#body = this.#sink.head(200, 'OK', [
      ...['Content-Type', 'application/json', 'Cache-Control', 'no-cache, private'],
      ...['Date', new Date().toUTCString(), ...this.#auditId],
    ]);
  }

  event(line: string): void {
    this.#body?.data(ownBytes(Buffer.from(`${line}\n`)));
    this.#body?.idle();
  }

  end(): void {
    this.#sink.end([]);
  }

  fail(error: Error): void {
    failWith(this.#sink, error);
  }
}

/** Answers with an error, or with what the API server has said to the gateway. */
export function failWith(sink: ResponseSink, error: Error): void {
  if (!(error instanceof OwnRefusalError)) sink.error(error);
  else if (error.status === 403)
    sink.error(new StatusError(503, 'this proxy may no longer watch namespaces', { retryAfterSeconds: 1 }));
  else answerJson(sink, error.status, Buffer.from(error.body));
}

/** The Audit-Id of an answer in place of the API server's: that of the request, if it has one. */
export function auditIdOf(headers: RawHeaders): readonly string[] {
  const auditId = fieldValue(headers, 'audit-id');
  return auditId === undefined ? [] : ['Audit-Id', auditId];
}
