import { orderedVerbs } from '../api/access.js';
import { type ApiGroup, groupVersion } from '../api/discovery.js';
import { ApiRequest } from '../api/requests.js';
import { useStore } from '../parts/hooks.js';
import { linkTo, linkToList } from '../parts/links.js';
import { RequestBar } from '../parts/request-bar.js';
import { Verbs } from '../parts/verbs.js';
import { WideTable } from '../parts/wide-table.js';

/** The resources of one version of a group. */
export function GroupView({
  prefix,
  group,
  version,
}: {
  readonly prefix: string;
  readonly group: ApiGroup;
  readonly version: string | undefined;
}) {
  const namespace = useStore(state => state.namespace);
  const chosen = group.versions.find(entry => entry.version === version) ?? group.versions[0];
  if (chosen === undefined) return null;
  const name = groupVersion({ group: group.name, version: chosen.version });
  return (
    <section class="page">
      <nav class="breadcrumb" aria-label="Path">
        <a href={linkTo('/')}>API</a>
      </nav>
      <h1>{name}</h1>
      <p class="muted">
        {group.name === '' ? 'The core group.' : `Group ${group.name}.`}{' '}
        {group.versions.length > 1 && (
          <>
            Versions:{' '}
            {group.versions.map((entry, at) => (
              <span key={entry.version}>
                {at > 0 && ', '}
                <a href={linkTo(`/apis/${group.name}/${entry.version}`)}>{entry.version}</a>
                {at === 0 && ' (preferred)'}
              </span>
            ))}
          </>
        )}
      </p>
      <RequestBar
        request={ApiRequest.versionDiscovery(prefix, group.name, chosen.version)}
        action={{ kind: 'command', words: ['api-resources', `--api-group=${group.name}`, '-o', 'wide'] }}
      />
      {chosen.isStale && <p class="problem">The API server that serves this version does not answer.</p>}
      <WideTable label={`Resources of ${name}`} heads={['Resource', 'Short names', 'Kind', 'Scope', 'Verbs']}>
        {chosen.resources.map(resource => (
          <tr key={resource.name}>
            <td>
              <a href={linkToList(resource, namespace)}>{resource.name}</a>
            </td>
            <td class="muted">{resource.shortNames.join(', ')}</td>
            <td>{resource.kind}</td>
            <td>{resource.namespaced ? 'namespace' : 'cluster'}</td>
            <td class="verbs">
              <Verbs verbs={orderedVerbs(resource)} />
            </td>
          </tr>
        ))}
      </WideTable>
    </section>
  );
}
