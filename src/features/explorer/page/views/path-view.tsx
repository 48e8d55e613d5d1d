import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useLoaded } from '../parts/hooks.js';
import { Problem, Skeleton } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';
import { ScrollBox } from '../parts/scroll-box.js';

/** The most characters that are shown. Some of these answers are megabytes. */
const mostText = 200_000;

/** The answer of a path that is not a resource. */
export function PathView({ source, path }: { readonly source: Source; readonly path: string }) {
  const request = ApiRequest.nonResource(source.prefix, path, {
    verbose: /^\/(?:livez|readyz|healthz)$/.test(path),
  });
  const answer = useLoaded(
    async signal => {
      const response = await source.client.send(request, signal);
      return (await response.text()).slice(0, mostText);
    },
    [path, source],
  );
  return (
    <section class="page">
      <h1>{path}</h1>
      <RequestBar request={request} action={{ kind: 'raw' }} />
      {answer.kind === 'loading' && <Skeleton />}
      {answer.kind === 'failed' && <Problem>{answer.problem}</Problem>}
      {answer.kind === 'ready' && (
        <ScrollBox kind="answer" label={path}>
          <pre>
            {answer.value}
            {answer.value.length === mostText ? '\n…' : ''}
          </pre>
        </ScrollBox>
      )}
    </section>
  );
}
