import type { Cluster } from '../clusters/cluster.js';
import { namedUser } from '../kubernetes/impersonation.js';
import {
  constrainedRights,
  type ImpersonatedAttribute,
  legacyRights,
} from '../kubernetes/impersonation-rights.js';
import { RefusedGroupError } from '../kubernetes/refused-group.js';
import { StatusError } from '../kubernetes/status.js';
import { SharedCapacity } from '../lib/bounded-maps.js';
import type { Clock } from '../lib/clock.js';
import { digest } from '../lib/json.js';
import { Moment } from '../lib/moment.js';
import type { AccessConditions } from '../transport/access.js';
import { type Attributes, impersonateOn, verbOf } from './attributes.js';
import type { ConstrainedImpersonation } from './constrained-impersonation.js';
import type { Reviews } from './reviews.js';

/** Milliseconds for which an answer is remembered: a caller who is refused may ask again and again. */
const lifetime = 10_000;
const capacity = 1024;

/** A request that the API server refused because the proxy may not impersonate its user. */
interface RefusedRequest {
  readonly cluster: Cluster;
  readonly access: Omit<AccessConditions, 'user'>;
  /** Impersonate-* fields: name, value, … */
  readonly impersonation: readonly string[];
  readonly attributes: Attributes;
}

interface Answer {
  readonly since: Moment;
  readonly error: Promise<StatusError | undefined>;
}

/**
 * Finds the right to impersonate that the proxy itself lacks, by reviews of its own identity. An API server with constrained impersonation
 * (KEP-5284) names another one, the first that it asked for, until it has let the proxy impersonate once.
 */
export class MissingRights {
  readonly #reviews: Pick<Reviews, 'ask'>;
  readonly #constrained: Pick<ConstrainedImpersonation, 'isThere'>;
  readonly #clock: Clock;
  readonly #capacity = new SharedCapacity(capacity);
  readonly #answers = this.#capacity.createMap<Answer>();

  constructor(
    reviews: Pick<Reviews, 'ask'>,
    constrained: Pick<ConstrainedImpersonation, 'isThere'>,
    clock: Clock,
  ) {
    this.#reviews = reviews;
    this.#constrained = constrained;
    this.#clock = clock;
  }

  /** The error that names it, for the client; undefined if none is missing now, or if that is not known. Never rejects. */
  errorFor(request: RefusedRequest): Promise<StatusError | undefined> {
    const { cluster, access, impersonation, attributes } = request;
    const key = digest([cluster.name, access.judgedFor?.server, impersonation, attributes]);
    const known = this.#answers.get(key);
    if (known !== undefined && known.since.age < lifetime) return known.error;
    const error = this.#find(request).catch(() => undefined);
    this.#capacity.set(this.#answers, key, { since: new Moment(this.#clock), error });
    return error;
  }

  async #find(request: RefusedRequest): Promise<StatusError | undefined> {
    const user = namedUser(request.impersonation);
    if (user === undefined) return undefined;
    const { cluster, access, attributes } = request;
    const hasConstrained = await this.#constrained.isThere(cluster, access.judgedFor);
    const missing = await this.#missing(request, legacyRights(user, hasConstrained));
    if (missing.length === 0) return undefined;
    const constrained = hasConstrained ? constrainedRights(user) : undefined;
    if (constrained !== undefined) {
      const { mode, sets, impossible } = constrained;
      const values = sets.flatMap(({ each }) => each);
      const lacking = await this.#missing(request, values);
      // An identity that may impersonate some of it in this way is meant to act in this way alone.
      if (lacking.length < values.length) {
        if (impossible !== undefined) return impossibleValue(impossible);
        return lacking[0] ? refusedValue(lacking[0]) : this.#refusedAction(request, mode, attributes);
      }
    }
    return missing[0] && refusedValue(missing[0]);
  }

  async #refusedAction(
    request: RefusedRequest,
    mode: string,
    attributes: Attributes,
  ): Promise<StatusError | undefined> {
    const asked = impersonateOn(mode, attributes);
    return (await this.#may(request, asked)) ? undefined : refusedAction(attributes, verbOf(asked));
  }

  /** Those of these rights that the proxy does not have. */
  async #missing(
    request: RefusedRequest,
    rights: readonly ImpersonatedAttribute[],
  ): Promise<readonly ImpersonatedAttribute[]> {
    const verdicts = await Promise.all(
      rights.map(right => this.#may(request, { resourceAttributes: right })),
    );
    return rights.filter((_, index) => !verdicts[index]);
  }

  async #may({ cluster, access }: RefusedRequest, attributes: Attributes): Promise<boolean> {
    const { isAllowed } = await this.#reviews.ask({ cluster, as: 'configured', access, attributes });
    return isAllowed;
  }
}

function refusedAction(attributes: Attributes, right: string): StatusError {
  const what = `${verbOf(attributes)} ${objectOf(attributes).slice(0, 200)}`;
  return new StatusError(
    403,
    `this proxy may not ${what}, whoever asks; whoever runs the proxy can allow it (the verb ${right} on it)`,
  );
}

/** The path, or the resource as kubectl names it. */
function objectOf(attributes: Attributes): string {
  if ('nonResourceAttributes' in attributes) return attributes.nonResourceAttributes.path;
  const { resource, subresource, group = '' } = attributes.resourceAttributes;
  return `${resource}${subresource === undefined ? '' : `/${subresource}`}${group && `.${group}`}`;
}

const words: Readonly<Record<string, string>> = {
  users: 'user',
  serviceaccounts: 'service account',
  uids: 'uid',
  nodes: 'node',
};

function impossibleValue(what: string): StatusError {
  return new StatusError(
    403,
    `the API server lets no proxy with rights of constrained impersonation impersonate ${what}, which the user of the request has`,
  );
}

function refusedValue({ verb, resource, subresource, namespace, name }: ImpersonatedAttribute): StatusError {
  if (resource === 'groups') return new RefusedGroupError(name, verb);
  const what = words[resource] ?? `extra field ${String(subresource).slice(0, 200)}`;
  const value = JSON.stringify(`${namespace === undefined ? '' : `${namespace}/`}${name}`.slice(0, 200));
  return new StatusError(
    403,
    `the API server does not let this proxy impersonate the ${what} ${value}, which the user of the request has; ` +
      `whoever runs the proxy can allow it (the verb ${verb} on it; in the chart: callers)`,
  );
}
