import type { OwnerReference } from 'kubernetes-types/meta/v1.js';
import { useState } from 'preact/hooks';
import type { ApiObject, ObjectList } from '../api/objects.js';
import { referencesOf } from '../api/references.js';
import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useLoaded } from '../parts/hooks.js';
import { linkToObject } from '../parts/links.js';

/** The owners of an object, and the objects that it owns. */
export function Relatives({ source, object }: { readonly source: Source; readonly object: ApiObject }) {
  const { ownerReferences = [], namespace = '', uid = '' } = object.metadata ?? {};
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="relatives">
      {ownerReferences.length > 0 && (
        <p>
          Belongs to{' '}
          {ownerReferences.map((owner, at) => (
            <span key={owner.uid}>
              {at > 0 && ', '}
              <Owner source={source} owner={owner} namespace={namespace} />
            </span>
          ))}
        </p>
      )}
      <Uses source={source} object={object} />
      {mayOwn(object) && (
        <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
          <summary>Objects that belong to it</summary>
          {isOpen && <Owned source={source} uid={uid} namespace={namespace} />}
        </details>
      )}
    </section>
  );
}

/** Links to the objects that it names. */
function Uses({ source, object }: { readonly source: Source; readonly object: ApiObject }) {
  const links = referencesOf(object, source.index).flatMap(({ resource, namespace, name }) => {
    const href = linkToObject(resource, namespace, name);
    return href === undefined ? [] : [{ href, title: `${resource.kind} ${name}` }];
  });
  if (links.length === 0) return null;
  return (
    <p>
      Uses{' '}
      {links.map(({ href, title }, at) => (
        <span key={href}>
          {at > 0 && ', '}
          <a href={href}>{title}</a>
        </span>
      ))}
    </p>
  );
}

/** Only a few kinds of the core group own other objects. */
function mayOwn({ apiVersion, kind = '' }: ApiObject): boolean {
  return apiVersion !== 'v1' || ['Node', 'ReplicationController', 'Service'].includes(kind);
}

function Owner({
  source,
  owner: { apiVersion, kind, name },
  namespace,
}: {
  readonly source: Source;
  readonly owner: OwnerReference;
  readonly namespace: string;
}) {
  const resource = source.index.ofKind(apiVersion, kind);
  const href = resource && linkToObject(resource, namespace, name);
  return href === undefined ? (
    <span>
      {kind} {name}
    </span>
  ) : (
    <a href={href}>
      {kind} {name}
    </a>
  );
}

function Owned({
  source,
  uid,
  namespace,
}: {
  readonly source: Source;
  readonly uid: string;
  readonly namespace: string;
}) {
  const owned = useLoaded(signal => readOwned(source, uid, namespace, signal), [source, uid]);
  if (owned.kind === 'loading') return <p class="muted">Searching…</p>;
  if (owned.kind === 'failed') return <p class="muted">{owned.problem}</p>;
  if (owned.value.length === 0) return <p class="muted">No objects that a controller created.</p>;
  return (
    <ul>
      {owned.value.map(({ kind, name, href }) => (
        <li key={`${kind} ${name}`}>
          {href === undefined ? `${kind} ${name}` : <a href={href}>{`${kind} ${name}`}</a>}
        </li>
      ))}
    </ul>
  );
}

/** The kinds that controllers create. An object does not list what it owns, so these kinds are searched. */
const made: readonly (readonly [group: string, resource: string])[] = [
  ['', 'pods'],
  ['apps', 'replicasets'],
  ['apps', 'deployments'],
  ['apps', 'statefulsets'],
  ['apps', 'controllerrevisions'],
  ['batch', 'jobs'],
  ['discovery.k8s.io', 'endpointslices'],
  ['', 'services'],
  ['', 'configmaps'],
  ['', 'secrets'],
  ['', 'persistentvolumeclaims'],
];

async function readOwned(
  { client, prefix, index }: Source,
  uid: string,
  namespace: string,
  signal: AbortSignal,
) {
  const found: { kind: string; name: string; href: string | undefined }[] = [];
  for (const [group, name] of made) {
    const resource = index.preferred(group, name);
    if (resource?.verbs.includes('list') !== true) continue;
    const request = ApiRequest.list(prefix, index, { resource, namespace }, { limit: '2000' }, 'metadata');
    // The user may not be allowed to list some of them.
    const { items } = await client.json<ObjectList>(request, signal).catch((): ObjectList => ({}));
    for (const { metadata = {} } of items ?? []) {
      if (metadata.ownerReferences?.some(owner => owner.uid === uid) !== true) continue;
      const { name: own = '', namespace: within = '' } = metadata;
      found.push({ kind: resource.kind, name: own, href: linkToObject(resource, within, own) });
    }
  }
  return found;
}
