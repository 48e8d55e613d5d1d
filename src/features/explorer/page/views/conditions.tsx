import { isRecord } from '../api/objects.js';
import { useNow } from '../parts/hooks.js';
import { WideTable } from '../parts/wide-table.js';
import { humanDuration } from '../text/age.js';

/** `status.conditions`, as most kinds have them (apimachinery `meta/v1.Condition`). */
export function Conditions({ conditions }: { readonly conditions: readonly unknown[] }) {
  const now = useNow();
  const known = conditions.filter(isRecord);
  if (known.length === 0) return null;
  return (
    <section>
      <h2>Conditions</h2>
      <WideTable label="Conditions" heads={['Type', 'Status', 'Since', 'Reason']}>
        {known.map(({ type, status, lastTransitionTime, reason, message }) => (
          <tr key={String(type)}>
            <td>{String(type)}</td>
            <td>{String(status)}</td>
            <td>
              {typeof lastTransitionTime === 'string' && (
                <time dateTime={lastTransitionTime} title={new Date(lastTransitionTime).toLocaleString()}>
                  {humanDuration(now - Date.parse(lastTransitionTime))}
                </time>
              )}
            </td>
            <td>
              {String(reason ?? '')} <span class="muted">{String(message ?? '')}</span>
            </td>
          </tr>
        ))}
      </WideTable>
    </section>
  );
}
