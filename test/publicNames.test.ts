import { expect, it } from 'vitest';

it.each([
  'gradstream',
  'gradstream/operators',
  'gradstream/engine',
  'gradstream/data',
  'gradstream/optim',
  'gradstream/losses',
  'gradstream/metrics',
  'gradstream/checkpoint',
  'gradstream/checkpoint/node',
  'gradstream/checkpoint/s3',
  'gradstream/sinks',
  'gradstream/sinks/node',
  'gradstream/sinks/mlflow',
  'gradstream/sinks/wandb',
  'gradstream/sinks/prometheus',
  'gradstream/dashboard',
  'gradstream/sinks/tensorboard',
  'gradstream/plot',
  'gradstream/replicas',
  'gradstream/testing',
])('%s exports these names and no others', async (entry) => {
  expect(Object.keys((await import(entry)) as object).sort()).toMatchSnapshot();
});
