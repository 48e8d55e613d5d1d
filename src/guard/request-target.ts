import type { RequestTarget } from '../request/request-target.js';
import { Refusal } from './refusal.js';

/** Refuses what has more than one reading, for a rule could then judge another request than the one that is carried out. */
export function refuseAmbiguousTarget({ ambiguity }: RequestTarget): void {
  if (ambiguity !== undefined) {
    throw new Refusal(400, 'bad_request', `${ambiguity}; the request has more than one reading`);
  }
}
