import type { Feature } from '../../feature.js';
import { defineOptions, flagsOf, type OptionFacts, type OptionValues } from '../../lib/option.js';
import { duration, durationFrom, optional } from '../../lib/value-type.js';
import { createRecheckMetrics, type RecheckMetrics } from './metrics.js';

const options = defineOptions('Authentication', {
  endStreamsAtExpiry: {
    type: optional(duration),
    default: '',
    help: "End each open stream of a caller (watch, followed log, exec, …) this long after the caller's credential has expired. By default streams go on.",
  },
  recheckStreams: {
    type: optional(durationFrom(10)),
    default: '',
    help: 'Once in each interval of this length, at least 10s, ask about each open stream, and each request that has lasted for longer, whether its caller is still known and may still do it; if not, end it. By default nobody asks.',
  },
});

type Values = OptionValues<typeof options>;

/** Ends the open streams of callers whose right to them has ended. */
export const streamEnds = {
  name: 'stream-ends',
  options,

  problems({ endStreamsAtExpiry, recheckStreams }, _given, { methods, methodsOn }: OptionFacts) {
    const flags = [
      ...(endStreamsAtExpiry === undefined ? [] : ['--end-streams-at-expiry']),
      ...(recheckStreams === undefined ? [] : ['--recheck-streams']),
    ];
    const needsCallers = `needs a method of authentication (${flagsOf(methods)}): it is about the rights of callers`;
    return methodsOn.length > 0 ? [] : flags.map(flag => `${flag} ${needsCallers}`);
  },

  metrics: createRecheckMetrics,

  async create({ endStreamsAtExpiry: grace, recheckStreams: interval }, { clock, reviews }, { rechecked }) {
    if (grace === undefined && interval === undefined) return undefined;
    const [{ StreamEnds }, { listStreams }] = await Promise.all([
      import('./stream-ends.js'),
      import('./list.js'),
    ]);
    const ends = new StreamEnds({ grace, interval, clock, reviews, rechecked });
    return {
      follower: isStillKnown => ends.follow(isStillKnown),
      adminEndpoint: { path: '/streams', answer: () => listStreams(ends.open) },
      close: () => ends.close(),
    };
  },
} as const satisfies Feature<Values, RecheckMetrics>;
