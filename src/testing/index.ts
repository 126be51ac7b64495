export {
  fakeWeights,
  gradientStep,
  microStep,
  stepEvent,
  stepResult,
  validationEvent,
  type MicroBatchInput,
  type StepInput,
} from './steps.js';
export { numbersOf, type StepNumbers } from './numbersOf.js';
