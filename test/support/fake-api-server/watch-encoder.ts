import { groupVersion, type ResourceType } from './discovery.js';
import type { KubeObject } from './objects.js';
import { hasProtobuf, protobufWatchEvent } from './protobuf.js';
import { type MediaType, negotiate, type Representation, representObject } from './representation.js';
import type { StatusFailure } from './status-failure.js';

/** Encodes the events of one watch in the form that its client asks for. */
export class WatchEncoder {
  readonly contentType: string;
  readonly #type: ResourceType;
  readonly #representation: Representation;
  #first = true;

  /** Throws 406 if the client accepts no form that this server writes. */
  constructor(type: ResourceType, accept: string | undefined, query: URLSearchParams) {
    const json: MediaType[] = ['application/json'];
    const mediaTypes = hasProtobuf(type.kind)
      ? ([...json, 'application/vnd.kubernetes.protobuf'] as const)
      : json;
    this.#type = type;
    this.#representation = negotiate(accept, query, mediaTypes);
    const { mediaType } = this.#representation;
    this.contentType = mediaType === 'application/json' ? mediaType : `${mediaType};stream=watch`;
  }

  /** An object's event. */
  object(eventType: string, object: KubeObject): Buffer | string {
    // From the second event on, the API server's encoder leaves the columns of a Table out. A bookmark counts as an event.
    const represented = representObject(this.#type, object, this.#representation, this.#first);
    this.#first = false;
    return this.#frame(eventType, represented);
  }

  /** A bookmark: an empty object with a version, in the same form as the other events. */
  bookmark(version: number, annotations?: Record<string, string>): Buffer | string {
    const metadata = { resourceVersion: String(version), ...(annotations ? { annotations } : {}) };
    const { kind } = this.#type;
    return this.object('BOOKMARK', { kind, apiVersion: groupVersion(this.#type), metadata });
  }

  /** An ERROR event, which is a plain Status in every form. */
  error(failure: StatusFailure): Buffer | string {
    return this.#frame('ERROR', failure.toStatus());
  }

  #frame(type: string, object: Record<string, unknown>): Buffer | string {
    if (this.#representation.mediaType !== 'application/json') return protobufWatchEvent(type, object);
    return `${JSON.stringify({ type, object })}\n`;
  }
}
