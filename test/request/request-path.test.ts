import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestTarget, RequestPath } from '../../src/request/request-path.js';

function pathOf(target: string, serverPath = '', received = target) {
  return new RequestPath({ method: 'GET', received, target, prefix: '/clusters/dev', serverPath });
}

const pods = '/api/v1/namespaces/a/pods';

describe('the path of a request', () => {
  it('is about what is below the path of the server’s URL, in the spelling of the client', () => {
    // Target, path of the server's URL, `api`, the resource of `info`, and that of `decidedOn`.
    for (const [target, serverPath, api, resource, decidedOn] of [
      [`${pods}?limit=9`, '', pods, 'pods', 'pods'],
      [`/k8s${pods}?limit=9`, '/k8s', pods, 'pods', 'pods'],
      [`/%6b8s${pods}`, '/k8s', undefined, 'pods', 'pods'],
      [`/k8sx${pods}`, '/k8s', undefined, '', ''],
      [pods, '/k8s', undefined, 'pods', ''],
      ['/k8s', '/k8s', undefined, '', ''],
      [`/x${pods}/k8s/`, '/k8s', undefined, '', ''],
    ] as const) {
      const path = pathOf(target, serverPath);
      assert.deepEqual(
        [path.api, path.info.resource, path.decidedOn.resource],
        [api, resource, decidedOn],
        target,
      );
      assert.equal(path.forServer.raw, target);
      if (path.api === undefined && decidedOn === '') assert.notEqual(path.decidedOn, path.info);
      else assert.equal(path.decidedOn, path.info);
    }
    const { verb, path } = pathOf(pods, '/k8s').decidedOn;
    assert.deepEqual([verb, path], ['', '\\']);
  });

  it('is parsed once, unless a prefix was removed from it', () => {
    const same = pathOf(pods);
    assert.equal(same.received, same.forServer);
    const { received, forServer, prefix } = pathOf(pods, '', `/clusters/dev${pods}`);
    assert.deepEqual(
      [received.path, forServer.path, prefix],
      [`/clusters/dev${pods}`, pods, '/clusters/dev'],
    );
  });

  it('is empty if it has more than one reading', () => {
    for (const raw of ['/a/../b', '/..', '/%2e%2e', '/a\\b', '/%0a', '*']) {
      const { path, ambiguity } = parseRequestTarget(raw);
      assert.equal(path, '', raw);
      assert.notEqual(ambiguity, undefined);
    }
  });
});
