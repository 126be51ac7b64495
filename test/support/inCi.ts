/** Whether all is tried; else as much as somebody waits for who has changed a line. */
export const isCi = Boolean(process.env['CI']);

/** What is said of a test that is skipped because it takes long, and what it is about is tried more quickly elsewhere; empty in CI. */
export const onlyInCi = isCi ? '' : ' (skipped: it takes long, CI=true runs it)';
