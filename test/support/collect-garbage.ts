import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects garbage now. What is still referenced from the stack, or waits for a microtask, may stay. */
export const collectGarbage = runInNewContext('gc') as () => void;
