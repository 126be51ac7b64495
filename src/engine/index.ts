export { engine, useTensorFlow, type Engine, type EngineName } from './engine.js';
