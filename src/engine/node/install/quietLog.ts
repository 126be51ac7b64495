/**
 * A source file that is compiled beside the binding's own: it makes TensorFlow's log heed `TF_CPP_MIN_LOG_LEVEL`.
 *
 * TensorFlow 2.18 and later log through Abseil, which only Python tells of that variable, and too late for what is said while the library is
 * loaded. The loader looks for a function in the addon first; so this one is the level that they all ask for. Older ones heed the variable by themselves.
 */
export const QUIET_LOG = `
#include <cstdlib>
#if __has_include("absl/base/log_severity.h")
#include "absl/base/log_severity.h"
namespace absl {
ABSL_NAMESPACE_BEGIN
__attribute__((visibility("default"))) LogSeverityAtLeast MinLogLevel() {
  static const char* const level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  return static_cast<LogSeverityAtLeast>(level ? std::atoi(level) : 0);
}
ABSL_NAMESPACE_END
}  // namespace absl
#endif
`;
