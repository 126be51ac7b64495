export { engine, useTensorFlow, type Engine, type EngineName, type EngineOptions } from './engine.js';
export { InstallError } from './node/install/installError.js';
