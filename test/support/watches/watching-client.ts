import type { WatchingRequest, WatchToShare } from '../../../src/clusters/watching-request.js';
import type { OutgoingRequest, RoundTrip } from '../../../src/transport/round-trip.js';
import { RecordedResponse } from '../transport/recorded-response.js';
import type { FakeSession } from './watched-server.js';

/** The watch that a test's client asks for. */
export interface Asked {
  readonly version?: string;
  readonly key?: string;
  readonly bookmarks?: boolean;
  readonly timeout?: number;
  readonly expires?: number;
  readonly isAllowed?: () => Promise<boolean>;
  /** Throws if the watch must not be sent. */
  readonly check?: () => void;
}

/** A client's watch, and all that it has received. */
export class WatchingClient extends RecordedResponse implements WatchingRequest<FakeSession> {
  readonly isWatch = true;
  readonly bringsAuthorization = false;
  readonly hidesRefusal = false;
  readonly hasBody = false;
  readonly asked: Asked;
  trip: RoundTrip | undefined;

  constructor(asked: Asked = {}) {
    super();
    this.asked = asked;
  }

  get ended(): 'end' | Error | undefined {
    return this.failure ?? (this.whole ? 'end' : undefined);
  }

  get version(): string {
    return this.asked.version ?? '100';
  }

  /** The events that it has received, as lines. */
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Types and versions of the events that it has received. */
  get events(): string[] {
    return this.lines.map(line => {
      const { type, object } = JSON.parse(line);
      return `${type} ${object.metadata?.resourceVersion ?? object.code}`;
    });
  }

  forSession(): OutgoingRequest {
    return this.#outgoing('/own', this.version);
  }

  watchToShare(): WatchToShare<FakeSession> {
    const {
      key = 'pods',
      bookmarks = false,
      timeout,
      expires,
      isAllowed = async () => true,
      check,
    } = this.asked;
    const { version } = this;
    return {
      key,
      version,
      bookmarks,
      timeout,
      expires,
      isAllowed,
      outgoing: (_session, from) => {
        check?.();
        return this.#outgoing('/shared', from);
      },
    };
  }

  #outgoing(path: string, version: string): OutgoingRequest {
    return { method: 'GET', path: `${path}?resourceVersion=${version}`, headers: [], isRepeatable: true };
  }
}
