import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseResourceList } from '../../../src/features/resource-rules/resource-list.js';
import { createResourceCheck } from '../../../src/features/resource-rules/resources.js';
import { infoOf, rejectionOf } from '../../guard/judged-request.js';
import { uncertainSpellings } from '../../guard/uncertain-spellings.js';

function guardFor(source: string) {
  const parsed = parseResourceList(source);
  assert.ok('patterns' in parsed, JSON.stringify(parsed));
  const guard = createResourceCheck(parsed.patterns);
  return {
    passes(...targets: string[]): void {
      for (const target of targets) {
        for (const method of methods) {
          assert.equal(rejectionOf(() => guard(infoOf(`${method} ${target}`)))?.message, undefined, target);
        }
      }
    },
    refuses(...targets: string[]): void {
      for (const target of targets) {
        for (const method of methods) {
          const refusal = rejectionOf(() => guard(infoOf(`${method} ${target}`)));
          assert.equal(refusal?.reason, 'resource', `${method} ${target}`);
          assert.match(refusal.message, /--reject-resources/);
        }
      }
    },
  };
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
const pod = '/api/v1/namespaces/a/pods/web';

describe('a resource without a group', () => {
  const { passes, refuses } = guardFor('secrets');

  it('is rejected in every group, version, namespace and scope, with all its subresources', () => {
    refuses(
      ...['/api/v1/secrets', '/api/v1/secrets?watch=true'],
      '/api/v1/secrets?fieldSelector=metadata.name%3Dx&limit=1',
      ...['/api/v1/namespaces/a/secrets', '/api/v1/namespaces/a/secrets/'],
      ...['/api/v1/namespaces/a/secrets/x', '/api/v1/namespaces/a/secrets/x/status'],
      ...['/api/v1/namespaces/a/secrets/x/anything/else', '/api/v2/namespaces/a/secrets/x'],
      ...['/apis/example.com/v1/secrets', '/api/v1/watch/secrets'],
      ...['/api/v1/watch/namespaces/a/secrets/x', '/api/v1/proxy/namespaces/a/secrets/x'],
    );
  });

  it('is rejected in every spelling', () => {
    refuses(
      ...['//api/v1/secrets//', '/api/v1/%73ecrets', '/api%2fv1%2fsecrets'],
      ...['/api/v1/namespaces/a%2fsecrets%2fx', '/api/v1/Secrets', '/api/v1/SECRETS/x'],
      ...uncertainSpellings,
    );
  });

  it('does not match other resources whose path contains its name', () => {
    passes(
      ...['/', '/api', '/api/v1', '/version', '/logs/secrets', '/api/v1/namespaces/secrets'],
      ...['/api/v1/namespaces/secrets/pods', '/api/v1/namespaces/a/pods/secrets'],
      '/api/v1/namespaces/a/pods/web/secrets',
      ...['/api/v1/namespaces/a/pods/web/proxy/api/v1/secrets', '/api/v1/secretsx'],
      ...['/api/v1/pods?resource=secrets', '/apis/secrets/v1/pods'],
    );
  });
});

describe('a subresource', () => {
  it('is rejected with every method, while its resource is accepted', () => {
    const { passes, refuses } = guardFor('pods/exec,pods/proxy');
    refuses(
      ...[`${pod}/exec`, `${pod}/exec?command=id`, `${pod}/exec/`, `${pod}/EXEC`, `${pod}/%65xec`],
      ...['/api/v1/pods/web/exec', '/api/v1/watch/namespaces/a/pods/web/exec'],
      ...[`${pod}/proxy/x//y`, '/api/v1/proxy/namespaces/a/pods/web'],
    );
    passes(
      pod,
      `${pod}/log`,
      `${pod}/execs`,
      '/api/v1/namespaces/a/pods/exec',
      '/api/v1/namespaces/a/services/s/proxy',
    );
  });

  it('can be one subresource of any resource, or all subresources of one resource', () => {
    const { passes, refuses } = guardFor('*/scale,nodes/*');
    refuses('/apis/apps/v1/namespaces/a/deployments/d/scale', '/apis/example.com/v1/widgets/w/scale');
    refuses('/api/v1/nodes/n/proxy/x', '/api/v1/nodes/n/status', '/api/v1/proxy/nodes/n');
    passes('/apis/apps/v1/namespaces/a/deployments/d', '/api/v1/nodes', '/api/v1/nodes/n');
  });
});

describe('a resource with a group', () => {
  it('is rejected only in that group', () => {
    const { passes, refuses } = guardFor('events.events.k8s.io,Deployments.Apps/scale');
    refuses('/apis/events.k8s.io/v1/events', '/apis/EVENTS.k8s.io/v1/namespaces/a/events/e');
    refuses('/apis/apps/v1beta1/namespaces/a/deployments/d/scale');
    passes('/api/v1/events', '/apis/k8s.io/v1/events', '/apis/apps/v1/namespaces/a/deployments/d');
    passes('/apis/extensions/v1beta1/namespaces/a/deployments/d/scale');
  });

  it('can be every resource of the group, and * is everything', () => {
    const { passes, refuses } = guardFor('*.example.com');
    refuses('/apis/example.com/v1/widgets', '/apis/example.com/v2/namespaces/a/gadgets/g/status');
    passes('/apis/sub.example.com/v1/widgets', '/apis/example.com.evil/v1/widgets', '/apis/example.com/v1');
    guardFor('*').refuses('/api/v1/pods', '/apis/example.com/v1/widgets/w/status');
    guardFor('*').passes('/api/v1', '/version');
  });
});

describe('a list of resources', () => {
  const problems = (source: string): readonly string[] => {
    const parsed = parseResourceList(source);
    return 'problems' in parsed ? parsed.problems : [];
  };

  it('accepts nothing at all, names of custom resources, even unknown ones, and entries with spaces around them', () => {
    assert.deepEqual(parseResourceList(''), { patterns: [] });
    assert.deepEqual(parseResourceList('widgets, Gadgets.Example.com/*'), {
      patterns: [
        { resource: 'widgets', group: '*', subresource: undefined },
        { resource: 'gadgets', group: 'example.com', subresource: '*' },
      ],
    });
  });

  it('rejects singulars, kinds and short names of Kubernetes’ own resources, because they would match nothing', () => {
    assert.deepEqual(problems('secret,Secret,pod/exec,ingress,networkpolicy,po,svc'), [
      '"secret" is not how paths name it; write secrets',
      '"Secret" is not how paths name it; write secrets',
      '"pod/exec" is not how paths name it; write pods',
      '"ingress" is not how paths name it; write ingresses',
      '"networkpolicy" is not how paths name it; write networkpolicies',
      '"po" is not how paths name it; write the full name, such as pods for po',
      '"svc" is not how paths name it; write the full name, such as pods for po',
    ]);
    assert.deepEqual(problems('secret.example.com'), []);
  });

  it('rejects every other entry', () => {
    for (const entry of [
      ...['a,', ',', '/exec', 'pods/', 'a/b/c', 'sec*', '*.*', 'pods/ex*', 'a b', '^secrets$'],
      ...['secrets.', '.apps'],
    ]) {
      assert.match(problems(entry)[0] ?? '', /is not RESOURCE/, entry);
    }
  });
});
