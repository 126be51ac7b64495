/** A config that does not say what a run is, or a command line that asks for what cannot be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
