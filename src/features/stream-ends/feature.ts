import { flagsOf, type OptionFacts } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool, duration, optional, readDuration, valueType } from '../../lib/value-type.js';
import { createRecheckMetrics, type RecheckMetrics } from './metrics.js';

/** A duration of 10 s or more, in milliseconds. */
const recheckInterval = valueType('DURATION', value => {
  const result = readDuration(value);
  return typeof result === 'object' && result.value < 10_000 ? 'is less than 10s' : result;
});

const rightsOptions = defineOptions('Authentication', {
  endStreamsAtExpiry: {
    type: optional(duration),
    default: '',
    help: "End each open stream of a caller (watch, followed log, exec, …) this long after the caller's credential has expired. By default streams go on.",
  },
  recheckStreams: {
    type: optional(recheckInterval),
    default: '',
    help: 'Once in each interval of this length, at least 10s, ask about each open stream, and each request that has lasted for longer, whether its caller is still known and may still do it; if not, end it. By default nobody asks.',
  },
});

const adminOptions = defineOptions('Listening', {
  adminEndStreams: {
    type: bool,
    default: 'false',
    help: 'Let operators end open streams by DELETE of /streams?user=NAME or /streams/ID on the listener of --admin-port, from this machine alone.',
  },
});

const options = { ...rightsOptions, ...adminOptions };

type Values = OptionValues<typeof options> & { readonly adminPort: number | undefined };

/** Lists the open streams, and ends those of callers whose right to them has ended, or that an operator ends. */
export const streamEnds = {
  name: 'stream-ends',
  options,

  problems(
    { endStreamsAtExpiry, recheckStreams, adminEndStreams, adminPort }: Values,
    _given,
    { methods, methodsOn }: OptionFacts,
  ) {
    const flags = [
      ...(endStreamsAtExpiry === undefined ? [] : ['--end-streams-at-expiry']),
      ...(recheckStreams === undefined ? [] : ['--recheck-streams']),
    ];
    const needsCallers = `needs a method of authentication (${flagsOf(methods)}): it is about the rights of callers`;
    return [
      ...(methodsOn.length > 0 ? [] : flags.map(flag => `${flag} ${needsCallers}`)),
      ...(adminEndStreams && adminPort === undefined ? ['--admin-end-streams needs --admin-port'] : []),
    ];
  },

  metrics: createRecheckMetrics,

  async create(
    { endStreamsAtExpiry: grace, recheckStreams: interval, adminEndStreams: byOperator, adminPort },
    { clock, reviews, logger },
    { rechecked },
  ) {
    if (grace === undefined && interval === undefined && adminPort === undefined) return undefined;
    const [{ StreamEnds }, { createOperatorActions }, { addOperatorRoutes }, { UnaskableClusters }] =
      await Promise.all([
        import('./stream-ends.js'),
        import('./list.js'),
        import('./operator-routes.js'),
        import('./unaskable-clusters.js'),
      ]);
    const unaskable = new UnaskableClusters(clock, logger);
    const ends = new StreamEnds({ grace, interval, byOperator, clock, reviews, rechecked, unaskable });
    const actions = createOperatorActions({
      open: () => ends.open.values(),
      endsStreams: byOperator,
      logger,
    });
    return {
      warnings: () => unaskable.warnings(),
      follower: isStillKnown => ends.follow(isStillKnown),
      adminRoutes: admin => addOperatorRoutes(admin, actions),
      close: () => ends.close(),
    };
  },
} as const satisfies Feature<Values, RecheckMetrics>;
