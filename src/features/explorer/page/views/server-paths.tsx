import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/client.js';
import { ApiRequest, nonResourcePaths } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { linkTo } from '../parts/links.js';
import { Status } from '../parts/status.js';
import { WideTable } from '../parts/wide-table.js';

const meanings: Readonly<Record<string, string>> = {
  '/version': 'the Kubernetes version',
  '/livez': 'whether the API server is alive',
  '/readyz': 'whether it is ready for requests',
  '/healthz': 'the older form of /livez and /readyz',
  '/metrics': 'its metrics, for Prometheus',
  '/logs/': 'log files of its node, if this is enabled',
  '/openapi/v2': 'all schemas in one document',
  '/openapi/v3': 'schemas, one document per group and version',
  '/.well-known/openid-configuration': 'the issuer of service account tokens',
};

/** Paths about the state of the API server. They cost little, so they are checked repeatedly. */
const state: readonly string[] = ['/version', '/livez', '/readyz', '/healthz'];
/**
 * The paths that everybody may read (roles system:public-info-viewer and system:discovery). Of the others, many users would get a 403 or a
 * 404, and the browser would report it as an error of this page.
 */
const checked: readonly string[] = [...state, '/openapi/v2', '/openapi/v3'];
/** Milliseconds between two checks. */
const interval = 10_000;

/** The paths that are not resources, each with its status. */
export function ServerPaths({ source }: { readonly source: Source }) {
  const statuses = useStatuses(source);
  return (
    <section>
      <h2>Paths that are not resources</h2>
      <WideTable label="Beside the resources" kind="plain paths" heads={['Path', 'Status', 'Contents']}>
        {nonResourcePaths.map(path => (
          <tr key={path}>
            <td>
              <a href={linkTo(path)}>
                <code>{path}</code>
              </a>
            </td>
            <td>
              {checked.includes(path) ? (
                <PathStatus code={statuses.get(path)} />
              ) : (
                <span class="muted status">open it</span>
              )}
            </td>
            <td class="muted">{meanings[path]}</td>
          </tr>
        ))}
      </WideTable>
    </section>
  );
}

function PathStatus({ code }: { readonly code: number | undefined }) {
  if (code === undefined) return <span class="muted">…</span>;
  const kind = code === 0 || code >= 500 ? 'bad' : code >= 400 ? 'none' : 'good';
  return <Status kind={kind}>{code === 0 ? 'no answer' : code}</Status>;
}

/** The status of each path that is checked; 0 means no answer. */
function useStatuses(source: Source): ReadonlyMap<string, number> {
  const [statuses, setStatuses] = useState<ReadonlyMap<string, number>>(new Map());
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const check = async (paths: readonly string[]) => {
      for (const path of paths) {
        const code = await statusOf(source, path, signal);
        if (signal.aborted) return;
        setStatuses(known => new Map(known).set(path, code));
      }
    };
    const run = async () => {
      await check(checked);
      for (;;) {
        await source.page.wait(interval, signal);
        await source.page.visible(signal);
        await check(state);
      }
    };
    run().catch(() => {});
    return () => ending.abort();
  }, [source]);
  return statuses;
}

async function statusOf({ client, prefix }: Source, path: string, signal: AbortSignal): Promise<number> {
  try {
    const response = await client.send(ApiRequest.nonResource(prefix, path), signal);
    // Some of these answers are megabytes, and the status is enough.
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    return error instanceof ApiError ? error.code : 0;
  }
}
