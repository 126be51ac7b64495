export { engine, useTensorFlow, type Engine, type EngineName, type EngineOptions } from './engine.js';
