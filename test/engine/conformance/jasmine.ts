import { createRequire } from 'node:module';

/** A test that ran: its full name, and why it failed if it did. */
export interface Outcome {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly message: string;
}

type Spec = { fullName: string; status: string; failedExpectations: readonly { message: string }[] };
type Reporter = { specDone(spec: Spec): void };
type Environment = {
  configure(options: { random: boolean }): void;
  addReporter(reporter: Reporter): void;
  execute(): Promise<unknown>;
};

/** Runs under jasmine what `declare` declares, in its order. */
export async function runUnderJasmine(declare: () => Promise<void>): Promise<Outcome[]> {
  const core = createRequire(import.meta.url)('jasmine-core') as {
    noGlobals(): { jasmine: { getEnv(): Environment } };
  };
  const globals = core.noGlobals();
  Object.assign(globalThis, globals);
  const environment = globals.jasmine.getEnv();
  const outcomes: Outcome[] = [];
  environment.configure({ random: false });
  environment.addReporter({
    specDone: ({ fullName, status, failedExpectations }) =>
      outcomes.push({
        name: fullName,
        status: status === 'passed' || status === 'failed' ? status : 'skipped',
        message: failedExpectations.map(({ message }) => message.split('\n')[0]).join('; '),
      }),
  });
  await declare();
  await environment.execute();
  return outcomes;
}
