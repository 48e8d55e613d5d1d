import { type Clock, systemClock } from '../../lib/clock.js';
import type { Logger } from '../../observability/log/logger.js';
import { isAbout, nameOf, type ResourcePattern } from './resource-list.js';

/** GETs a path of the API server. `body` is the parsed JSON, or undefined if the answer has none. May throw. */
export type FetchJson = (path: string, accept: string) => Promise<{ status: number; body: unknown }>;

/** Called with each resource (`subresource` is then '') and each subresource that the API server serves. */
type Discovered = (group: string, resource: string, subresource: string) => void;

/** client-go's `Accept` header for the aggregated documents (KEP-3352), which every API server of Kubernetes 1.27 and later has. */
const aggregated = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

/**
 * Asks the API server which resources it serves, by two requests, and calls `discovered` for each resource and subresource. Returns whether
 * both documents came. Throws what `fetchJson` throws.
 */
async function discover(fetchJson: FetchJson, discovered: Discovered): Promise<boolean> {
  const answers = await Promise.all([fetchJson('/api', aggregated), fetchJson('/apis', aggregated)]);
  let isComplete = true;
  for (const { status, body } of answers) {
    if (status === 200 && text(body, 'kind') === 'APIGroupDiscoveryList') readGroups(body, discovered);
    else isComplete = false;
  }
  return isComplete;
}

function readGroups(body: unknown, discovered: Discovered): void {
  for (const group of list(body, 'items')) {
    const groupName = text(member(group, 'metadata'), 'name');
    for (const version of list(group, 'versions')) {
      for (const resource of list(version, 'resources')) {
        const name = text(resource, 'resource');
        discovered(groupName, name, '');
        for (const subresource of list(resource, 'subresources'))
          discovered(groupName, name, text(subresource, 'subresource'));
      }
    }
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function list(value: unknown, key: string): unknown[] {
  const found = member(value, key);
  return Array.isArray(found) ? found : [];
}

function text(value: unknown, key: string): string {
  const found = member(value, key);
  return typeof found === 'string' ? found : '';
}

/** Milliseconds until discovery is read again, while it did not come or lacks an entry. */
const intervals = { incomplete: 60_000, lacking: 10 * 60_000 };

/**
 * Warns of entries of `--reject-resources` that the API server does not have: a misspelt entry rejects nothing. They are no error, because
 * the flag may name a custom resource before it is installed.
 */
export class UnknownResources {
  /** Entries that discovery has not shown yet. */
  readonly #unknown: Set<ResourcePattern>;
  readonly #warned = new Set<ResourcePattern>();
  readonly #fetchJson: FetchJson;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clock: Clock;
  #isCompared = false;
  #cancel: () => void = () => {};

  constructor(
    rejected: readonly ResourcePattern[],
    fetchJson: FetchJson,
    logger: Pick<Logger, 'warn'>,
    clock: Clock = systemClock,
  ) {
    this.#unknown = new Set(rejected);
    this.#fetchJson = fetchJson;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Reads discovery repeatedly until it has shown every entry. Resolves after the first time; never rejects. */
  async start(): Promise<void> {
    if (this.#unknown.size === 0) return;
    const isComplete = await discover(this.#fetchJson, (group, resource, subresource) => {
      for (const pattern of this.#unknown) {
        if (isAbout(pattern, { group, resource, subresource })) this.#unknown.delete(pattern);
      }
    }).catch(() => false);
    if (isComplete) this.#compared();
    if (this.#unknown.size === 0) return;
    const delay = isComplete ? intervals.lacking : intervals.incomplete;
    this.#cancel = this.#clock.schedule(delay, () => void this.start());
  }

  /** A line for each entry that rejects nothing, for readyz. */
  warnings(): readonly string[] {
    const names = [...this.#unknown].map(nameOf);
    if (names.length === 0) return [];
    if (this.#isCompared) return names.map(name => `--reject-resources: the API server has no ${name}`);
    return [`--reject-resources: not compared yet with the API server's resources: ${names.join(', ')}`];
  }

  close(): void {
    this.#cancel();
    this.#unknown.clear();
  }

  #compared(): void {
    this.#isCompared = true;
    for (const pattern of this.#unknown) {
      if (this.#warned.has(pattern)) continue;
      this.#warned.add(pattern);
      const message =
        '--reject-resources names a resource that the API server does not have; the entry rejects nothing';
      this.#logger.warn({ resource: nameOf(pattern) }, message);
    }
  }
}
