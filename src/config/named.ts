import { averageWeights } from '../../operators/averageWeights.js';
import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { maxDuration } from '../../operators/maxDuration.js';
import { reduceOnPlateau } from '../../operators/reduceOnPlateau.js';
import { stopEarly } from '../../operators/stopEarly.js';
import { throughput } from '../../operators/throughput.js';
import { untilMetric } from '../../operators/untilMetric.js';
import { huber } from '../losses/huber.js';
import { mae } from '../losses/mae.js';
import { mse } from '../losses/mse.js';
import { sigmoidCrossEntropy } from '../losses/sigmoidCrossEntropy.js';
import { softmaxCrossEntropy } from '../losses/softmaxCrossEntropy.js';
import { sparseSoftmaxCrossEntropy } from '../losses/sparseSoftmaxCrossEntropy.js';
import { accuracy } from '../metrics/accuracy.js';
import { binaryAccuracy } from '../metrics/binaryAccuracy.js';
import { meanAbsoluteError } from '../metrics/meanAbsoluteError.js';
import type { LossFunction } from '../core/loss.js';
import type { MetricFunction } from '../core/metric.js';
import type { Callable } from './call.js';
import { constant, cosine, exponential, linear, oneCycle, sequence, step, warmup } from '../optim/schedules.js';

/** What data can name: JSON holds no functions. */

export type LossName = 'mae' | 'mse' | 'sigmoidCrossEntropy' | 'softmaxCrossEntropy' | 'sparseSoftmaxCrossEntropy';
export const LOSSES: Readonly<Record<LossName, LossFunction>> = {
  mae,
  mse,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  sparseSoftmaxCrossEntropy,
};

export const LOSS_CALLS: Callable<'huber'> = { huber };

export type MetricName = 'accuracy' | 'binaryAccuracy' | 'meanAbsoluteError' | LossName;
export const METRICS: Readonly<Record<MetricName, MetricFunction>> = {
  accuracy,
  binaryAccuracy,
  meanAbsoluteError,
  ...LOSSES,
};

export type ScheduleName =
  'constant' | 'cosine' | 'exponential' | 'linear' | 'oneCycle' | 'sequence' | 'step' | 'warmup';
export const SCHEDULES: Callable<ScheduleName> = {
  constant,
  cosine,
  exponential,
  linear,
  oneCycle,
  sequence,
  step,
  warmup,
};

export type OperatorName =
  | 'averageWeights'
  | 'ema'
  | 'logEvery'
  | 'maxDuration'
  | 'reduceOnPlateau'
  | 'stopEarly'
  | 'throughput'
  | 'untilMetric';
export const OPERATORS: Callable<OperatorName> = {
  averageWeights,
  ema,
  logEvery,
  maxDuration,
  reduceOnPlateau,
  stopEarly,
  throughput,
  untilMetric,
};
