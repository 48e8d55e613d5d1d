/**
 * An endpoint of the admin listener that is for an operator inside the Pod alone: everybody who may reach the port, such as Prometheus, could
 * use it otherwise. Both functions may throw a StatusError.
 */
export interface AdminEndpoint {
  /** `/streams`. */
  readonly path: `/${string}`;
  /** What a GET gets, as JSON. */
  answer(query: URLSearchParams): object;
  /**
   * What a DELETE does, and gets. No page of a browser can send it.
   *
   * @param name The segment below the path, decoded; undefined for the path itself.
   */
  remove?(query: URLSearchParams, name: string | undefined): object;
}
