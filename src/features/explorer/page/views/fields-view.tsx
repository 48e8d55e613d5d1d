import { useState } from 'preact/hooks';
import { type ApiResource, groupVersion } from '../api/discovery.js';
import { type Field, fieldsOf, type OpenApiDocument, type Schema, schemaOf } from '../api/openapi.js';
import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useLoaded } from '../parts/hooks.js';
import { Problem, Skeleton } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';

/** The fields of a resource with their documentation, as in `kubectl explain`. */
export function FieldsView({
  source,
  resource,
}: {
  readonly source: Source;
  readonly resource: ApiResource;
}) {
  const words = ['explain', resource.name, `--api-version=${groupVersion(resource)}`];
  const request = ApiRequest.openApi(source.prefix, source.index, resource);
  const document = useLoaded(
    signal => source.client.json<OpenApiDocument>(request, signal),
    [source, resource.group, resource.version],
  );
  const schema = document.kind === 'ready' ? schemaOf(document.value, resource) : undefined;
  return (
    <>
      <RequestBar request={request} action={{ kind: 'command', words }} />
      {document.kind === 'loading' && <Skeleton lines={10} />}
      {document.kind === 'failed' && <Problem>{document.problem}</Problem>}
      {document.kind === 'ready' && schema === undefined && (
        <p>The API server has no schema for {resource.kind}.</p>
      )}
      {document.kind === 'ready' && schema !== undefined && (
        <div class="fields">
          <p class="description">{schema.description}</p>
          <Fields document={document.value} schema={schema} />
        </div>
      )}
    </>
  );
}

function Fields({ document, schema }: { readonly document: OpenApiDocument; readonly schema: Schema }) {
  return (
    <ul>
      {fieldsOf(document, schema).map(field => (
        <li key={field.name}>
          {field.schema === undefined ? (
            <div class="field">
              <Heading field={field} />
              <p>{field.description}</p>
            </div>
          ) : (
            <Unfolding document={document} field={field} schema={field.schema} />
          )}
        </li>
      ))}
    </ul>
  );
}

/** Reads the fields of a field only when it is unfolded, because a schema may contain itself. */
function Unfolding({
  document,
  field,
  schema,
}: {
  readonly document: OpenApiDocument;
  readonly field: Field;
  readonly schema: Schema;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="field" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <Heading field={field} />
      </summary>
      <p>{field.description}</p>
      {isOpen && <Fields document={document} schema={schema} />}
    </details>
  );
}

function Heading({ field: { name, type, isRequired } }: { readonly field: Field }) {
  return (
    <span class="heading">
      <code>{name}</code>
      <span class="type">{type}</span>
      {isRequired && <span class="tag">required</span>}
    </span>
  );
}
