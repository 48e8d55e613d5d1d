import type { IncomingMessage } from 'node:http';
import { hasBody } from '../proxy/request-body.js';
import { Refusal } from './refusal.js';

/**
 * Refuses an upgrade that announces a body: after the head its bytes belong to the new protocol, or to the body, or to
 * the next request, depending on who reads them.
 */
export function refuseUpgradeWithBody(request: IncomingMessage): void {
  if (request.upgrade && hasBody(request)) {
    throw new Refusal(400, 'bad_request', 'an Upgrade request cannot have a body; send it without Upgrade');
  }
}
