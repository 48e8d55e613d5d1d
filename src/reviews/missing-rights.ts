import { namedUser, userOfImpersonation } from '../kubernetes/impersonation.js';
import {
  type ConstrainedRights,
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
import type { AccessConditions, EndpointIdentity } from '../transport/access.js';
import type { ReviewingCluster } from './access-review.js';
import { type Attributes, impersonateOn, verbOf } from './attributes.js';
import type { ConstrainedImpersonation } from './constrained-impersonation.js';
import type { Question, Reviews } from './reviews.js';

/** Milliseconds for which an answer is remembered: a caller who is refused may ask again and again. */
const lifetime = 10_000;
const capacity = 1024;

/** A request as a user. */
interface ActingRequest {
  readonly cluster: ReviewingCluster;
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
  /** The clusters in which the proxy acts by constrained impersonation: there those rights are asked about first. */
  readonly #isConstrained = new WeakSet<ReviewingCluster>();
  readonly #answers = this.#capacity.createMap<Answer>();
  readonly #proven = this.#capacity.createMap<Moment>();

  constructor(
    reviews: Pick<Reviews, 'ask'>,
    constrained: Pick<ConstrainedImpersonation, 'isThere'>,
    clock: Clock,
  ) {
    this.#reviews = reviews;
    this.#constrained = constrained;
    this.#clock = clock;
  }

  /**
   * The error that names it, for the client of a request that was refused; undefined if none is missing now, or if that is not known. Never
   * rejects.
   */
  async errorFor(question: Question): Promise<StatusError | undefined> {
    const request = requestOf(question);
    if (request === undefined) return undefined;
    const key = keyOf(request);
    const known = this.#answers.get(key);
    if (known !== undefined && known.since.age < lifetime) return known.error;
    const error = this.#find(request).catch(() => undefined);
    this.#capacity.set(this.#answers, key, { since: new Moment(this.#clock), error });
    return error;
  }

  /**
   * The same for what a user may do, as the API server's review in the name of the user says. Rejects if nobody can say it.
   */
  async missingFor(question: Question): Promise<StatusError | undefined> {
    const request = requestOf(question);
    if (request === undefined) return undefined;
    const since = new Moment(this.#clock);
    if (await this.#constrained.isThere(request.cluster, request.access.judgedFor))
      return this.#find(request);
    // Whoever may ask as a user may do everything as that user.
    this.proven(question, since);
    return undefined;
  }

  /** Whether the API server can let the proxy act as users for single verbs alone. False if that is not known. */
  mayMiss(cluster: ReviewingCluster, judgedFor: EndpointIdentity): Promise<boolean> {
    return this.#constrained.isThere(cluster, judgedFor).catch(() => false);
  }

  /** The API server has let the proxy do it as the user, who asked for it after this moment. It counts from this moment on. */
  proven(question: Question, since: Moment): void {
    const request = requestOf(question);
    if (request !== undefined) this.#capacity.set(this.#proven, keyOf(request), since);
  }

  /** Whether that was within `lifetime`. */
  isProven(question: Question): boolean {
    const request = requestOf(question);
    if (request === undefined) return true;
    const since = this.#proven.get(keyOf(request));
    return since !== undefined && since.age < lifetime;
  }

  async #find(request: ActingRequest): Promise<StatusError | undefined> {
    const user = namedUser(request.impersonation);
    if (user === undefined) return undefined;
    const { cluster, access, attributes } = request;
    const hasConstrained = await this.#constrained.isThere(cluster, access.judgedFor);
    const constrained = hasConstrained ? constrainedRights(user) : undefined;
    if (
      constrained !== undefined &&
      this.#isConstrained.has(cluster) &&
      (await this.#acts(request, constrained))
    )
      return undefined;
    const missing = await this.#missing(request, legacyRights(user, hasConstrained));
    if (missing.length === 0) return undefined;
    if (constrained !== undefined) {
      const { mode, sets, impossible } = constrained;
      const values = sets.flatMap(({ each }) => each);
      const lacking = await this.#missing(request, values);
      // An identity that may impersonate some of it in this way is meant to act in this way alone.
      if (lacking.length < values.length) {
        this.#isConstrained.add(cluster);
        if (impossible !== undefined) return impossibleValue(impossible);
        return lacking[0] ? refusedValue(lacking[0]) : this.#refusedAction(request, mode, attributes);
      }
    }
    return missing[0] && refusedValue(missing[0]);
  }

  /** Whether the proxy may do it by constrained impersonation. */
  async #acts(request: ActingRequest, { mode, sets }: ConstrainedRights): Promise<boolean> {
    const values = sets.flatMap(({ each }) => each);
    if (!(await this.#may(request, impersonateOn(mode, request.attributes)))) return false;
    return (await this.#missing(request, values)).length === 0;
  }

  async #refusedAction(
    request: ActingRequest,
    mode: string,
    attributes: Attributes,
  ): Promise<StatusError | undefined> {
    const asked = impersonateOn(mode, attributes);
    return (await this.#may(request, asked)) ? undefined : refusedAction(attributes, verbOf(asked));
  }

  /** Those of these rights that the proxy does not have. */
  async #missing(
    request: ActingRequest,
    rights: readonly ImpersonatedAttribute[],
  ): Promise<readonly ImpersonatedAttribute[]> {
    const verdicts = await Promise.all(
      rights.map(right => this.#may(request, { resourceAttributes: right })),
    );
    return rights.filter((_, index) => !verdicts[index]);
  }

  async #may({ cluster, access }: ActingRequest, attributes: Attributes): Promise<boolean> {
    const { isAllowed } = await this.#reviews.ask({ cluster, as: 'configured', access, attributes });
    return isAllowed;
  }
}

function keyOf({ cluster, access, impersonation, attributes }: ActingRequest): string {
  return digest([cluster.name, access.judgedFor?.server, userOfImpersonation(impersonation), attributes]);
}

/** Undefined if it is about no user but the proxy's own identity. */
function requestOf({ cluster, as, attributes, access = {} }: Question): ActingRequest | undefined {
  if (as === 'configured') return undefined;
  const { user: _, ...conditions } = access;
  return { cluster, access: conditions, impersonation: as, attributes };
}

function refusedAction(attributes: Attributes, right: string): StatusError {
  const what = `${verbOf(attributes)} ${objectOf(attributes).slice(0, 200)}`;
  return new StatusError(
    403,
    `this proxy may not ${what}, whoever asks; whoever runs the proxy can allow it (the verb ${right} on it; in the chart: rbac.acts)`,
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
