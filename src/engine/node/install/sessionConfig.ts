/**
 * A source file that is compiled beside the binding's own: a saved model may say how it is to be run.
 *
 * The binding opens sessions with TensorFlow's defaults, which are the process's. Its call is led through here (`-Wl,--wrap`): what lies beside the graph as
 * `session_config.pb`, a ConfigProto, is the session's.
 */
export const SESSION_CONFIG = `
#include <fstream>
#include <iterator>
#include <string>
#include "tensorflow/c/c_api.h"

extern "C" {
TF_Session* __real_TF_LoadSessionFromSavedModel(const TF_SessionOptions*, const TF_Buffer*, const char*,
                                                const char* const*, int, TF_Graph*, TF_Buffer*, TF_Status*);

TF_Session* __wrap_TF_LoadSessionFromSavedModel(const TF_SessionOptions* options, const TF_Buffer* run_options,
                                                const char* folder, const char* const* tags, int tag_count,
                                                TF_Graph* graph, TF_Buffer* meta_graph, TF_Status* status) {
  std::ifstream file(std::string(folder) + "/session_config.pb", std::ios::binary);
  if (file) {
    const std::string config((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    TF_SetConfig(const_cast<TF_SessionOptions*>(options), config.data(), config.size(), status);
    if (TF_GetCode(status) != TF_OK) return nullptr;
  }
  return __real_TF_LoadSessionFromSavedModel(options, run_options, folder, tags, tag_count, graph, meta_graph, status);
}
}
`;
