/** What an MLflow server refused, or that it was away; `status` is HTTP's, `code` the server's own, where it answered. */
export class MlflowError extends Error {
  override readonly name = 'MlflowError';

  constructor(
    message: string,
    readonly status?: number,
    readonly code?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
