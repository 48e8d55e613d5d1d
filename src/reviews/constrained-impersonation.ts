import type { Cluster } from '../clusters/cluster.js';
import { get, OwnRefusalError } from '../clusters/own-request.js';
import type { Clock } from '../lib/clock.js';
import { Moment } from '../lib/moment.js';
import type { Access, AccessSource, EndpointIdentity } from '../transport/access.js';

const timeout = 5_000;
/** Milliseconds after which an API server is asked again: it may have been upgraded at its address. */
const lifetime = 10 * 60_000;

type Server = AccessSource & { readonly host: string };

/**
 * Which API servers have constrained impersonation (KEP-5284). Each is asked once, and again after ten minutes. The question needs no right,
 * and is answered before any cache: the API server rejects a group without a user, and the words of the rejection differ.
 */
export class ConstrainedImpersonation {
  readonly #clock: Clock;
  readonly #answers = new WeakMap<Server, { server: string; since: Moment; isThere: Promise<boolean> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks the cluster's API server now, and each one that takes its place, so that no caller waits for the answer. */
  follow(cluster: Server & Pick<Cluster, 'attach'>): void {
    // Who needs the answer asks again.
    const replaced = () => void this.isThere(cluster).catch(() => {});
    cluster.attach({ close() {}, destroy() {}, replaced });
    replaced();
  }

  /**
   * Whether the cluster's API server has it. Rejects with an OwnRefusalError, or with the error of the request, if that is not known.
   *
   * @param judgedFor The endpoint that has to answer; by default the current one.
   */
  async isThere(cluster: Server, judgedFor?: EndpointIdentity): Promise<boolean> {
    const { server } = judgedFor ?? ((await cluster.access()) as Access).endpoint;
    const known = this.#answers.get(cluster);
    if (known?.server === server && known.since.age < lifetime) return known.isThere;
    const isThere = ask(cluster, judgedFor);
    const answer = { server, since: new Moment(this.#clock), isThere };
    this.#answers.set(cluster, answer);
    isThere.catch(() => {
      if (this.#answers.get(cluster) === answer) this.#answers.delete(cluster);
    });
    return isThere;
  }
}

async function ask(cluster: Server, judgedFor: EndpointIdentity | undefined): Promise<boolean> {
  const { status, text } = await get(cluster, '/api', {
    ...{ timeout, judgedFor, most: 64 * 1024 },
    as: ['Impersonate-Group', 'kube-api-proxy:question'],
  });
  // 400 with the feature, without it 400, and 500 before 1.35.
  if (/without impersonating a user/.test(text)) return /without impersonating a user name/.test(text);
  // A server that ignores the field answers as usual.
  if (status < 400 || status === 403 || status === 404) return false;
  throw new OwnRefusalError(cluster.host, 'a question about impersonation', status, text);
}
