import { hasField } from '../../http/header-fields.js';
import { fairnessField } from '../../transport/refusal-reader.js';
import type { ResponseSink } from '../../transport/round-trip.js';
import { WithheldResponse } from '../../transport/withheld-response.js';

/** How the API server says that it does not let a user list or watch namespaces, in JSON and in protobuf. */
const aboutNamespaces = /cannot (?:list|watch) resource \\?"namespaces/;

/** The API server's 403, which its client gets if nothing else takes its place. */
export class HeldRefusal extends WithheldResponse {
  /**
   * Whether the API server does not let the user do it. A 403 may also say that the proxy may not act as the user; that comes before the
   * filter whose fields most API servers send.
   */
  get isAboutUser(): boolean {
    return (
      hasField(this.headers, fairnessField) || aboutNamespaces.test(Buffer.concat(this.chunks).toString())
    );
  }

  /** Passes it on, whole. */
  giveTo(sink: ResponseSink): void {
    try {
      this.releaseTo(sink.head(this.statusCode, this.statusMessage, this.headers));
      sink.end(this.ending instanceof Error || this.ending === undefined ? [] : this.ending);
    } catch (error) {
      sink.error(error as Error);
    }
  }
}
