import type { Feature } from '../../feature.js';
import { Objections } from '../common/objections.js';
import { createAccessReviewRoute } from './access-review.js';

/** `kubectl auth can-i` says what webhooks deny, and what the proxy itself may not do. */
export const accessReviews = {
  name: 'access-reviews',
  create(_options, core) {
    const objections = new Objections(core);
    return { route: callers => callers && createAccessReviewRoute(objections), close() {} };
  },
} as const satisfies Feature<unknown>;
