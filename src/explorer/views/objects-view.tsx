import { useState } from 'preact/hooks';
import { ApiRequest, type ListScope } from '../api/requests.js';
import { LiveList } from '../live/live-list.js';
import type { Source } from '../live/source.js';
import { useModel } from '../parts/hooks.js';
import { Problem, Skeleton, StreamBadge } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';
import { ObjectsTable } from './objects-table.js';

/** The objects of a list, live. */
export function ObjectsView({ source, scope }: { readonly source: Source; readonly scope: ListScope }) {
  const { namespace, labelSelector, fieldSelector } = scope;
  return <Listed key={`${namespace} ${labelSelector} ${fieldSelector}`} source={source} scope={scope} />;
}

function Listed({ source, scope }: { readonly source: Source; readonly scope: ListScope }) {
  const list = useModel(() => new LiveList(source, scope), [source]);
  const [isWide, setWide] = useState(false);
  const request = ApiRequest.list(source.prefix, source.index, scope, { limit: '500' });
  const { rows, progress, error, columns, state } = list;
  return (
    <>
      <RequestBar request={request} action={{ kind: 'list', ...scope }} />
      <div class="status-line">
        <span role="status">{countOf(rows.size, progress !== undefined)}</span>
        {progress !== undefined && progress.remaining > 0 && (
          <progress
            aria-label="Loading the list"
            value={progress.loaded}
            max={progress.loaded + progress.remaining}
          />
        )}
        {error === undefined && <StreamBadge state={state} />}
        <span class="space" />
        {columns.some(({ priority }) => priority > 0) && (
          <label class="check">
            <input type="checkbox" checked={isWide} onChange={() => setWide(!isWide)} /> All columns
          </label>
        )}
      </div>
      {error !== undefined && <Problem>{error}</Problem>}
      {columns.length === 0 && error === undefined ? (
        <Skeleton lines={12} />
      ) : (
        <ObjectsTable list={list} scope={scope} isWide={isWide} />
      )}
    </>
  );
}

function countOf(count: number, isLoading: boolean): string {
  const number = count.toLocaleString('en');
  if (isLoading) return count === 0 ? 'Loading' : `Loading: ${number} so far`;
  return count === 1 ? '1 object' : `${number} objects`;
}
