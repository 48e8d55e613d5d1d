import type { Attributes } from '../../reviews/attributes.js';
import type { Authorizer, Denial, Wish } from '../../reviews/authorizer.js';
import { AskedReview } from './review.js';
import type { Opinion, Webhook } from './webhook.js';

/** The webhooks of the file: the first one that allows or denies decides. */
export class Webhooks implements Authorizer {
  readonly title = 'the authorization webhooks of --authorization-config';
  #webhooks: readonly Webhook[] = [];

  /** From now on these are asked. Questions that are under way get the answers of those before. */
  use(webhooks: readonly Webhook[]): void {
    this.#webhooks = webhooks;
  }

  /** One line for each webhook that fails. */
  warnings(): readonly string[] {
    return this.#webhooks.flatMap(({ warning }) => warning ?? []);
  }

  denialOf(wish: Wish): ReturnType<Authorizer['denialOf']> {
    const denial = this.#ask(wish);
    const attributes = alsoAsked(wish.attributes);
    if (attributes === undefined) return denial;
    if (denial instanceof Promise) return denial.then(first => first ?? this.#ask({ ...wish, attributes }));
    return denial ?? this.#ask({ ...wish, attributes });
  }

  #ask(wish: Wish): ReturnType<Authorizer['denialOf']> {
    return this.#askFrom(0, this.#webhooks, new AskedReview(wish));
  }

  #askFrom(
    first: number,
    webhooks: readonly Webhook[],
    review: AskedReview,
  ): ReturnType<Authorizer['denialOf']> {
    for (let index = first; index < webhooks.length; index++) {
      const webhook = webhooks[index] as Webhook;
      const opinion = webhook.opinionOn(review);
      if (opinion instanceof Promise) {
        return opinion.then(found =>
          found === 'none' ? this.#askFrom(index + 1, webhooks, review) : denialOf(webhook, review, found),
        );
      }
      if (opinion !== 'none') return denialOf(webhook, review, opinion);
    }
    return undefined;
  }
}

function denialOf({ name }: Webhook, { wish }: AskedReview, opinion: Opinion): Denial | undefined {
  return typeof opinion === 'string' ? undefined : { ...opinion, by: name, attributes: wish.attributes };
}

const connecting: ReadonlySet<string | undefined> = new Set(['exec', 'attach', 'portforward']);

/** To connect to a Pod by a GET takes the right to create too, since Kubernetes 1.35. */
function alsoAsked(attributes: Attributes): Attributes | undefined {
  if (!('resourceAttributes' in attributes)) return undefined;
  const { resourceAttributes } = attributes;
  const { verb, group, resource, subresource } = resourceAttributes;
  const isConnection = group === '' && resource === 'pods' && connecting.has(subresource);
  return isConnection && verb === 'get'
    ? { resourceAttributes: { ...resourceAttributes, verb: 'create' } }
    : undefined;
}
