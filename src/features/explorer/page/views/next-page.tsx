import { ApiRequest, type ListScope } from '../api/requests.js';
import { pageSize } from '../live/live-list.js';
import type { Source } from '../live/source.js';
import { RequestBar } from '../parts/request-bar.js';

/** The request for the second page of a list, and how the API server divides a list into pages. */
export function NextPage({
  source,
  scope,
  token,
}: {
  readonly source: Source;
  readonly scope: ListScope;
  /** What the first page says in `metadata.continue`. */
  readonly token: string;
}) {
  const request = ApiRequest.list(source.prefix, source.index, scope, { limit: pageSize, continue: token });
  return (
    <RequestBar request={request} action={{ kind: 'raw' }} title="Next page">
      <p class="hint">
        <code>limit={pageSize}</code> asks for at most {pageSize} objects. If there are more, the answer has a
        token in <code>metadata.continue</code> and, without selectors, their number in{' '}
        <code>metadata.remainingItemCount</code>. The same request with <code>continue=TOKEN</code> gets the
        next page; the last page has no token. A token is valid for some minutes: then the answer is 410, and
        the list has to begin again. This page reads all pages; <code>kubectl get</code> does so too (
        <code>--chunk-size</code>).
      </p>
    </RequestBar>
  );
}
