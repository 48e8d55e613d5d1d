/**
 * An endpoint of the admin listener that is for an operator inside the Pod alone: everybody who may reach the port, such as Prometheus, could
 * read it otherwise.
 */
export interface AdminEndpoint {
  /** `/streams`. */
  readonly path: `/${string}`;
  /** What a GET gets, as JSON. */
  answer(): object;
}
