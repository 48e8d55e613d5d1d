import assert from 'node:assert/strict';
import { it } from 'node:test';
import { builtInResources } from '../../src/kubernetes/built-in-resources.js';
import { readRecordedDiscovery } from '../support/recorded-discovery.js';

it('the built-in resources are all that an API server of 1.34 serves by default', () => {
  const { core, groups } = readRecordedDiscovery();
  for (const { metadata, versions } of [...core.items, ...groups.items]) {
    for (const { version, resources } of versions) {
      const names = builtInResources[metadata.name === undefined ? version : `${metadata.name}/${version}`];
      const served = resources.map(({ resource, subresources = [] }) =>
        [resource, subresources.map(({ subresource }) => subresource).sort()].join('/').replace(/\/$/, ''),
      );
      for (const name of served) assert.ok(names?.split(/\s+/).includes(name), `${version}: ${name}`);
    }
  }
});
