// A loaded bundle: pictures in, results out.
#ifndef TVM_BNN_NETWORK_H
#define TVM_BNN_NETWORK_H

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "manifest.h"
#include "runtime.h"
#include "tvm_bnn.h"

namespace tvm_bnn {

class Network {
 public:
  // Checks, then loads. Throws Failure.
  Network(const char* folder, const tvmbnn_options& options);
  // The same for one that is a part of this program.
  Network(const tvmbnn_linked* linked, const tvmbnn_options& options);
  ~Network();

  const tvmbnn_description& Description() const { return description_; }

  // Throws Failure where an array is not as the contract says.
  void Run(const tvmbnn_array& pictures, const tvmbnn_array& result);

 private:
  struct Machine;

  Network(Manifest manifest, const tvmbnn_options& options);
  void Start(Value library);
  void Describe();
  std::unique_ptr<Machine> NewMachine();
  std::unique_ptr<Machine> Taken();
  void CheckPictures(const tvmbnn_array& pictures) const;
  void CheckResult(const tvmbnn_array& pictures, const tvmbnn_array& result) const;
  void RunAll(const tvmbnn_array& pictures, const tvmbnn_array& result);
  void RunOne(Machine* machine, const uint8_t* picture, int64_t row, uint8_t* result) const;

  Manifest manifest_;
  int threads_;
  Value library_;
  std::mutex idle_lock_;
  std::vector<std::unique_ptr<Machine>> idle_;
  std::vector<tvmbnn_class> classes_;
  tvmbnn_description description_{};
};

}  // namespace tvm_bnn

#endif
