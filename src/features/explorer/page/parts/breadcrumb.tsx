import { type ApiResource, groupVersion } from '../api/discovery.js';
import { versionPath } from '../api/requests.js';
import { linkTo, linkToList } from './links.js';

/** The place of the view: the API, a group, a resource, a namespace. */
export function Breadcrumb({
  resource,
  namespace,
}: {
  readonly resource: ApiResource;
  readonly namespace: string;
}) {
  const { name } = resource;
  return (
    <nav class="breadcrumb" aria-label="Path">
      <a href={linkTo('/')}>API</a>
      <a href={linkTo(versionPath(resource))}>{groupVersion(resource)}</a>
      <a href={linkToList(resource)}>{name}</a>
      {namespace !== '' && <a href={linkToList(resource, namespace)}>{namespace}</a>}
    </nav>
  );
}
