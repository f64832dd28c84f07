// The C interface: no exception crosses it.
#include <new>

#include "failure.h"
#include "network.h"
#include "tvm_bnn.h"

struct tvmbnn_network : tvm_bnn::Network {
  using Network::Network;
};

namespace {

thread_local std::string last_error;

tvmbnn_status Failed(tvmbnn_status status, const char* message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
  return status;
}

template <typename Function>
tvmbnn_status Guarded(const Function& function) noexcept {
  try {
    function();
    return TVMBNN_OK;
  } catch (const tvm_bnn::Failure& failure) {
    return Failed(failure.status, failure.what());
  } catch (const std::bad_alloc&) {
    return Failed(TVMBNN_INTERNAL, "no memory left");
  } catch (const std::exception& error) {
    return Failed(TVMBNN_INTERNAL, error.what());
  } catch (...) {
    return Failed(TVMBNN_INTERNAL, "unknown error");
  }
}

// `source` is what a network is made of; `missing` says that there is none.
template <typename Source>
tvmbnn_status Opened(const Source* source, const char* missing, const tvmbnn_options* options,
                     tvmbnn_network** network) noexcept {
  if (network == nullptr) return Failed(TVMBNN_BAD_INPUT, "network: expected a place for it, got NULL");
  *network = nullptr;
  if (source == nullptr) return Failed(TVMBNN_BAD_INPUT, missing);
  return Guarded([&] { *network = new tvmbnn_network(source, options ? *options : tvmbnn_options{}); });
}

}  // namespace

tvmbnn_status tvmbnn_open(const char* bundle, const tvmbnn_options* options, tvmbnn_network** network) {
  return Opened(bundle, "bundle: expected the path of a folder, got NULL", options, network);
}

tvmbnn_status tvmbnn_open_linked(const tvmbnn_linked* linked, const tvmbnn_options* options, tvmbnn_network** network) {
  return Opened(linked, "linked: expected a network of this program, got NULL", options, network);
}

tvmbnn_status tvmbnn_describe(const tvmbnn_network* network, const tvmbnn_description** description) {
  if (network == nullptr) return Failed(TVMBNN_BAD_INPUT, "network: expected an open one, got NULL");
  if (description == nullptr) return Failed(TVMBNN_BAD_INPUT, "description: expected a place for it, got NULL");
  *description = &network->Description();
  return TVMBNN_OK;
}

tvmbnn_status tvmbnn_run(tvmbnn_network* network, const tvmbnn_array* pictures, const tvmbnn_array* result) {
  if (network == nullptr) return Failed(TVMBNN_BAD_INPUT, "network: expected an open one, got NULL");
  if (pictures == nullptr) return Failed(TVMBNN_BAD_INPUT, "picture: expected an array, got NULL");
  if (result == nullptr) return Failed(TVMBNN_BAD_INPUT, "result: expected an array, got NULL");
  return Guarded([&] { network->Run(*pictures, *result); });
}

void tvmbnn_close(tvmbnn_network* network) { delete network; }

const char* tvmbnn_last_error(void) { return last_error.c_str(); }
