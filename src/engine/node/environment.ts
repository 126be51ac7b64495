/** What native TensorFlow reads from the environment when it is loaded, unless somebody has set it. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  /** Errors only. */
  TF_CPP_MIN_LOG_LEVEL: '2',
  /** Ops of a compiled step run one after the other on the caller's thread, each on all cores: waking others for each op costs more than they save. */
  TF_NUM_INTEROP_THREADS: '-1',
  /** A session whose ops run side by side has threads of its own, and none for parts of an op. */
  TF_OVERRIDE_GLOBAL_THREADPOOL: '1',
  /** TensorFlow would take oneDNN on newer processors only, and it wins on others as well. */
  TF_ENABLE_ONEDNN_OPTS: '1',
};
