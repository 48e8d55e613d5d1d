import type { Cluster } from '../clusters/cluster.js';
import type { Credential } from '../credentials/credential.js';
import { CredentialError, type CredentialSource } from '../credentials/credential-source.js';
import type { GivenCredential, SharedEndpoint } from './messages.js';

/** Whom changes are told. */
interface ChangeEvents {
  readonly onEndpoint: (endpoint: SharedEndpoint) => void;
  readonly onCredential: (source: number, given: GivenCredential) => void;
}

/** The primary's cluster, as its workers have it. */
export interface SharedCredentials {
  /** What a worker begins with. */
  endpoint(): SharedEndpoint;
  /** What the source with this number gives; rejects with a CredentialError. */
  credential(source: number): Promise<GivenCredential>;
  /** A worker was refused with a credential; resolves when it has been told of another, or when there is none. */
  refused(source: number, credential: number): Promise<void>;
  /** To be called when the configuration or a credential may be another; tells what has changed. */
  publish(): void;
}

/** What no source gave: refused with it, a source knows that its credential has been replaced since. */
const stale: Credential = {};

/**
 * Shares one credential source among processes, so that a plugin runs once for all of them and a refresh token is used once. The
 * source itself sees to it that renewals do not overlap, whoever asks.
 */
export function shareCredentials(
  cluster: Cluster,
  { onEndpoint, onCredential }: ChangeEvents,
): SharedCredentials {
  const numbers = new WeakMap<object, number>();
  let last = 0;
  const numberOf = (thing: object): number => {
    const number = numbers.get(thing) ?? ++last;
    numbers.set(thing, number);
    return number;
  };
  const give = (source: CredentialSource, credential: Credential): GivenCredential => ({
    id: numberOf(credential),
    credential,
    endsAt: source.endsAt,
  });
  const givenNow = (source: CredentialSource): GivenCredential | undefined => {
    const credential = source.get();
    if (!(credential instanceof Promise)) return give(source, credential);
    // Whoever wants it will ask, and be told.
    credential.catch(() => {});
    return undefined;
  };
  let published = cluster.endpoint;
  let known: GivenCredential | undefined;

  const current = (source: number): CredentialSource => {
    const { source: used } = cluster.endpoint;
    if (numberOf(used) !== source) throw new CredentialError('the credential is no longer in use');
    return used;
  };
  const endpoint = (): SharedEndpoint => {
    const { config, certificateAuthority, proxy, source } = cluster.endpoint;
    known = givenNow(source);
    return {
      config,
      certificateAuthority,
      proxy,
      source: { id: numberOf(source), name: source.name, given: known },
    };
  };
  const publish = (): void => {
    if (published !== cluster.endpoint) {
      published = cluster.endpoint;
      onEndpoint(endpoint());
      return;
    }
    const { source } = published;
    const given = givenNow(source);
    if (given === undefined || (given.id === known?.id && given.endsAt === known.endsAt)) return;
    known = given;
    onCredential(numberOf(source), given);
  };

  return {
    endpoint,
    publish,
    async credential(number) {
      const source = current(number);
      return give(source, await source.get());
    },
    async refused(number, id) {
      const source = current(number);
      const credential = source.get();
      const isCurrent = !(credential instanceof Promise) && numberOf(credential) === id;
      if (credential instanceof Promise) credential.catch(() => {});
      await source.refused(isCurrent ? credential : stale);
      publish();
    },
  };
}
