import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { it } from 'node:test';
import type { FastifyReply } from 'fastify';
import { Operation, RequestContext } from '../../src/request/context.js';
import type { Destination } from '../../src/request/mount.js';
import { ToldPhases } from '../support/told-phases.js';

const endpoint = { config: { server: { path: '/k8s' } } };
const target = '/k8s/api/v1/pods';

/** Where a request goes: through a mount that adds the path of the server's URL, or not, to a cluster with this endpoint. */
function destination(appendsServerPath: boolean, isOpen = true) {
  const cluster = { endpoint: isOpen ? endpoint : undefined, open: async () => endpoint };
  return { mount: { appendsServerPath }, target, prefix: '', cluster } as unknown as Destination;
}

const message = { method: 'GET', rawHeaders: [] };

it('an operation opens a cluster that is not open yet', async () => {
  const open = new Operation(message, destination(false), target);
  assert.equal(open.openCluster(), endpoint);
  const closed = new Operation(message, destination(true, false), target);
  assert.deepEqual([closed.endpoint, closed.path.serverPath], [undefined, '']);
  const phases = new ToldPhases();
  assert.equal(await closed.openCluster(phases), endpoint);
  assert.deepEqual(phases.names, ['credential']);
  assert.equal(closed.endpoint, endpoint);
});

it('the context of a request has an answer of HTTP/2 if the request came over HTTP/2', () => {
  const reply = { raw: {}, request: { originalUrl: `/x${target}` } } as FastifyReply;
  for (const httpVersionMajor of [1, 2]) {
    const raw = { ...message, httpVersionMajor } as unknown as IncomingMessage;
    const { http2, isByToken, path } = new RequestContext(raw, reply, destination(false));
    assert.deepEqual([http2, isByToken], [httpVersionMajor === 2 ? reply.raw : undefined, false]);
    assert.equal(path.received.raw, `/x${target}`);
  }
});
