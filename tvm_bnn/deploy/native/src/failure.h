// Errors inside the library; at the C interface they become a status and a text.
#ifndef TVM_BNN_FAILURE_H
#define TVM_BNN_FAILURE_H

#include <stdexcept>
#include <string>

#include "tvm_bnn.h"

namespace tvm_bnn {

class Failure : public std::runtime_error {
 public:
  Failure(tvmbnn_status status, const std::string& message) : std::runtime_error(message), status(status) {}

  const tvmbnn_status status;
};

inline Failure BadInput(const std::string& message) { return Failure(TVMBNN_BAD_INPUT, message); }
inline Failure Unsupported(const std::string& message) { return Failure(TVMBNN_UNSUPPORTED, message); }
inline Failure Internal(const std::string& message) { return Failure(TVMBNN_INTERNAL, message); }

}  // namespace tvm_bnn

#endif
