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
import { constant, cosine, exponential, linear, oneCycle, sequence, step, warmup } from '../optim/schedules.js';

/** What data can name: JSON holds no functions. */

export const LOSSES = { mae, mse, sigmoidCrossEntropy, softmaxCrossEntropy, sparseSoftmaxCrossEntropy } as const;

export const LOSS_CALLS = { huber } as const;

export const METRICS = { accuracy, binaryAccuracy, meanAbsoluteError, ...LOSSES } as const;

export const SCHEDULES = { constant, cosine, exponential, linear, oneCycle, sequence, step, warmup } as const;

export const OPERATORS = {
  averageWeights,
  ema,
  logEvery,
  maxDuration,
  reduceOnPlateau,
  stopEarly,
  throughput,
  untilMetric,
} as const;
