import { useMemo, useState } from 'preact/hooks';
import { isEvents } from '../api/events.js';
import { ApiRequest, type ListScope } from '../api/requests.js';
import { rowsNamed } from '../api/table.js';
import { LiveList, pageSize } from '../live/live-list.js';
import type { Source } from '../live/source.js';
import { useModel } from '../parts/hooks.js';
import { Skeleton, StreamBadge } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';
import type { Loaded } from '../state.js';
import { ListProblem } from './list-problem.js';
import { NameSearch } from './name-search.js';
import { NextPage } from './next-page.js';
import { ObjectsTable } from './objects-table.js';

/** The objects of a list, live. */
export function ObjectsView(props: ObjectsViewProps) {
  const { namespace, labelSelector, fieldSelector } = props.scope;
  return <Listed key={`${namespace} ${labelSelector} ${fieldSelector}`} {...props} />;
}

interface ObjectsViewProps {
  readonly source: Source;
  readonly scope: ListScope;
  /** The namespaces that the user may list. */
  readonly namespaces: Loaded<readonly string[]>;
  /** A part of the names of the objects that are shown. */
  readonly name: string;
  /** The address with another part of a name. */
  readonly hrefOf: (name: string) => string;
}

function Listed({ source, scope, namespaces, name, hrefOf }: ObjectsViewProps) {
  const list = useModel(() => new LiveList(source, scope), [source]);
  const [isWide, setWide] = useState(false);
  const request = ApiRequest.list(source.prefix, source.index, scope, { limit: pageSize });
  const { rows, version, progress, error, columns, state } = list;
  const found = useMemo(() => rowsNamed(rows.values(), name, columns), [rows, version, name, columns]);
  const ofEvents = isEvents(scope.resource);
  const bar = <RequestBar request={request} action={{ kind: 'list', ...scope }} />;
  const problem = (
    <ListProblem failed={list} verb="list" {...{ source, scope, namespaces }} rest={{ name }} />
  );
  if (error !== undefined && rows.size === 0) {
    return (
      <>
        {bar}
        {problem}
      </>
    );
  }
  return (
    <>
      {bar}
      {list.secondPage !== '' && <NextPage {...{ source, scope }} token={list.secondPage} />}
      <div class="status-line">
        <span role="status">
          {countOf(rows.size, progress !== undefined)}
          {name !== '' && `, ${found.length.toLocaleString('en')} found`}
        </span>
        {progress !== undefined && progress.remaining > 0 && (
          <progress
            aria-label="Loading the list"
            value={progress.loaded}
            max={progress.loaded + progress.remaining}
          />
        )}
        {ofEvents && (
          <span class="muted">
            {progress === undefined
              ? 'newest first'
              : 'newest first of these; more exist, because the server lists by name'}
          </span>
        )}
        {error === undefined && <StreamBadge state={state} />}
        <span class="space" />
        <NameSearch
          {...{ name, hrefOf }}
          label={ofEvents ? 'Find by name, reason or object' : 'Find by name'}
        />
        {columns.some(({ priority }) => priority > 0) && (
          <label class="check">
            <input type="checkbox" checked={isWide} onChange={() => setWide(!isWide)} /> All columns
          </label>
        )}
      </div>
      {problem}
      {columns.length === 0 ? (
        <Skeleton lines={12} />
      ) : (
        <ObjectsTable index={source.index} rows={found} {...{ list, name, scope, isWide }} />
      )}
    </>
  );
}

function countOf(count: number, isLoading: boolean): string {
  const number = count.toLocaleString('en');
  if (isLoading) return count === 0 ? 'Loading' : `Loading: ${number} so far`;
  return count === 1 ? '1 object' : `${number} objects`;
}
