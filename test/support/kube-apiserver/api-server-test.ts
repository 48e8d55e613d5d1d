import { after, test as nodeTest, type TestContext } from 'node:test';
import { ApiServer, type Location, locationVariable } from './api-server.js';
import { areRequired, findPrograms, missingPrograms } from './programs.js';
import { startPair } from './run.js';

const given = process.env[locationVariable];
const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

let shared: Promise<ApiServer> | undefined;

/** The API server of the run. A file that runs alone starts one with its first test, and stops it at its end. */
function sharedApiServer(): Promise<ApiServer> {
  shared ??= (async () =>
    ApiServer.at(
      given === undefined
        ? await startPair({ after: cleanup => void cleanups.push(cleanup) })
        : (JSON.parse(given) as Location),
    ))();
  return shared;
}

const isMissing = given === undefined && !areRequired && findPrograms() === undefined;

/** A test that needs a real API server. Without the programs it is skipped with a message, or fails if REQUIRE_APISERVER=1. */
export function test(name: string, run: (t: TestContext, server: ApiServer) => void | Promise<void>): void {
  nodeTest(name, { skip: isMissing && missingPrograms }, async t => run(t, await sharedApiServer()));
}
