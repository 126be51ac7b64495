export { mlflow, type MlflowOptions } from './mlflow/mlflow.js';
export { MlflowError } from './mlflow/mlflowError.js';
export type { HyperParameters } from './hyperParameters.js';
export type { MlflowServer } from './mlflow/server.js';
