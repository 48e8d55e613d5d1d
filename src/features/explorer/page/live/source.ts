import type { Client } from '../api/client.js';
import type { ApiIndex } from '../api/discovery.js';
import type { Surroundings } from '../api/follow.js';

/** One API server, and the way to it. */
export interface Source {
  readonly client: Client;
  /** The path of the cluster, which precedes the path of each request. */
  readonly prefix: string;
  readonly index: ApiIndex;
  readonly page: Surroundings;
}
