import type { OwnEndpoint } from '../../endpoints/own-endpoint.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { Operation } from '../../request/context.js';

/** Maximum number of requests in one question. */
const mostRequests = 100;
const usage =
  'ask as /-/rules?request=GET%20/api/v1/pods, with up to 100 times request=METHOD%20TARGET, each for an API server';

/** METHOD TARGET, as the first line of a request has them. */
const firstLine = /^([A-Z]{1,20}) (\/[!-~]*)$/;

/**
 * Which requests of the caller the proxy would refuse, by its own rules, by the authorizers that are asked before the API server, which
 * `alsoDecide` names, or because it may not do it itself: `{"requests": [{"request", "allowed", "reason", "message", "note"}]}`, in the order
 * of the question. A note says what a feature does with the answer. The API server's own answer may still be a 403.
 */
export const rules = {
  name: 'rules',
  title: 'whether a rule of this proxy refuses a request',
  access: 'caller',
  create({ destinationOf, rejectionOf, objectionTo, authorizers, noteOn }) {
    const answerTo = async (request: string, caller: UserInfo | undefined) => {
      const [, method = '', target = ''] = firstLine.exec(request) ?? [];
      if (method === '') throw new StatusError(400, usage);
      const destination = destinationOf(target);
      const operation = new Operation({ method, rawHeaders: [] }, destination, target);
      if (!destination.mount.isApi) throw new StatusError(400, usage);
      const { ambiguity } = operation.path.received;
      if (ambiguity !== undefined) throw new StatusError(400, ambiguity);
      const rejection = rejectionOf(operation) ?? (await objectionTo(operation, caller));
      if (rejection === undefined) return { request, allowed: true, note: noteOn(operation) };
      return { request, allowed: false, reason: rejection.reason, message: rejection.message };
    };
    return async ({ context }, reply) => {
      const requests = new URLSearchParams(context.path.received.query).getAll('request');
      if (requests.length === 0 || requests.length > mostRequests) throw new StatusError(400, usage);
      reply.headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      const alsoDecide = authorizers().map(({ title }) => title);
      const answers: object[] = [];
      // One after the other: others ask the same servers.
      for (const request of requests) answers.push(await answerTo(request, context.caller));
      const answer = { requests: answers, ...(alsoDecide.length > 0 && { alsoDecide }) };
      return `${JSON.stringify(answer, undefined, 2)}\n`;
    };
  },
} as const satisfies OwnEndpoint;
